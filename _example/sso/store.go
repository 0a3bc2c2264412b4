package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver of the name sqlite, in pure Go

	"github.com/go-jot/jot/sqlstore"
)

// openStore opens the file of sessions, which the issuer writes and all read: it is how the services know of logouts.
func openStore(ctx context.Context, file string) (*sqlstore.Store, *sql.DB, error) {
	// A write is on the disk before it is answered: a logout that is lost at a power cut would bring tokens back.
	settings := url.Values{"_pragma": {"busy_timeout(5000)", "synchronous(FULL)"}}
	name := url.URL{Scheme: "file", Opaque: url.PathEscape(file), RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.New(ctx, db, sqlstore.SQLite)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("-store %s: %w", file, err), db.Close())
	}
	return store, db, nil
}
