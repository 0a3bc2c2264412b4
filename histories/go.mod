module github.com/go-jot/jot/histories

go 1.26.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/go-jot/jot v0.0.0
	github.com/go-jot/jot/redisstore v0.0.0
	github.com/go-jot/jot/redisstore/goredisstore v0.0.0
	github.com/go-jot/jot/redisstore/rueidisstore v0.0.0
	github.com/go-jot/jot/sqlstore v0.0.0
	github.com/go-sql-driver/mysql v1.10.1
	github.com/jackc/pgx/v5 v5.12.0
	github.com/redis/go-redis/v9 v9.23.0
	github.com/redis/rueidis v1.0.79
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0
	modernc.org/sqlite v1.62.0
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	go.uber.org/atomic v1.12.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/text v0.41.0 // indirect
	modernc.org/libc v1.80.1 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)

replace (
	github.com/go-jot/jot => ../
	github.com/go-jot/jot/redisstore => ../redisstore
	github.com/go-jot/jot/redisstore/goredisstore => ../redisstore/goredisstore
	github.com/go-jot/jot/redisstore/rueidisstore => ../redisstore/rueidisstore
	github.com/go-jot/jot/sqlstore => ../sqlstore
)
