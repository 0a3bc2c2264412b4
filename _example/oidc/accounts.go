package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-jot/jot"
)

// user is a row of the table: whom a provider calls Subject. The id is this service's own and is what jot's tokens say,
// so that a user may change the provider one day. Never find users by a mail address that a provider claims.
type user struct{ ID, Issuer, Subject, Name string }

// accounts keeps users, which session at a provider each jot session came from, and what a provider has ended. A
// session's label would not do for the second: a logout token with a sid alone does not say whose sessions to look at.
type accounts struct {
	db  *sql.DB
	now func() time.Time
}

// unavailable is a database that cannot be asked.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", jot.ErrUnavailable, err)
}

// user finds the user of an identity, and makes one who has never been here.
func (a *accounts) user(ctx context.Context, who identity) (*user, error) {
	return found(a.db.QueryRowContext(ctx, `INSERT INTO users (id, issuer, sub, name) VALUES (?, ?, ?, ?)
		ON CONFLICT (issuer, sub) DO UPDATE SET name = excluded.name RETURNING id, issuer, sub, name`,
		rand.Text(), who.Issuer, who.Subject, who.Name))
}

// byToken finds the user of a token. One who was deleted since is refused by ErrUserNotFound.
func (a *accounts) byToken(ctx context.Context, t *jot.Token) (*user, error) {
	return found(a.db.QueryRowContext(ctx, `SELECT id, issuer, sub, name FROM users WHERE id = ?`, t.Subject))
}

func found(row *sql.Row) (*user, error) {
	u := new(user)
	err := row.Scan(&u.ID, &u.Issuer, &u.Subject, &u.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, jot.ErrUserNotFound
	}
	return u, unavailable(err)
}

var (
	errLoggedOut = errors.New("the session at the provider has ended meanwhile")
	errReplayed  = errors.New("the logout token was used before")
)

// begin remembers where a session came from, unless the provider has ended it while the login was under way.
func (a *accounts) begin(ctx context.Context, session, user string, who identity) error {
	_, err := a.db.ExecContext(ctx, `DELETE FROM logins WHERE until < ?`, a.now().Unix())
	if err == nil {
		_, err = a.db.ExecContext(ctx, `INSERT INTO logins (session, user, issuer, sub, sid, hint, until)
			VALUES (?, ?, ?, ?, ?, ?, ?)`,
			session, user, who.Issuer, who.Subject, who.SID, who.Raw, a.now().Add(sessionTTL).Unix())
	}
	ended := false
	if err == nil {
		// A session that has ended never comes back. A subject may, so there the time decides.
		err = a.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM logouts WHERE issuer = ?
			AND (sid = ? AND sid <> '' OR sid = '' AND sub = ? AND at >= ?))`,
			who.Issuer, who.SID, who.Subject, who.IssuedAt.Unix()).Scan(&ended)
	}
	if err == nil && ended {
		return errors.Join(errLoggedOut, a.forget(ctx, user, session))
	}
	return unavailable(err)
}

// hint is the ID token that a session came from, empty if that is not known.
func (a *accounts) hint(ctx context.Context, session string) (raw string, err error) {
	err = a.db.QueryRowContext(ctx, `SELECT hint FROM logins WHERE session = ?`, session).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return raw, unavailable(err)
}

// forget takes a session of the user's out; the id may come from a client.
func (a *accounts) forget(ctx context.Context, user, session string) error {
	_, err := a.db.ExecContext(ctx, `DELETE FROM logins WHERE user = ? AND session = ?`, user, session)
	return unavailable(err)
}

// endingsKept is how long a logout is remembered at least: longer than a login may be under way.
const endingsKept = 6 * flowTTL

// end ends the sessions of jot's that an ending at the provider is about: those of its sid and sub, as far as it names
// them (section 2.7). The ending is remembered first, so that a login under way sees it. It counts as used when all is
// done: if something fails, the provider may send it again.
func (a *accounts) end(
	ctx context.Context, e ending, revoke func(ctx context.Context, user, session string) error,
) error {
	now := a.now()
	until := max(e.Expires.Unix()+1, now.Add(endingsKept).Unix())
	_, err := a.db.ExecContext(ctx, `DELETE FROM logouts WHERE until < ?`, now.Unix())
	if err == nil {
		_, err = a.db.ExecContext(ctx, `INSERT INTO logouts (issuer, jti, sub, sid, at, until) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (issuer, jti) DO NOTHING`, e.Issuer, e.ID, e.Subject, e.SID, e.IssuedAt.Unix(), until)
	}
	used := false
	if err == nil {
		err = a.db.QueryRowContext(ctx, `SELECT used FROM logouts WHERE issuer = ? AND jti = ?`,
			e.Issuer, e.ID).Scan(&used)
	}
	if err == nil && used {
		return errReplayed
	}
	var sessions [][2]string
	if err == nil {
		sessions, err = a.sessionsOf(ctx, e)
	}
	if err != nil {
		return unavailable(err)
	}
	for _, each := range sessions {
		if err := revoke(ctx, each[0], each[1]); err != nil {
			return err
		}
		if err := a.forget(ctx, each[0], each[1]); err != nil {
			return err
		}
	}
	_, err = a.db.ExecContext(ctx, `UPDATE logouts SET used = TRUE WHERE issuer = ? AND jti = ?`, e.Issuer, e.ID)
	return unavailable(err)
}

// sessionsOf are the users and sessions that an ending is about.
func (a *accounts) sessionsOf(ctx context.Context, e ending) (all [][2]string, err error) {
	rows, err := a.db.QueryContext(ctx, `SELECT user, session FROM logins WHERE issuer = ?
		AND (? = '' OR sid = ?) AND (? = '' OR sub = ?)`, e.Issuer, e.SID, e.SID, e.Subject, e.Subject)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var each [2]string
		if err := rows.Scan(&each[0], &each[1]); err != nil {
			return nil, err
		}
		all = append(all, each)
	}
	return all, rows.Err()
}
