module github.com/go-jot/jot/redisstore

go 1.26.0

require (
	github.com/go-jot/jot v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/go-jot/jot => ../
