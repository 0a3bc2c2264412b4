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

	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver of the name sqlite, in pure Go

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
	"github.com/go-jot/jot/redisstore"
	"github.com/go-jot/jot/redisstore/goredisstore"
	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

// isRedis reports whether a store is named by the address of a Redis server.
func isRedis(store string) bool {
	return strings.HasPrefix(store, "redis://") || strings.HasPrefix(store, "rediss://")
}

// openStore returns where sessions are kept: in memory, unless a server or a file is named. close ends its use.
func openStore(ctx context.Context, name string, replica bool) (
	store session.Store, closeStore func() error, err error,
) {
	switch {
	case replica && !isRedis(name):
		return nil, nil, errors.New("-replica is for -store redis://…")
	case name == "":
		return memstore.New(), func() error { return nil }, nil
	case isRedis(name):
		return openRedis(ctx, name, replica)
	}
	return openSQLite(ctx, name)
}

// openRedis uses a server that any number of processes share. A replica of what is revoked answers for most access
// tokens by itself, for a service that has very many requests; a logout in another process takes it 250 ms to hear of.
func openRedis(ctx context.Context, address string, replica bool) (
	store session.Store, closeStore func() error, err error,
) {
	settings, err := redis.ParseURL(address)
	if err != nil {
		return nil, nil, errors.New("-store: not the address of a Redis server: redis://user:password@host:6379/0")
	}
	settings.ContextTimeoutEnabled = true // or a request waits for longer than its deadline
	client := redis.NewClient(settings)
	direct, err := goredisstore.New(ctx, client)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("-store redis: %w", err), client.Close())
	}
	if !replica {
		return direct, client.Close, nil
	}
	local, err := redisstore.NewReplica(ctx, direct)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("-replica: %w", err), client.Close())
	}
	return local, func() error { return errors.Join(local.Close(), client.Close()) }, nil
}

// openSQLite uses a file that any number of processes of this machine share.
func openSQLite(ctx context.Context, file string) (store session.Store, closeStore func() error, err error) {
	// A write waits for another one for a while, and is on the disk before it is answered: a logout that is lost at a
	// power cut would bring tokens back to life.
	settings := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"}}
	name := url.URL{Scheme: "file", Opaque: url.PathEscape(file), RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, nil, err
	}
	store, err = sqlstore.New(ctx, db, sqlstore.SQLite)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("-store %s: %w", file, err), db.Close())
	}
	return store, db.Close, nil
}

// keptSecret returns the secret in a file, which it makes if there is none: tokens that outlive a restart need one
// that does. A service in earnest has it from wherever its secrets are kept, as JWT_SECRET_KEY does here.
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
