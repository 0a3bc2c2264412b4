package sqlstore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-jot/jot/session"
)

// statements are the texts of all that a store asks, in its dialect.
type statements struct {
	touch, entered, evict, begin, check, lock, change, revoke, forget, revokeAll, list string

	purge []string
}

// columns are those of a session that a row reads.
const columns = "s.label, s.scope, s.current_id, s.previous_id, s.started, s.rotated, s.expires"

// isRevoked asks for a token by $1 and $3, now being $4.
const isRevoked = "EXISTS (SELECT 1 FROM jot_tokens t WHERE t.subject = $1 AND t.token = $3 AND t.until > $4)"

func newStatements(d dialect) statements {
	in := func(text string) string {
		return d.rewrite(strings.NewReplacer("GREATEST", d.greatest, " LOCKED ROW", d.forUpdate).Replace(text))
	}
	s := statements{
		// The subject's row is made, and locked; its mark and its end only move forward.
		touch: in(`INSERT INTO jot_subjects (subject, mark, until) VALUES ($1, $2, $3)
			ON CONFLICT (subject) DO UPDATE SET
				mark = GREATEST(jot_subjects.mark, excluded.mark), until = GREATEST(jot_subjects.until, excluded.until)`),
		entered: in(`SELECT EXISTS (SELECT 1 FROM jot_sessions s WHERE s.subject = $1 AND s.session = $2)`),
		// All but the $3 sessions that were entered last go, and what is over.
		evict: in(`DELETE FROM jot_sessions WHERE subject = $1 AND (expires <= $2 OR length(current_id) > 0 AND entered <= (
			SELECT s.entered FROM jot_sessions s JOIN jot_state a ON a.id = 1 AND a.epoch = s.epoch
			WHERE s.subject = $1 AND length(s.current_id) > 0 AND s.expires > $2
			ORDER BY s.entered DESC LIMIT 1 OFFSET $3))`),
		begin: in(`INSERT INTO jot_sessions
				(subject, session, entered, epoch, label, scope, current_id, previous_id, started, rotated, expires)
			VALUES ($1, $2, (SELECT COALESCE(MAX(s.entered), 0) + 1 FROM jot_sessions s WHERE s.subject = $1),
				(SELECT a.epoch FROM jot_state a WHERE a.id = 1), $3, $4, $5, $6, $7, $8, $9)`),
		check: in(`SELECT ` + isRevoked + `, a.mark, COALESCE(u.mark, ` + strconv.FormatInt(never, 10) + `), ` + columns + `
			FROM jot_state a
			LEFT JOIN jot_subjects u ON u.subject = $1
			LEFT JOIN jot_sessions s ON s.subject = $1 AND s.session = $2 AND s.epoch = a.epoch
			WHERE a.id = 1`),
		lock: in(`SELECT ` + isRevoked + `, ` + columns + `
			FROM jot_sessions s JOIN jot_state a ON a.id = 1 AND a.epoch = s.epoch
			WHERE s.subject = $1 AND s.session = $2 LOCKED ROW`),
		change: in(`UPDATE jot_sessions SET label = $3, scope = $4, current_id = $5, previous_id = $6, rotated = $7, expires = $8
			WHERE subject = $1 AND session = $2`),
		// Of several that revoke a token the first stays its revoker, until that is over.
		revoke: in(`INSERT INTO jot_tokens (subject, token, revoker, until) VALUES ($1, $2, $3, $4)
			ON CONFLICT (subject, token) DO UPDATE SET
				revoker = CASE WHEN jot_tokens.until <= $5 THEN excluded.revoker ELSE jot_tokens.revoker END,
				until = GREATEST(jot_tokens.until, excluded.until)
			RETURNING revoker`),
		forget:    in(`DELETE FROM jot_sessions WHERE subject = $1`),
		revokeAll: in(`UPDATE jot_state SET epoch = epoch + 1, mark = GREATEST(mark, $1) WHERE id = 1`),
		list: in(`SELECT s.session, ` + columns + `
			FROM jot_sessions s JOIN jot_state a ON a.id = 1 AND a.epoch = s.epoch
			WHERE s.subject = $1 AND length(s.current_id) > 0 AND s.expires > $2 ORDER BY s.entered`),
	}
	for _, over := range [][2]string{
		{"jot_sessions", "expires <= $1"},
		{"jot_tokens", "until <= $1"},
		{"jot_subjects", "until <= $1 AND NOT EXISTS (SELECT 1 FROM jot_sessions s WHERE s.subject = jot_subjects.subject)"},
	} {
		table, condition := over[0], over[1]
		s.purge = append(s.purge, in("DELETE FROM "+table+" WHERE "+fmt.Sprintf(d.some, table, condition, batch)+" AND "+condition))
	}
	return s
}

// row reads a session; it stays empty where there is none.
type row struct {
	label, scope, current, previous []byte
	started, rotated, expires       *int64
}

func (r *row) targets() []any {
	return []any{&r.label, &r.scope, &r.current, &r.previous, &r.started, &r.rotated, &r.expires}
}

func (r *row) record(subject, id string) session.Record {
	if r.expires == nil {
		return session.Record{}
	}
	return session.Record{
		Subject: subject, Session: id, Label: string(r.label), Scope: string(r.scope),
		Current: string(r.current), Previous: string(r.previous),
		Start: instant(*r.started), RotatedAt: instant(*r.rotated), Expires: instant(*r.expires),
	}
}
