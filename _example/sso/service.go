package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/remotekeys"
)

// service serves those who are logged in. Of the issuer it knows the URL, and the file where logouts are.
func service(ctx context.Context, cfg config, out io.Writer) (err error) {
	store, db, err := openStore(ctx, cfg.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	source, err := remotekeys.New(ctx, cfg.issuer+"/.well-known/jwks.json", []string{"EdDSA"},
		remotekeys.WithInterval(cfg.refetch),
		remotekeys.WithLateKeys()) // a service that starts while the issuer is down has them when that is back
	if err != nil {
		return err
	}
	auth, err := jot.New(source,
		jot.WithStore(store),
		jot.WithIssuer(cfg.issuer),
		jot.WithAudience(cfg.name),
		jot.WithLeeway(cfg.leeway))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /"+cfg.name, auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{cfg.name + "_of": jot.Identity(r.Context())})
	})))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return err
	}
	return serve(ctx, listener, mux, out)
}
