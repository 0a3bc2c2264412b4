package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"

	"github.com/go-jot/jot"
)

// password is what a table of users has of one: its hash by PBKDF2, because the standard library has no better. If you
// can choose, take argon2id.
type password struct {
	rounds     int
	salt, hash string
}

// of is the hash of a password with these rounds and this salt.
func (p password) of(given string) (string, error) {
	hash, err := pbkdf2.Key(sha256.New, given, []byte(p.salt), p.rounds, sha256.Size)
	return hex.EncodeToString(hash), err
}

// table is what would be a database: alice has the password wonderland, and bob builder.
var table = map[string]password{
	"alice": {
		600_000, "7TY5RRQ44RNPLP4H22DTS3AVCD",
		"4c17f6d5088e34676e423355b9901f9b3fbada253b6a065e5e3c04eefae374d7",
	},
	"bob": {
		600_000, "JW7ITPBOBTNGR3KIG7WLZLDXK4",
		"a91a1ec6339dd60a36be5353c5a083e8ddaebac1787b080f7df29e32bee16124",
	},
}

// nobody is checked in place of a user who is not there. Nobody knows that password.
var nobody = password{
	600_000, "7LDZELNFOUWL7Q7VAON242WDEX", "4cb25aa373e8b6c0bdf4cc337b611409fac553eb105a2dff183b90bc6c812095",
}

// slots bound the hashes under way: more than there are cores would starve everything else.
var slots = make(chan struct{}, runtime.GOMAXPROCS(0))

// errLogin does not say which of the two was wrong: that would tell who has an account.
var errLogin = errors.New("wrong username or password")

// authenticate asks whether a password is the user's. It works as long for a name that nobody has.
func authenticate(ctx context.Context, name, given string) error {
	want, known := table[name]
	if !known {
		want = nobody
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", jot.ErrUnavailable, context.Cause(ctx))
	}
	hash, err := want.of(given)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(hash), []byte(want.hash)) != 1 || !known {
		return errLogin
	}
	return nil
}
