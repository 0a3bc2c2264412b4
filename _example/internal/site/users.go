package site

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-jot/jot"
)

// User is a row of the table.
type User struct {
	Name, Email string

	salt, hash []byte
}

// State is another one as soon as the address or the password is, since every password brings a salt of its own. It
// tells nothing of either.
func (u *User) State() string {
	sum := sha256.Sum256(slices.Concat(u.salt, []byte(u.Email)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Users keeps passwords as PBKDF2 hashes, because the standard library has no better. If you can choose, take argon2id.
type Users struct {
	db     *sql.DB
	rounds int
	nobody User          // checked in place of an unknown one
	slots  chan struct{} // one hash keeps a core busy: more at once would starve everything else
}

// NewUsers also makes the table, and the two users that there are, unless an earlier start has made them.
func NewUsers(ctx context.Context, db *sql.DB, rounds int) (*Users, error) {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS users
		(name TEXT PRIMARY KEY, email TEXT UNIQUE NOT NULL, salt BLOB, hash BLOB)`)
	if err != nil {
		return nil, err
	}
	s := &Users{db: db, rounds: rounds, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
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

func (s *Users) hashed(password string) (salt, hash []byte, err error) {
	salt = make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	hash, err = s.hash(password, salt)
	return salt, hash, err
}

func (s *Users) hash(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, s.rounds, sha256.Size)
}

// ErrLogin does not say which of the two was wrong: that would tell who has an account.
var ErrLogin = errors.New("wrong name or password")

// Authenticate returns the user of that name or address if the password is theirs. It works as long for one that nobody
// has.
func (s *Users) Authenticate(ctx context.Context, name, password string) (*User, error) {
	find := s.ByName
	if strings.Contains(name, "@") {
		find = s.ByEmail
	}
	u, err := find(ctx, name)
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
		return nil, ErrLogin
	}
	return u, nil
}

// ByToken finds the user of a token. One who was deleted since is refused by ErrUserNotFound.
func (s *Users) ByToken(ctx context.Context, t *jot.Token) (*User, error) {
	return s.ByName(ctx, t.Subject)
}

// ByName returns ErrUserNotFound of jot for a name that nobody has.
func (s *Users) ByName(ctx context.Context, name string) (*User, error) {
	return found(s.db.QueryRowContext(ctx, `SELECT name, email, salt, hash FROM users WHERE name = ?`, name))
}

// ByEmail returns ErrUserNotFound of jot for an address that nobody has.
func (s *Users) ByEmail(ctx context.Context, email string) (*User, error) {
	return found(s.db.QueryRowContext(ctx, `SELECT name, email, salt, hash FROM users WHERE email = ?`, email))
}

func found(row *sql.Row) (*User, error) {
	u := new(User)
	switch err := row.Scan(&u.Name, &u.Email, &u.salt, &u.hash); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, jot.ErrUserNotFound
	case err != nil:
		return nil, fmt.Errorf("%w: %w", jot.ErrUnavailable, err)
	}
	return u, nil
}

// CheckPassword asks for length alone, which is what helps (NIST SP 800-63B).
func CheckPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < 8 || n > 200 {
		return errors.New("A password has 8 to 200 characters.") //nolint:staticcheck // it is shown as it is
	}
	return nil
}

// ErrChanged says that somebody else has been quicker.
var ErrChanged = errors.New("the password has changed meanwhile")

// SetPassword replaces the password that u has. Of two calls at once the second gets ErrChanged.
func (s *Users) SetPassword(ctx context.Context, u *User, password string) error {
	salt, hash, err := s.hashed(password)
	if err != nil {
		return err
	}
	return one(ErrChanged)(s.db.ExecContext(ctx, `UPDATE users SET salt = ?, hash = ? WHERE name = ? AND salt = ?`,
		salt, hash, u.Name, u.salt))
}

// one returns an error of its own for a change that has changed nothing.
func one(none error) func(sql.Result, error) error {
	return func(result sql.Result, err error) error {
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(none, err)
		}
		return nil
	}
}

// ErrEmail does not say why: that would tell who has an account.
var ErrEmail = errors.New("This address cannot be used.") //nolint:staticcheck // it is shown as it is

// SetEmail refuses what is no address, and one that somebody else has.
func (s *Users) SetEmail(ctx context.Context, name, email string) error {
	if address, err := mail.ParseAddress(email); err != nil || address.Address != email {
		return ErrEmail
	}
	return one(ErrEmail)(s.db.ExecContext(ctx, `UPDATE OR IGNORE users SET email = ? WHERE name = ?`, email, name))
}
