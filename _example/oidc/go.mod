module github.com/go-jot/jot/_example/oidc

go 1.26.0

require (
	github.com/coreos/go-oidc/v3 v3.21.0
	github.com/go-jose/go-jose/v4 v4.1.9
	github.com/go-jot/jot v0.0.0
	github.com/go-jot/jot/sqlstore v0.0.0
	golang.org/x/oauth2 v0.37.0
	modernc.org/sqlite v1.62.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

require (
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0 // indirect
	modernc.org/libc v1.80.1 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)

replace (
	github.com/go-jot/jot => ../../
	github.com/go-jot/jot/sqlstore => ../../sqlstore
)
