package rfc9068_test

import (
	"context"
	"fmt"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/rfc9068"
)

// An authorization server of one's own, whose access tokens any library can verify.
func Example() {
	keys := jot.PrivateKey("ES256", key) // a KeySet, so that it can change
	auth, err := jot.New(keys, rfc9068.Profile("web"),
		jot.WithIssuer("https://login.example"), jot.WithAudience("https://api.example"))
	if err != nil {
		panic(err)
	}
	raw, err := auth.CreateAccessToken(context.Background(), "alice")
	if err != nil {
		panic(err)
	}
	header, claims, _ := jot.InsecureDecode(raw)
	fmt.Println(header["typ"], claims["client_id"], claims["aud"])
	// Output: at+jwt web https://api.example
}
