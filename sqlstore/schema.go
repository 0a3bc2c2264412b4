package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// migrations make the tables, each from what the one before has left. What is released is never changed: a new one is
// added. In MySQL a statement that makes or changes a table is committed by itself: all but the first have one alone.
//
// Keys and texts are bytes, so that no collation compares them and no encoding refuses them. Instants are in ms.
var migrations = []string{
	`CREATE TABLE jot_schema (
		version integer NOT NULL PRIMARY KEY) ENGINE;
	INSERT INTO jot_schema (version) VALUES (0);
	CREATE TABLE jot_state (
		id integer NOT NULL PRIMARY KEY,
		epoch bigint NOT NULL,
		mark bigint NOT NULL) ENGINE;
	INSERT INTO jot_state (id, epoch, mark) VALUES (1, 0, SINCE);
	CREATE TABLE jot_subjects (
		subject BYTES NOT NULL,
		mark bigint NOT NULL,
		until bigint NOT NULL,
		KEY OF (subject)) ENGINE;
	CREATE INDEX jot_subjects_until ON jot_subjects (until);
	CREATE TABLE jot_sessions (
		entered SEQUENCE,
		subject BYTES NOT NULL,
		session BYTES NOT NULL,
		epoch bigint NOT NULL,
		label TEXT NOT NULL,
		scope TEXT NOT NULL,
		current_id BYTES NOT NULL,
		previous_id BYTES NOT NULL,
		started bigint NOT NULL,
		rotated bigint NOT NULL,
		expires bigint NOT NULL,
		KEY OF (subject, session)) ENGINE;
	CREATE INDEX jot_sessions_expires ON jot_sessions (expires);
	CREATE TABLE jot_tokens (
		subject BYTES NOT NULL,
		token BYTES NOT NULL,
		revoker BYTES NOT NULL,
		until bigint NOT NULL,
		KEY OF (subject, token)) ENGINE;
	CREATE INDEX jot_tokens_until ON jot_tokens (until)`,
}

// migrate brings the tables to the newest version. Of several processes one does it, and the others wait. Where there
// is nothing to do, nothing is asked that needs a right to make tables.
func (s *Store) migrate(ctx context.Context) error {
	version := 0
	err := s.look(ctx, func(q querier) (settled bool, err error) {
		version, err = s.version(ctx, q)
		return true, err
	})
	if err != nil || version == len(migrations) {
		return err
	}
	return s.transact(ctx, func(q querier) error {
		unlock, err := s.dialect.lockTables(ctx, q)
		if err != nil {
			return err
		}
		defer unlock()
		version, err := s.version(ctx, q)
		if err != nil {
			return err
		}
		for ; version < len(migrations); version++ {
			if err := s.advance(ctx, q, version); err != nil {
				return err
			}
		}
		return nil
	})
}

// version returns that of the tables, 0 if there are none.
func (s *Store) version(ctx context.Context, q querier) (version int, err error) {
	made := false
	if err = q.QueryRowContext(ctx, s.dialect.hasTables).Scan(&made); err != nil || !made {
		return 0, err
	}
	err = q.QueryRowContext(ctx, "SELECT version FROM jot_schema").Scan(&version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, errors.New("jot_schema is empty: it is not this package's")
	case err == nil && version > len(migrations):
		return 0, fmt.Errorf("they have version %d, and this package knows %d: it is too old for them",
			version, len(migrations))
	}
	return version, err
}

// advance makes version+1 of version.
func (s *Store) advance(ctx context.Context, q querier, version int) error {
	text := fmt.Sprintf("%s; UPDATE jot_schema SET version = %d WHERE version = %d",
		migrations[version], version+1, version)
	text = strings.Replace(text, "SINCE", strconv.FormatInt(millis(s.since), 10), 1)
	statements := strings.Split(s.dialect.words.Replace(text), ";")
	if version == 0 && s.dialect.inPlace != nil {
		statements = s.dialect.inPlace(statements)
	}
	for _, statement := range statements {
		if _, err := q.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// never is before any instant, in ms.
const never = math.MinInt64

// millis is an instant as it is stored; the zero time is never.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMilli()
}

// instant is what millis has stored.
func instant(ms int64) time.Time {
	if ms == never {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
