package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-jot/jot/session"
)

// statements are all that a store asks, in its dialect. Those that it has no use for are empty.
type statements struct {
	lockSubject, known, begin, evict       statement
	lockSessions                           statement
	check, checkRecord                     statement
	lockSession, read, change              statement
	lockToken, freeToken                   statement
	revokeToken, revoker, mark, endSubject statement
	revokeAll, list                        statement

	purge []statement
}

// statement is a text, and where its arguments have no numbers, which of them stand in it one after the other.
type statement struct {
	text  string
	order []int
}

var numbers = regexp.MustCompile(`\$[0-9]`)

// statement makes one of a text that is written for PostgreSQL.
func (d dialect) statement(text string) statement {
	s := statement{text: d.words.Replace(text)}
	if d.unnumbered {
		s.text = numbers.ReplaceAllStringFunc(s.text, func(number string) string {
			s.order = append(s.order, int(number[1]-'1'))
			return "?"
		})
	}
	return s
}

// args are the arguments $1, $2 and so on as the driver wants them.
func (s statement) args(list []any) []any {
	if s.order == nil {
		return list
	}
	ordered := make([]any, len(s.order))
	for i, n := range s.order {
		ordered[i] = list[n]
	}
	return ordered
}

// exec runs a statement, if there is one.
func exec(ctx context.Context, q querier, s statement, args ...any) error {
	if s.text == "" {
		return nil
	}
	_, err := changed(ctx, q, s, args...)
	return err
}

// changed runs a statement, and returns how many rows that has changed.
func changed(ctx context.Context, q querier, s statement, args ...any) (rows int64, err error) {
	result, err := q.ExecContext(ctx, s.text, s.args(args)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// queryRow runs a statement that returns one row at most.
func queryRow(ctx context.Context, q querier, s statement, args ...any) *sql.Row {
	return q.QueryRowContext(ctx, s.text, s.args(args)...)
}

// exists runs a statement that selects 1, if there is one, and reports whether that was there. It is no use to run it
// as one that returns nothing: on MariaDB go-sql-driver/mysql 1.10 waits for ever for columns that do not come.
func exists(ctx context.Context, q querier, s statement, args ...any) (found bool, err error) {
	if s.text == "" {
		return false, nil
	}
	err = queryRow(ctx, q, s, args...).Scan(new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// A key and a text go to the database as bytes. A longer one is an error here: a server that is not strict would cut
// it, and take it for another one.
type (
	key  string
	text string
)

// Value implements [driver.Valuer].
func (k key) Value() (driver.Value, error) { return atMost(64, string(k)) }

// Value implements [driver.Valuer].
func (t text) Value() (driver.Value, error) { return atMost(8192, string(t)) }

func atMost(longest int, s string) (driver.Value, error) {
	if len(s) > longest {
		return nil, fmt.Errorf("%d bytes are more than %d", len(s), longest)
	}
	return []byte(s), nil
}

// What a row reads of a session: what says whether it goes on, and the rest.
const (
	vitals  = "s.current_id, s.expires"
	details = "s.previous_id, s.label, s.scope, s.started, s.rotated"
)

// isRevoked asks for the token $2 of the subject $1, $3 being now.
const isRevoked = "EXISTS (SELECT 1 FROM jot_tokens t WHERE t.subject = $1 AND t.token = $2 AND t.until > $3)"

// maxEchoes is how many sessions of a subject are remembered for having ended a moment ago, whoever logs in and out
// without end.
const maxEchoes = 16

func newStatements(d dialect) statements {
	in := d.statement
	check := `SELECT SETTLED, ` + isRevoked + `, a.mark, u.mark, ` + vitals + `%s
		FROM jot_state a
		LEFT JOIN jot_subjects u ON u.subject = $1
		LEFT JOIN jot_sessions s ON s.subject = $1 AND s.session = $4 AND s.epoch = a.epoch
		WHERE a.id = 1`
	s := statements{
		begin: in(`INSERT INTO jot_sessions (subject, session, epoch,
				label, scope, current_id, previous_id, started, rotated, expires)
			VALUES ($1, $2, (SELECT a.epoch FROM jot_state a WHERE a.id = 1), $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (subject, session) DO NOTHING`),
		// All but the $3 sessions that were entered last go, and all but the latest of those that have ended. MySQL
		// takes a table from which it deletes for two only where one is in a table of its own.
		evict: in(fmt.Sprintf(`DELETE FROM jot_sessions WHERE subject = $1 AND (
			length(current_id) > 0 AND entered <= (SELECT l.entered FROM (
				SELECT s.entered FROM jot_sessions s JOIN jot_state a ON a.id = 1 AND a.epoch = s.epoch
				WHERE s.subject = $1 AND length(s.current_id) > 0 AND s.expires > $2
				ORDER BY s.entered DESC LIMIT 1 OFFSET $3) l)
			OR length(current_id) = 0 AND expires < (SELECT l.expires FROM (
				SELECT s.expires FROM jot_sessions s WHERE s.subject = $1 AND length(s.current_id) = 0
				ORDER BY s.expires DESC LIMIT 1 OFFSET %d) l))`, maxEchoes-1)),
		check:       in(fmt.Sprintf(check, "")),
		checkRecord: in(fmt.Sprintf(check, ", "+details)),
		// What has ended keeps what it remembers when everyone is logged out.
		read: in(`SELECT ` + isRevoked + `, ` + vitals + `, ` + details + `
			FROM jot_sessions s JOIN jot_state a ON a.id = 1 AND (a.epoch = s.epoch OR length(s.current_id) = 0)
			WHERE s.subject = $1 AND s.session = $4`),
		change: in(`UPDATE jot_sessions SET
				label = $3, scope = $4, current_id = $5, previous_id = $6, rotated = $7, expires = $8
			WHERE subject = $1 AND session = $2`),
		// The first to revoke a token stays its revoker, until that is over.
		revokeToken: in(`INSERT INTO jot_tokens (subject, token, revoker, until) VALUES ($1, $2, $3, $4)
			ON CONFLICT (subject, token) DO UPDATE SET
				revoker = CASE WHEN jot_tokens.until <= $5 THEN $3 ELSE jot_tokens.revoker END,
				until = LATER(jot_tokens.until, $4)
			RETURNING revoker`),
		mark: in(`INSERT INTO jot_subjects (subject, mark, until) VALUES ($1, $2, $3)
			ON CONFLICT (subject) DO UPDATE SET
				mark = LATER(jot_subjects.mark, $2), until = LATER(jot_subjects.until, $3)`),
		endSubject: in(`DELETE FROM jot_sessions WHERE subject = $1 AND length(current_id) > 0`),
		revokeAll:  in(`UPDATE jot_state SET epoch = epoch + 1, mark = LATER(mark, $1) WHERE id = 1`),
		// The limit is for connections that have one by default.
		list: in(`SELECT SETTLED, s.session, ` + vitals + `, ` + details + `
			FROM jot_sessions s JOIN jot_state a ON a.id = 1 AND a.epoch = s.epoch
			WHERE s.subject = $1 AND length(s.current_id) > 0 AND s.expires > $2 ORDER BY s.entered
			LIMIT 2147483647`),
	}
	if !d.oneWriter {
		// The row is made where there is none, and locked. Nothing else changes, so that no index does.
		s.lockSubject = in(`INSERT INTO jot_subjects (subject, mark, until) VALUES ($1, $2, $3)
			ON CONFLICT (subject) DO UPDATE SET until = jot_subjects.until`)
		s.lockSession = in(`SELECT 1 FROM jot_sessions WHERE subject = $1 AND session = $2` + d.forUpdate)
		s.lockSessions = in(`SELECT COUNT(*) FROM (
			SELECT 1 FROM jot_sessions WHERE subject = $1` + d.forUpdate + `) l`)
		// A token that is not revoked has no row to be locked. The one that is made is over since ever, and goes again.
		s.lockToken = in(`INSERT INTO jot_tokens (subject, token, revoker, until) VALUES ($1, $2, $3, $4)
			ON CONFLICT (subject, token) DO UPDATE SET until = jot_tokens.until`)
		s.freeToken = in(`DELETE FROM jot_tokens WHERE subject = $1 AND token = $2 AND until = $3`)
	}
	if d.tellsLittle {
		s.known = in(`SELECT 1 FROM jot_sessions WHERE subject = $1 AND session = $2`)
		s.revoker = in(`SELECT revoker FROM jot_tokens WHERE subject = $1 AND token = $2`)
	}
	for _, table := range [...]struct{ name, over, key string }{
		{"jot_sessions", "expires", "subject, session"},
		{"jot_tokens", "until", "subject, token"},
		{"jot_subjects", "until", "subject"},
	} {
		of := func(alias string) string { return alias + strings.ReplaceAll(table.key, ", ", ", "+alias) }
		s.purge = append(s.purge, in(fmt.Sprintf(d.some, table.name, table.over, batch, table.key, of("t."), of("x."))))
	}
	return s
}

// row reads a session; it stays empty where there is none.
type row struct {
	current, previous, label, scope []byte
	expires, started, rotated       *int64
}

func (r *row) vitals() []any { return []any{&r.current, &r.expires} }

func (r *row) details() []any { return []any{&r.previous, &r.label, &r.scope, &r.started, &r.rotated} }

// record returns what was read, the zero Record if there was nothing.
func (r *row) record(subject, id string) session.Record {
	if r.expires == nil {
		return session.Record{}
	}
	known := session.Record{
		Subject: subject, Session: id, Label: string(r.label), Scope: string(r.scope),
		Current: string(r.current), Previous: string(r.previous), Expires: instant(*r.expires),
	}
	if r.started != nil && r.rotated != nil {
		known.Start, known.RotatedAt = instant(*r.started), instant(*r.rotated)
	}
	return known
}
