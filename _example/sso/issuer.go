package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/go-jot/jot"
)

// services are all that a login is for.
var services = []string{"orders", "invoices"}

// issuer logs users in, and out.
func issuer(ctx context.Context, cfg config, out io.Writer) (err error) {
	store, db, err := openStore(ctx, cfg.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rotation, err := newRotation(cfg, out)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return err
	}
	auth, err := jot.New(rotation.set,
		jot.WithStore(store),
		jot.WithIssuer("http://"+listener.Addr().String()),
		jot.WithAudience(services...),
		jot.WithAccessTTL(cfg.access),
		jot.WithLeeway(cfg.leeway),
		jot.WithRefreshKeys(jot.HS256(rotation.keys.Refresh)),
		jot.WithRotationGrace(time.Minute)) // who lost an answer when this process died asks again when it is back
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	go rotation.run(ctx)
	return serve(ctx, listener, routes(auth), out)
}

func routes(auth *jot.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { login(auth, w, r) })
	mux.Handle("POST /refresh", auth.RefreshHandler())
	mux.Handle("DELETE /logout", auth.LogoutHandler())
	mux.Handle("DELETE /sessions", auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := auth.RevokeSubject(r.Context(), jot.Identity(r.Context())); err != nil {
			auth.WriteError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})))
	mux.Handle("GET /.well-known/jwks.json", auth.JWKSHandler())
	return mux
}

// login answers a right password with the tokens for all services.
func login(auth *jot.Manager, w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10) // nobody has to read more before a password was right
	if err := r.ParseForm(); err != nil {
		http.Error(w, "send username and password as a form", http.StatusBadRequest)
		return
	}
	name := r.PostForm.Get("username") // never from the URL, which ends up in logs
	err := authenticate(r.Context(), name, r.PostForm.Get("password"))
	if errors.Is(err, errLogin) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var pair *jot.Pair
	if err == nil {
		pair, err = auth.CreatePair(r.Context(), name, jot.Fresh())
	}
	if err != nil {
		auth.WriteError(w, r, err)
		return
	}
	_ = auth.WritePair(w, pair) // it fails only when the client has gone
}
