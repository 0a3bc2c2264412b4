// Command quickstart is the program of the README.
package main

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

func main() {
	secret := jot.GenerateSecret() // one that you keep, for tokens that outlive a restart
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()

	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("username") != "alice" || r.PostFormValue("password") != "wonderland" { // ask your database
			http.Error(w, "wrong username or password", http.StatusUnauthorized)
			return
		}
		pair, err := auth.CreatePair(r.Context(), "alice", jot.Fresh(), jot.Scopes("notes:read"))
		if err != nil {
			auth.WriteError(w, r, err)
			return
		}
		_ = auth.WritePair(w, pair)
	})
	mux.Handle("POST /refresh", auth.RefreshHandler())
	mux.Handle("DELETE /logout", auth.LogoutHandler())

	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "hello %s\n", jot.Identity(r.Context()))
	})
	mux.Handle("GET /hello", auth.Required()(hello))
	mux.Handle("GET /notes", auth.Required(jot.Scopes("notes:read"))(hello))
	mux.Handle("GET /admin", auth.Required(jot.Scopes("admin"))(hello))
	mux.Handle("DELETE /account", auth.Required(jot.Fresh())(hello))

	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
