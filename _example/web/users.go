package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"runtime"
	"unicode/utf8"

	"github.com/go-jot/jot"
)

// user is a row of the table.
type user struct {
	Name, Email string

	salt, hash []byte
}

// users keeps passwords as PBKDF2 hashes, because the standard library has no better. If you can choose, take argon2id.
type users struct {
	db     *sql.DB
	rounds int
	nobody user          // checked in place of an unknown one
	slots  chan struct{} // one hash keeps a core busy: more at once would starve everything else
}

// newUsers also makes the two users that there are, unless an earlier start has made them.
func newUsers(ctx context.Context, db *sql.DB, rounds int) (*users, error) {
	s := &users{db: db, rounds: rounds, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	var err error
	if s.nobody.salt, s.nobody.hash, err = s.hashed(rand.Text()); err != nil {
		return nil, err
	}
	for name, password := range map[string]string{"alice": "wonderland", "bob": "builder"} {
		salt, hash, err := s.hashed(password)
		if err != nil {
			return nil, err
		}
		_, err = db.ExecContext(ctx, `INSERT INTO users (name, email, salt, hash) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) DO NOTHING`, name, name+"@example.com", salt, hash)
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *users) hashed(password string) (salt, hash []byte, err error) {
	salt = make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	hash, err = s.hash(password, salt)
	return salt, hash, err
}

func (s *users) hash(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, s.rounds, sha256.Size)
}

// errLogin does not say which of the two was wrong: that would tell who has an account.
var errLogin = errors.New("wrong name or password")

// authenticate returns the user of that name if the password is theirs. It works as long for a name that nobody has.
func (s *users) authenticate(ctx context.Context, name, password string) (*user, error) {
	u, err := s.byName(ctx, name)
	unknown := errors.Is(err, jot.ErrUserNotFound)
	switch {
	case unknown:
		u = &s.nobody
	case err != nil:
		return nil, err
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
	if subtle.ConstantTimeCompare(hash, u.hash) != 1 || unknown {
		return nil, errLogin
	}
	return u, nil
}

// byToken finds the user of a token. One who was deleted since is refused by ErrUserNotFound.
func (s *users) byToken(ctx context.Context, t *jot.Token) (*user, error) {
	return s.byName(ctx, t.Subject)
}

func (s *users) byName(ctx context.Context, name string) (*user, error) {
	return found(s.db.QueryRowContext(ctx, `SELECT name, email, salt, hash FROM users WHERE name = ?`, name))
}

func (s *users) byEmail(ctx context.Context, email string) (*user, error) {
	return found(s.db.QueryRowContext(ctx, `SELECT name, email, salt, hash FROM users WHERE email = ?`, email))
}

func found(row *sql.Row) (*user, error) {
	u := new(user)
	switch err := row.Scan(&u.Name, &u.Email, &u.salt, &u.hash); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, jot.ErrUserNotFound
	case err != nil:
		return nil, fmt.Errorf("%w: %w", jot.ErrUnavailable, err)
	}
	return u, nil
}

// checkPassword asks for length alone, which is what helps (NIST SP 800-63B).
func checkPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < 8 || n > 200 {
		return errors.New("A password has 8 to 200 characters.") //nolint:staticcheck // it is shown as it is
	}
	return nil
}

func (s *users) setPassword(ctx context.Context, name, password string) error {
	salt, hash, err := s.hashed(password)
	if err == nil {
		_, err = s.db.ExecContext(ctx, `UPDATE users SET salt = ?, hash = ? WHERE name = ?`, salt, hash, name)
	}
	return err
}

var errEmail = errors.New("This address cannot be used.") //nolint:staticcheck // it is shown as it is

// setEmail refuses what is no address, and one that somebody else has.
func (s *users) setEmail(ctx context.Context, name, email string) error {
	if address, err := mail.ParseAddress(email); err != nil || address.Address != email {
		return errEmail
	}
	result, err := s.db.ExecContext(ctx, `UPDATE OR IGNORE users SET email = ? WHERE name = ?`, email, name)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errEmail, err)
	}
	return nil
}
