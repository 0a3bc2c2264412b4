package remotekeys_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/remotekeys"
)

// A service that only asks who they are follows the one that logs users in.
func ExampleNew() {
	ctx := context.Background() // whose end stops the requests
	mux := http.NewServeMux()

	// ctx is the service's, not one of its start: the keys are followed until it ends.
	keys, err := remotekeys.New(ctx, "https://login.example/.well-known/jwks.json", []string{"EdDSA"})
	if err != nil {
		log.Fatal(err)
	}
	orders, err := jot.New(keys, jot.WithIssuer("https://login.example"), jot.WithAudience("orders"))
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("GET /orders", orders.Required()(list))
}

var list = http.NotFoundHandler()

// A service that starts together with its issuer, asks more often than that wants, and has an alarm of its own.
func ExampleWithLateKeys() {
	login, err := jot.New(eddsa, jot.WithIssuer("login"), jot.WithAudience("orders"))
	if err != nil {
		log.Fatal(err)
	}
	issuer := httptest.NewServer(login.JWKSHandler()) // plain HTTP, but on this machine
	defer issuer.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	keys, err := remotekeys.New(ctx, issuer.URL, []string{"EdDSA"},
		remotekeys.WithLateKeys(),
		remotekeys.WithInterval(time.Minute),
		remotekeys.WithErrorHandler(func(err error) { log.Print(err) }))
	if err != nil {
		log.Print(err)
		return
	}
	orders, err := jot.New(keys, jot.WithIssuer("login"), jot.WithAudience("orders"))
	if err != nil {
		log.Print(err)
		return
	}

	raw, err := login.CreateAccessToken(ctx, "alice")
	if err != nil {
		log.Print(err)
		return
	}
	token, err := orders.Verify(ctx, raw)
	fmt.Println(token.Subject, err)
	// Output: alice <nil>
}
