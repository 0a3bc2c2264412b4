package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/go-jot/jot"
)

// user is a row of what would be a database.
type user struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`

	salt, hash []byte
}

// users keeps passwords as PBKDF2 hashes, because the standard library has no better. If you can choose, take argon2id.
type users struct {
	known  map[string]*user
	nobody *user // checked in place of an unknown one
	rounds int
	slots  chan struct{}
}

func newUsers(rounds int) (*users, error) {
	// One hash keeps a core busy for a good part of a second: more at once than there are cores would starve
	// everything else.
	s := &users{known: map[string]*user{}, rounds: rounds, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for _, row := range []struct {
		user     user
		password string
	}{
		{user{Name: "alice", Scopes: []string{"admin"}}, "wonderland"},
		{user{Name: "bob", Scopes: []string{}}, "builder"},
		{user{}, rand.Text()},
	} {
		u := row.user
		u.salt = make([]byte, 16)
		_, _ = rand.Read(u.salt) // never fails
		var err error
		if u.hash, err = s.hash(row.password, u.salt); err != nil {
			return nil, err
		}
		if u.Name == "" {
			s.nobody = &u
		} else {
			s.known[u.Name] = &u
		}
	}
	return s, nil
}

func (s *users) hash(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, s.rounds, sha256.Size)
}

// errLogin does not say which of the two was wrong: that would tell who has an account.
var errLogin = errors.New("wrong username or password")

// authenticate returns the user of that name if the password is theirs. It works as long for a name that nobody has.
func (s *users) authenticate(ctx context.Context, name, password string) (*user, error) {
	u, ok := s.known[name]
	if !ok {
		u = s.nobody
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", jot.ErrUnavailable, context.Cause(ctx))
	}
	hash, err := s.hash(password, u.salt)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(hash, u.hash) != 1 || !ok {
		return nil, errLogin
	}
	return u, nil
}

// byToken finds the user of a token. One who was deleted since is refused by ErrUserNotFound.
func (s *users) byToken(_ context.Context, t *jot.Token) (*user, error) {
	u, ok := s.known[t.Subject]
	if !ok {
		return nil, jot.ErrUserNotFound
	}
	return u, nil
}

func (s *users) names() []string {
	return slices.Sorted(maps.Keys(s.known))
}
