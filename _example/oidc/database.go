package main

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

// In logins stand jot's sessions, with the session (sid) and the subject at the provider. In logouts stand the logout
// tokens of the last hour.
const tables = `
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, issuer TEXT NOT NULL, sub TEXT NOT NULL, name TEXT NOT NULL,
	UNIQUE (issuer, sub));
CREATE TABLE IF NOT EXISTS logins (session TEXT PRIMARY KEY, user TEXT NOT NULL, issuer TEXT NOT NULL,
	sub TEXT NOT NULL, sid TEXT NOT NULL, hint TEXT NOT NULL, until INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS logins_sid ON logins (issuer, sid);
CREATE INDEX IF NOT EXISTS logins_sub ON logins (issuer, sub);
CREATE TABLE IF NOT EXISTS logouts (issuer TEXT NOT NULL, jti TEXT NOT NULL, sub TEXT NOT NULL, sid TEXT NOT NULL,
	at INTEGER NOT NULL, until INTEGER NOT NULL, used BOOLEAN NOT NULL DEFAULT FALSE, PRIMARY KEY (issuer, jti));`

// openDatabase opens a file for these, and for sqlstore, whose tables begin with jot_.
func openDatabase(ctx context.Context, file string) (*sql.DB, error) {
	// A write is on the disk before it is answered: a logout that is lost at a power cut would bring tokens back.
	settings := url.Values{"_pragma": {"busy_timeout(5000)", "synchronous(FULL)"}}
	name := url.URL{Scheme: "file", Opaque: url.PathEscape(file), RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, tables); err != nil {
		return nil, errors.Join(fmt.Errorf("-store %s: %w", file, err), db.Close())
	}
	return db, nil
}

// keptSecret returns the secret in a file, which it makes if there is none: sessions that outlive a restart need one
// that does. A service in earnest has it from wherever its secrets are kept.
func keptSecret(file string) ([]byte, error) {
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
