module github.com/go-jot/jot/remotekeys

go 1.26.0

require (
	github.com/MicahParks/jwkset v0.11.4
	github.com/go-jot/jot v0.0.0
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/stretchr/testify v1.12.1
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/time v0.9.0 // indirect
)

replace github.com/go-jot/jot => ../
