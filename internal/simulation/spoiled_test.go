package simulation

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

// ownClock notes by its own clock when a token was exchanged: the one that is furthest ahead.
type ownClock struct {
	*reference
	now time.Time
}

func (s *ownClock) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	s.now = latest(s.now, r.Now)
	entry := s.subject(r.Subject, r.Now)
	known, _ := entry.find(r.Session)
	result, err := s.reference.Rotate(ctx, r)
	if next, put := entry.find(r.Session); next.Current != known.Current && next.Current != "" {
		next.RotatedAt = s.now
		put(next)
	}
	return result, err
}

// oneClock takes a call from a clock that is behind for one within the grace.
type oneClock struct{ *reference }

func (s oneClock) Check(ctx context.Context, q session.Query) (session.Status, error) {
	status, err := s.reference.Check(ctx, q)
	if status.Record.RotatedAt.After(q.Now) {
		status.Record.RotatedAt = q.Now
	}
	return status, err
}

func (s oneClock) Rotate(_ context.Context, r session.Rotation) (session.Result, error) {
	known, put := s.subject(r.Subject, r.Now).find(r.Session)
	behind := known
	if known.RotatedAt.After(r.Now) {
		behind.RotatedAt = r.Now
	}
	result, next := r.Apply(behind, false)
	if next.RotatedAt.Equal(behind.RotatedAt) {
		next.RotatedAt = known.RotatedAt
	}
	put(next)
	return result, nil
}

// longGrace takes less for less or equal.
type longGrace struct{ *reference }

func (s longGrace) Check(ctx context.Context, q session.Query) (session.Status, error) {
	status, err := s.reference.Check(ctx, q)
	if status.Record.RotatedAt.Before(q.Now) {
		status.Record.RotatedAt = status.Record.RotatedAt.Add(time.Millisecond)
	}
	return status, err
}

func (s longGrace) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	if r.Grace > 0 {
		r.Grace += time.Millisecond
	}
	return s.reference.Rotate(ctx, r)
}

// prolongs counts the grace from the last call.
type prolongs struct{ *reference }

func (s prolongs) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	result, err := s.reference.Rotate(ctx, r)
	if result.Outcome == session.Replayed {
		known, put := s.subject(r.Subject, r.Now).find(r.Session)
		known.RotatedAt = r.Now
		put(known)
	}
	return result, err
}

// oldestByClock ends the session that began first by the clocks.
type oldestByClock struct{ *reference }

func (s oldestByClock) Begin(ctx context.Context, r session.Record, limit int) error {
	err := s.reference.Begin(ctx, r, 0)
	s.subject(r.Subject, r.Start).evict(limit, func(alive []counted) int {
		oldest := slices.MinFunc(alive, func(a, b counted) int { return a.Start.Compare(b.Start) })
		return slices.IndexFunc(alive, func(r counted) bool { return r.Session == oldest.Session })
	})
	return err
}

// readThenRotate lets other calls in between.
type readThenRotate struct{ *reference }

func (s readThenRotate) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	entry := s.subject(r.Subject, r.Now)
	known, put := entry.find(r.Session)
	_, revoked := entry.tokens[r.Token]
	pause(ctx)
	result, next := r.Apply(known, revoked)
	put(next)
	return result, nil
}

type readThenUse struct{ *reference }

func (s readThenUse) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	entry := s.subject(r.Subject, r.Now)
	known, found := entry.tokens[r.Token]
	pause(ctx)
	entry.tokens[r.Token] = r
	return !found || known.Call == r.Call, nil
}

// markGone forgets at a login that the user was logged out.
type markGone struct{ *reference }

func (s markGone) Begin(ctx context.Context, r session.Record, limit int) error {
	s.subject(r.Subject, r.Start).mark = time.Time{}
	return s.reference.Begin(ctx, r, limit)
}

// moveBack keeps the latest call's mark, not the latest mark.
type moveBack struct{ *reference }

func (s moveBack) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	err := s.reference.RevokeSubject(ctx, subject, now, until)
	s.subject(subject, now).mark = now
	return err
}

// shortMark keeps a mark for as long as the tokens that most people make.
type shortMark struct{ *reference }

func (s shortMark) RevokeSubject(ctx context.Context, subject string, now, _ time.Time) error {
	return s.reference.RevokeSubject(ctx, subject, now, now.Add(15*time.Minute))
}

// evictOthers ends all sessions but its own, where one alone may be.
type evictOthers struct{ *reference }

func (s evictOthers) Begin(ctx context.Context, r session.Record, limit int) error {
	if limit > 1 {
		return s.reference.Begin(ctx, r, limit)
	}
	err := s.reference.Begin(ctx, r, 0)
	pause(ctx)
	entry := s.subject(r.Subject, r.Start)
	entry.sessions = slices.DeleteFunc(entry.sessions, func(other counted) bool { return other.Session != r.Session })
	return err
}

// replica answers a guard from what it has heard before, for half a second.
type replica struct {
	session.Store
	last map[session.Query]session.Status
}

func (s *replica) Check(ctx context.Context, q session.Query) (session.Status, error) {
	key := q
	key.Now = q.Now.Truncate(500 * time.Millisecond)
	if known, found := s.last[key]; found && !q.Record {
		return known, nil
	}
	status, err := s.Store.Check(ctx, q)
	s.last[key] = status
	return status, err
}

// slidesAnyway says that every refresh token beside an access token is the current one, and a good one.
type slidesAnyway struct{ session.Store }

func (s slidesAnyway) Check(ctx context.Context, q session.Query) (session.Status, error) {
	status, err := s.Store.Check(ctx, q)
	if q.Record && verbOf(ctx) == visit {
		status.Revoked, status.Record.Current = false, q.Token
	}
	return status, err
}

// formerScopes tells a guard that renews what the session was allowed once.
type formerScopes struct {
	session.Store
	scopes map[string]string
}

func newFormerScopes(s session.Store) formerScopes { return formerScopes{s, map[string]string{}} }

func (s formerScopes) Begin(ctx context.Context, r session.Record, limit int) error {
	s.scopes[r.Session] = r.Scope
	return s.Store.Begin(ctx, r, limit)
}

func (s formerScopes) Check(ctx context.Context, q session.Query) (session.Status, error) {
	status, err := s.Store.Check(ctx, q)
	if verbOf(ctx) == visit {
		status.Record.Scope = s.scopes[q.Session]
	}
	return status, err
}

// forks gives every holder a successor of its own.
type forks struct{ *reference }

func (s forks) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	result, err := s.reference.Rotate(ctx, r)
	if result.Outcome == session.Replayed {
		known, put := s.subject(r.Subject, r.Now).find(r.Session)
		known.Current, result.Current = r.Next, r.Next
		put(known)
	}
	return result, err
}

// byClock ends the sessions that began before a logout by the clocks.
type byClock struct {
	*reference
	out map[string]time.Time
}

func (s *byClock) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	s.out[subject] = latest(s.out[subject], now)
	return s.reference.RevokeSubject(ctx, subject, now, until)
}

func (s *byClock) Check(ctx context.Context, q session.Query) (session.Status, error) {
	status, err := s.reference.Check(ctx, q)
	known, _ := s.subject(q.Subject, q.Now).find(q.Session)
	status.Ended = status.Ended || !known.Start.After(s.out[q.Subject]) && q.Session != ""
	return status, err
}

// marksOnly keeps the sessions of a user who logs out everywhere.
type marksOnly struct{ session.Store }

func (s marksOnly) RevokeSubject(context.Context, string, time.Time, time.Time) error { return nil }

// forgives refuses a token that was used, and lets its session go on.
type forgives struct{ *reference }

func (s forgives) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	known, put := s.subject(r.Subject, r.Now).find(r.Session)
	result, err := s.reference.Rotate(ctx, r)
	if result.Outcome == session.Reused {
		put(known)
	}
	return result, err
}

// noEcho does not know the call that ended a session.
type noEcho struct{ *reference }

func (s noEcho) End(_ context.Context, e session.Ending) (bool, error) {
	known, put := s.subject(e.Subject, e.Now).find(e.Session)
	put(session.Record{})
	return known.Live(e.Now), nil
}

// noCall does not know the call that used a token up.
type noCall struct{ *reference }

func (s noCall) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	_, found := s.subject(r.Subject, r.Now).tokens[r.Token]
	_, err := s.reference.RevokeToken(ctx, r)
	return !found, err
}

// widens lets a session have what is asked for.
type widens struct{ *reference }

func (s widens) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	known, put := s.subject(r.Subject, r.Now).find(r.Session)
	known.Scope = r.Scope
	put(known)
	return s.reference.Rotate(ctx, r)
}

// neverLonger keeps a session until its first refresh token ends.
type neverLonger struct{ *reference }

func (s neverLonger) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	r.Expires = time.Time{}
	return s.reference.Rotate(ctx, r)
}

// tooShort forgets a revocation while some nodes still take the token.
type tooShort struct{ *reference }

func (s tooShort) RevokeToken(ctx context.Context, r session.Revocation) (bool, error) {
	r.Until = r.Until.Add(-10 * time.Minute)
	return s.reference.RevokeToken(ctx, r)
}

// revokedTurns does not ask at a rotation whether the token was revoked.
type revokedTurns struct{ *reference }

func (s revokedTurns) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	r.Token = strings.ToUpper(r.Token)
	return s.reference.Rotate(ctx, r)
}

func (s revokedTurns) Check(ctx context.Context, q session.Query) (session.Status, error) {
	status, err := s.reference.Check(ctx, q)
	status.Revoked = status.Revoked && !q.Record
	return status, err
}

// hoards forgets nothing.
func hoards() session.Store {
	s := newReference()
	s.forgets = func(time.Time, time.Time) bool { return false }
	return s
}

// oneMore miscounts.
type oneMore struct{ session.Store }

func (s oneMore) Begin(ctx context.Context, r session.Record, limit int) error {
	return s.Store.Begin(ctx, r, limit+1)
}

// failsOpen takes a session that it does not know for one that goes on.
type failsOpen struct{ session.Store }

func (s failsOpen) Check(ctx context.Context, q session.Query) (session.Status, error) {
	status, err := s.Store.Check(ctx, q)
	status.Ended = false
	return status, err
}
