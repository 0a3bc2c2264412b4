package site

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver of the name sqlite, in pure Go

	"github.com/go-jot/jot"
)

// OpenDatabase opens an SQLite file, made if there is none, for the tables of an example and those of sqlstore, which
// begin with jot_.
func OpenDatabase(ctx context.Context, file string) (*sql.DB, error) {
	// A write is on the disk before it is answered: a logout that is lost at a power cut would bring tokens back.
	settings := url.Values{"_pragma": {"busy_timeout(5000)", "synchronous(FULL)"}}
	name := url.URL{Scheme: "file", Opaque: url.PathEscape(file), RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("-store %s: %w", file, err), db.Close())
	}
	return db, nil
}

// KeptSecret returns the secret in a file, which it makes if there is none: tokens that outlive a restart need one
// that does. A service in earnest has it from wherever its secrets are kept.
func KeptSecret(file string) ([]byte, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the name comes from whoever starts the program
	if errors.Is(err, fs.ErrNotExist) {
		secret := jot.GenerateSecret()
		return secret, os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(secret)+"\n"), 0o600)
	}
	if err != nil {
		return nil, err
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: it is not base64: %w", file, err)
	}
	return secret, nil
}
