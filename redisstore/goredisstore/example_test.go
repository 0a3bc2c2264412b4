package goredisstore_test

import (
	"context"
	"encoding/base64"
	"log"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/redisstore/goredisstore"
)

// One server.
func ExampleNew() {
	secret, err := base64.StdEncoding.DecodeString(os.Getenv("JWT_SECRET")) // made once, by openssl rand -base64 48
	if err != nil {
		log.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{
		Addr:                  os.Getenv("REDIS_ADDR"),
		ContextTimeoutEnabled: true, // or a request waits for longer than its deadline
	})
	store, err := goredisstore.New(context.Background(), rdb)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(store))
	if err != nil {
		log.Fatal(err)
	}
	_ = auth
}

// A cluster, shared with other applications.
func ExampleNew_cluster() {
	rdb := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                 []string{"10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"},
		ContextTimeoutEnabled: true,
	})
	store, err := goredisstore.New(context.Background(), rdb, redisstore.Prefix("shop:jot:"))
	if err != nil {
		log.Fatal(err)
	}
	_ = store
}

// A client that gives up soon while nobody listens at the server's address. By default it dials again and again, and a
// request that could have been answered with 503 waits for that, up to the whole time of a call.
func ExampleNew_refused() {
	rdb := redis.NewClient(&redis.Options{
		Addr:                  os.Getenv("REDIS_ADDR"),
		ContextTimeoutEnabled: true,
		DialerRetries:         1, // dial once
		MaxRetries:            1, // and repeat a command once, since an answer may be lost
	})
	store, err := goredisstore.New(context.Background(), rdb)
	if err != nil {
		log.Fatal(err)
	}
	_ = store
}

// A process with very many requests answers for most access tokens from its memory.
func ExampleNew_replica() {
	secret := jot.GenerateSecret()
	rdb := redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS_ADDR"), ContextTimeoutEnabled: true})
	store, err := goredisstore.New(context.Background(), rdb)
	if err != nil {
		log.Fatal(err)
	}
	replica, err := redisstore.NewReplica(context.Background(), store)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(replica))
	if err != nil {
		log.Fatal(err)
	}
	_ = auth
	// …serve…
	_ = replica.Close()
}
