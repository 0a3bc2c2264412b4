module github.com/go-jot/jot/redisstore

go 1.26.0

require github.com/go-jot/jot v0.0.0

replace github.com/go-jot/jot => ../
