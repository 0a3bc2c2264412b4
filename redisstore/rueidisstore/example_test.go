package rueidisstore_test

import (
	"context"
	"encoding/base64"
	"log"
	"os"
	"time"

	"github.com/redis/rueidis"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/redisstore/rueidisstore"
)

// One server, or a cluster: the client finds out.
func ExampleNew() {
	secret, err := base64.StdEncoding.DecodeString(os.Getenv("JWT_SECRET")) // made once, by openssl rand -base64 48
	if err != nil {
		log.Fatal(err)
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{os.Getenv("REDIS_ADDR")}})
	if err != nil {
		log.Fatal(err)
	}
	store, err := rueidisstore.New(context.Background(), client)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(store))
	if err != nil {
		log.Fatal(err)
	}
	_ = auth
}

// A client that gives up soon while nobody listens at the server's address. By default it asks again until the time of
// a call is over, and a request that could have been answered with 503 waits for that.
func ExampleNew_refused() {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{os.Getenv("REDIS_ADDR")},
		RetryDelay: func(attempts int, _ rueidis.Completed, _ error) time.Duration {
			if attempts > 3 {
				return -1 // it is down
			}
			return time.Duration(attempts) * 10 * time.Millisecond
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	store, err := rueidisstore.New(context.Background(), client)
	if err != nil {
		log.Fatal(err)
	}
	_ = store
}
