// Package sqlstore keeps jot's sessions in a database, so that they outlive the process and are shared by many:
// SQLite for one machine, with one file and no server, or PostgreSQL, MariaDB or MySQL for any number of them.
//
// Open the database with whatever driver of [database/sql] you like, give it to [New], and the store to
// jot.WithStore. New makes the tables; nothing else has to be set up. This package imports no driver.
//
// # SQLite
//
// With modernc.org/sqlite, which needs no C compiler:
//
//	file:sessions.db?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)
//
// Several processes may use one file. New sets journal_mode=WAL, which stays with the file, so that look-ups wait for
// nobody; writes wait for each other, with or without busy_timeout. synchronous=FULL lets no acknowledged logout be
// lost at a power cut: it would bring tokens back to life. An in-memory database is refused where each connection
// would have one of its own; package memstore is for that.
//
// # PostgreSQL
//
// With github.com/jackc/pgx/v5/stdlib or any other driver. Leave synchronous_commit on, and look up on the primary: a
// replica that lags does not know of the latest logouts. Any default isolation will do.
//
// # MySQL and MariaDB
//
// With github.com/go-sql-driver/mysql:
//
//	user:password@tcp(host:3306)/database?interpolateParams=true
//	&timeout=2s&readTimeout=5s&writeTimeout=5s&innodb_lock_wait_timeout=2
//
// interpolateParams halves the round trips. The first three limits are for connections that the pool makes for nobody
// in particular, the last one lets the server notice that a caller has gone away while it waits for a row. Leave
// innodb_flush_log_at_trx_commit at 1, and look up on the primary. Whatever else a DSN says of isolation, autocommit,
// sql_mode and the like will do; New refuses the few settings that will not, and servers older than MySQL 8.0 and
// MariaDB 10.6. It was tested on MariaDB, and not on MySQL.
//
// # What it costs
//
// A look-up is one statement, and so is a revoked token, but for MySQL. A login, a refresh and a logout are each a
// short transaction that locks rows of one subject. What is in the way of another transaction is tried again, for some
// seconds or until the caller's context ends. No goroutine runs: writes delete what has expired by the way, an hour
// late and a few hundred rows at a time, and [Store.Purge] deletes all of it.
package sqlstore
