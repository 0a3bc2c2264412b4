package sqlstore

import (
	"fmt"

	"github.com/go-jot/jot/session"
)

// statements are the texts of all that a store asks, in its dialect.
type statements struct {
	lockSubject, begin, evict     string
	check, checkRecord            string
	lockSession, read, change     string
	revokeToken, mark, endSubject string
	revokeAll, list               string

	purge []string
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
	in := d.words.Replace
	check := `SELECT ` + isRevoked + `, a.mark, u.mark, ` + vitals + `%s
		FROM jot_state a
		LEFT JOIN jot_subjects u ON u.subject = $1
		LEFT JOIN jot_sessions s ON s.subject = $1 AND s.session = $4 AND s.epoch = a.epoch
		WHERE a.id = 1`
	s := statements{
		begin: in(`INSERT INTO jot_sessions (subject, session, epoch,
				label, scope, current_id, previous_id, started, rotated, expires)
			VALUES ($1, $2, (SELECT a.epoch FROM jot_state a WHERE a.id = 1), $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (subject, session) DO NOTHING`),
		// All but the $3 sessions that were entered last go, and all but the latest of those that have ended.
		evict: in(fmt.Sprintf(`DELETE FROM jot_sessions WHERE subject = $1 AND (
			length(current_id) > 0 AND entered <= (
				SELECT s.entered FROM jot_sessions s JOIN jot_state a ON a.id = 1 AND a.epoch = s.epoch
				WHERE s.subject = $1 AND length(s.current_id) > 0 AND s.expires > $2
				ORDER BY s.entered DESC LIMIT 1 OFFSET $3)
			OR length(current_id) = 0 AND expires < (
				SELECT s.expires FROM jot_sessions s WHERE s.subject = $1 AND length(s.current_id) = 0
				ORDER BY s.expires DESC LIMIT 1 OFFSET %d))`, maxEchoes-1)),
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
				revoker = CASE WHEN jot_tokens.until <= $5 THEN excluded.revoker ELSE jot_tokens.revoker END,
				until = LATER(jot_tokens.until, excluded.until)
			RETURNING revoker`),
		mark: in(`INSERT INTO jot_subjects (subject, mark, until) VALUES ($1, $2, $3)
			ON CONFLICT (subject) DO UPDATE SET
				mark = LATER(jot_subjects.mark, excluded.mark), until = LATER(jot_subjects.until, excluded.until)`),
		endSubject: in(`DELETE FROM jot_sessions WHERE subject = $1 AND length(current_id) > 0`),
		revokeAll:  in(`UPDATE jot_state SET epoch = epoch + 1, mark = LATER(mark, $1) WHERE id = 1`),
		list: in(`SELECT s.session, ` + vitals + `, ` + details + `
			FROM jot_sessions s JOIN jot_state a ON a.id = 1 AND a.epoch = s.epoch
			WHERE s.subject = $1 AND length(s.current_id) > 0 AND s.expires > $2 ORDER BY s.entered`),
	}
	if !d.oneWriter {
		// The row is made where there is none, and locked. Nothing else changes, so that no index does.
		s.lockSubject = in(`INSERT INTO jot_subjects (subject, mark, until) VALUES ($1, $2, $3)
			ON CONFLICT (subject) DO UPDATE SET until = jot_subjects.until`)
		s.lockSession = in(`SELECT 1 FROM jot_sessions WHERE subject = $1 AND session = $2` + d.forUpdate)
	}
	for _, over := range [...][2]string{
		{"jot_sessions", "expires"},
		{"jot_tokens", "until"},
		{"jot_subjects", "until"},
	} {
		some := fmt.Sprintf("DELETE FROM %[1]s WHERE "+d.some+" AND %[2]s <= $1", over[0], over[1], batch)
		s.purge = append(s.purge, in(some))
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
