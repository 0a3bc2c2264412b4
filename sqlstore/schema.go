package sqlstore

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// never is before any instant, in ms.
const never = math.MinInt64

// migrations make the tables, each from what the one before has left. What is released is never changed: a new one is
// added. BYTES stands for the type of what is compared byte for byte.
var migrations = []string{
	`CREATE TABLE jot_state (
		id integer NOT NULL PRIMARY KEY,
		epoch bigint NOT NULL,
		mark bigint NOT NULL);
	CREATE TABLE jot_subjects (
		subject BYTES NOT NULL PRIMARY KEY,
		mark bigint NOT NULL,
		until bigint NOT NULL);
	CREATE INDEX jot_subjects_until ON jot_subjects (until);
	CREATE TABLE jot_sessions (
		subject BYTES NOT NULL,
		session BYTES NOT NULL,
		entered bigint NOT NULL,
		epoch bigint NOT NULL,
		label BYTES NOT NULL,
		scope BYTES NOT NULL,
		current_id BYTES NOT NULL,
		previous_id BYTES NOT NULL,
		started bigint NOT NULL,
		rotated bigint NOT NULL,
		expires bigint NOT NULL,
		PRIMARY KEY (subject, session));
	CREATE INDEX jot_sessions_expires ON jot_sessions (expires);
	CREATE TABLE jot_tokens (
		subject BYTES NOT NULL,
		token BYTES NOT NULL,
		revoker BYTES NOT NULL,
		until bigint NOT NULL,
		PRIMARY KEY (subject, token));
	CREATE INDEX jot_tokens_until ON jot_tokens (until)`,
}

// migrate brings the tables to the newest version. Of several processes one does it, and the others wait. Where it is
// done already, nobody needs the right to do it.
func (s *Store) migrate(ctx context.Context) error {
	if err := s.dialect.prepare(ctx, s.db); err != nil {
		return err
	}
	if version, err := versionOf(ctx, s.db); err == nil && version == len(migrations) {
		return nil
	}
	return s.transact(ctx, func(q querier) error {
		if s.dialect.lock != "" {
			if _, err := q.ExecContext(ctx, s.dialect.lock); err != nil {
				return err
			}
		}
		if _, err := q.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS jot_schema (version integer NOT NULL)"); err != nil {
			return err
		}
		version, err := versionOf(ctx, q)
		if err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("they have version %d, and this package knows %d: it is too old for them", version, len(migrations))
		}
		for ; version < len(migrations); version++ {
			if err := s.advance(ctx, q, version); err != nil {
				return err
			}
		}
		return nil
	})
}

func versionOf(ctx context.Context, q querier) (version int, err error) {
	err = q.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM jot_schema").Scan(&version)
	return version, err
}

// advance makes version+1 of version.
func (s *Store) advance(ctx context.Context, q querier, version int) error {
	for statement := range strings.SplitSeq(strings.ReplaceAll(migrations[version], "BYTES", s.dialect.bytes), ";") {
		if _, err := q.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if version == 0 {
		_, err := q.ExecContext(ctx, s.dialect.rewrite("INSERT INTO jot_state (id, epoch, mark) VALUES (1, 0, $1)"), millis(s.since))
		if err != nil {
			return err
		}
	}
	_, err := q.ExecContext(ctx, s.dialect.rewrite("INSERT INTO jot_schema (version) VALUES ($1)"), version+1)
	return err
}

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
