package jottest_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/jottest"
)

// The test of a handler behind a guard: no login, no server.
func ExampleRequest() {
	auth, err := jot.New(jot.HS256(jot.GenerateSecret()))
	if err != nil {
		log.Fatal(err)
	}
	admin := auth.Required(jot.Scopes("admin"))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "hello %s", jot.Identity(r.Context()))
	}))

	testAdmin := func(t *testing.T) { // TestAdmin, in your own file
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, jottest.Request(t, auth, http.MethodGet, "/admin", "alice", jot.Scopes("admin")))
		if w.Code != http.StatusOK || w.Body.String() != "hello alice" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	_ = testAdmin
}

// A request that has a body already is logged in by Authorize.
func ExampleAuthorize() {
	auth, err := jot.New(jot.HS256(jot.GenerateSecret()))
	if err != nil {
		log.Fatal(err)
	}
	rename := auth.Required(jot.Fresh())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s is now %s", jot.Identity(r.Context()), r.PostFormValue("name"))
	}))

	testRename := func(t *testing.T) { // TestRename, in your own file
		r := httptest.NewRequest(http.MethodPost, "/name", strings.NewReader("name=Alice"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		jottest.Authorize(t, r, auth, "u1", jot.Fresh())
		w := httptest.NewRecorder()
		rename.ServeHTTP(w, r)
		if w.Body.String() != "u1 is now Alice" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	_ = testRename
}
