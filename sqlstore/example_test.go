package sqlstore_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/sqlstore"
)

var secret = jot.GenerateSecret()

// SQLite needs nothing but a file, here by the driver modernc.org/sqlite.
//
//nolint:lll // the README's lines
func ExampleNew() {
	secret, err := base64.StdEncoding.DecodeString(os.Getenv("JWT_SECRET")) // made once, by openssl rand -base64 48
	if err != nil {
		log.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:sessions.db?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)") // modernc.org/sqlite
	if err != nil {
		log.Fatal(err)
	}
	store, err := sqlstore.New(context.Background(), db, sqlstore.SQLite) // makes its tables, if there are none
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(store))
	if err != nil {
		log.Fatal(err)
	}
	_ = auth
}

// PostgreSQL, here by the driver github.com/jackc/pgx/v5/stdlib.
func ExampleNew_postgreSQL() {
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	store, err := sqlstore.New(context.Background(), db, sqlstore.PostgreSQL)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(store))
	if err != nil {
		log.Fatal(err)
	}
	_ = auth
}

// MySQL or MariaDB, here by the driver github.com/go-sql-driver/mysql.
func ExampleNew_mySQL() {
	// user:password@tcp(host:3306)/database?interpolateParams=true
	// &timeout=2s&readTimeout=5s&writeTimeout=5s&innodb_lock_wait_timeout=2
	db, err := sql.Open("mysql", os.Getenv("DATABASE_DSN"))
	if err != nil {
		log.Fatal(err)
	}
	store, err := sqlstore.New(context.Background(), db, sqlstore.MySQL)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(store))
	if err != nil {
		log.Fatal(err)
	}
	_ = auth
}

// A login outlives the process: the next one opens the same file.
func ExampleStore() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(dir, "sessions.db")

	db, auth := start(file)
	pair, err := auth.CreatePair(context.Background(), "alice")
	fmt.Println(err, db.Close())

	db, auth = start(file)
	token, err := auth.Verify(context.Background(), pair.AccessToken)
	fmt.Println(token.Subject, err, db.Close(), os.RemoveAll(dir))
	// Output:
	// <nil> <nil>
	// alice <nil> <nil> <nil>
}

func start(file string) (*sql.DB, *jot.Manager) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=synchronous(FULL)")
	if err != nil {
		log.Fatal(err)
	}
	store, err := sqlstore.New(context.Background(), db, sqlstore.SQLite)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := jot.New(jot.HS256(secret), jot.WithStore(store))
	if err != nil {
		log.Fatal(err)
	}
	return db, auth
}

// What a burst of logins has left goes at once, from a nightly job say.
func ExampleStore_Purge() {
	purge := func(ctx context.Context, store *sqlstore.Store) {
		rows, err := store.Purge(ctx, time.Now())
		log.Printf("purged %d rows: %v", rows, err)
	}
	_ = purge
}
