package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// claimsKey is where the peer's middleware keeps the claims in a request's context.
type claimsKey struct{}

// peerGuarded is the middleware that people write around golang-jwt, and a handler that reads who is there.
func peerGuarded(k key) http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{k.alg}), jwt.WithExpirationRequired())
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := r.Context().Value(claimsKey{}).(jwt.MapClaims)
		greet(w, claims["sub"])
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		claims := jwt.MapClaims{}
		_, err := parser.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) { return k.peer, nil })
		if err != nil || !found {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
	})
}

// peerIssue makes an access token with the claims that jot gives one.
func peerIssue(k key) (string, error) {
	now := time.Now().Unix()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": subject, "iat": now, "exp": now + 900, "auth_time": now, "jti": rand.Text(), "type": "access",
		"fresh": true, "roles": roles,
	}).SignedString(k.peer)
}
