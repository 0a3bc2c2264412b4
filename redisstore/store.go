package redisstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-jot/jot/session"
)

// Begin implements [session.Store].
func (s *Store) Begin(ctx context.Context, r session.Record, limit int) error {
	now := r.Start.UnixMilli()
	_, err := s.of(ctx, scriptBegin, r.Subject, "", now, r.Session, strconv.Itoa(min(limit, math.MaxInt32)),
		decimal(now), millis(r.RotatedAt), decimal(r.Expires.UnixMilli()), r.Current, r.Previous, r.Scope, r.Label,
		names(r.Subject, ""))
	if err != nil {
		return fmt.Errorf("redisstore: Begin: %w", err)
	}
	return nil
}

// Check implements [session.Store].
func (s *Store) Check(ctx context.Context, q session.Query) (status session.Status, err error) {
	now := q.Now.UnixMilli()
	var answer any
	if q.Session == "" {
		answer, err = s.of(ctx, scriptCheckMark, q.Subject, q.Token, now, millis(q.Issued), decimal(now))
	} else {
		wanted := "0"
		if q.Record {
			wanted = "1"
		}
		answer, err = s.of(ctx, scriptCheck, q.Subject, q.Token, now, q.Session, decimal(now), wanted)
	}
	if err == nil {
		status, err = verdict(q, answer)
	}
	if err != nil {
		return session.Status{}, fmt.Errorf("redisstore: Check: %w", err)
	}
	return status, nil
}

// verdict reads the answer to a query.
func verdict(q session.Query, answer any) (status session.Status, err error) {
	if list, ok := answer.([]any); ok && len(list) == 1+fields {
		answer = list[0]
		if status.Record, err = record(q.Subject, q.Session, list[1:]); err != nil {
			return session.Status{}, err
		}
	}
	flags, err := number(answer)
	if err != nil || flags < 0 || flags > 3 {
		return session.Status{}, odd(answer)
	}
	status.Revoked, status.Ended = flags&1 != 0, flags&2 != 0
	return status, nil
}

// outcomes are those of a rotation, as the script says them.
var outcomes = map[string]session.Outcome{
	"unknown": session.Unknown, "rotated": session.Rotated, "replayed": session.Replayed,
	"rewound": session.Rewound, "reused": session.Reused, "revoked": session.Revoked,
}

// goes has the outcomes of a session that goes on.
var goes = map[session.Outcome]bool{session.Rotated: true, session.Replayed: true, session.Rewound: true}

// Rotate implements [session.Store].
func (s *Store) Rotate(ctx context.Context, r session.Rotation) (session.Result, error) {
	now := r.Now.UnixMilli()
	grace := (r.Grace + time.Millisecond - 1) / time.Millisecond // whole ones lie apart less than it, or not
	answer, err := s.of(ctx, scriptRotate, r.Subject, r.Token, now, r.Session, r.Presented, r.Next, r.Scope,
		decimal(now), decimal(r.Expires.UnixMilli()), decimal(int64(grace)), names(r.Subject, r.Session))
	var result session.Result
	if err == nil {
		result, err = turn(answer)
	}
	if err != nil {
		return session.Result{}, fmt.Errorf("redisstore: Rotate: %w", err)
	}
	return result, nil
}

// turn reads the answer to a rotation: an outcome, with what the session has now if it goes on.
func turn(answer any) (result session.Result, err error) {
	line, goesOn := answer.([]any)
	if !goesOn {
		line = []any{answer, "", ""}
	}
	if len(line) != 3 {
		return session.Result{}, odd(answer)
	}
	var texts texts
	outcome, ok := outcomes[texts.next(line[0])]
	result = session.Result{Outcome: outcome, Current: texts.next(line[1]), Scope: texts.next(line[2])}
	if texts.wrong || !ok || goesOn != (result.Current != "") || goesOn != goes[outcome] {
		return session.Result{}, odd(answer)
	}
	return result, nil
}

// End implements [session.Store].
func (s *Store) End(ctx context.Context, e session.Ending) (ended bool, err error) {
	now := e.Now.UnixMilli()
	ended, err = yes(s.of(ctx, scriptEnd, e.Subject, "", now,
		e.Session, e.Call, decimal(now), names(e.Subject, e.Session)))
	if err != nil {
		return false, fmt.Errorf("redisstore: End: %w", err)
	}
	return ended, nil
}

// RevokeToken implements [session.Store].
func (s *Store) RevokeToken(ctx context.Context, r session.Revocation) (first bool, err error) {
	now := r.Now.UnixMilli()
	first, err = yes(s.of(ctx, scriptRevokeToken, r.Subject, r.Token, now,
		r.Call, decimal(now), decimal(r.Until.UnixMilli()), names(r.Subject, r.Token)))
	if err != nil {
		return false, fmt.Errorf("redisstore: RevokeToken: %w", err)
	}
	return first, nil
}

// RevokeSubject implements [session.Store].
func (s *Store) RevokeSubject(ctx context.Context, subject string, now, until time.Time) error {
	_, err := s.of(ctx, scriptRevokeSubject, subject, "", now.UnixMilli(),
		decimal(now.UnixMilli()), decimal(until.UnixMilli()), subject)
	if err != nil {
		return fmt.Errorf("redisstore: RevokeSubject: %w", err)
	}
	return nil
}

// RevokeAll implements [session.Store]: in one step, or, in a cluster, in one for each of 64 parts of the subjects.
// After an error some may be done; call it again.
func (s *Store) RevokeAll(ctx context.Context, now time.Time) error {
	args := []string{decimal(now.UnixMilli()), rand.Text(), newEpoch()}
	err := s.each(ctx, atOnce, func(ctx context.Context, first, count int) error {
		_, err := s.run(ctx, scriptRevokeAll, pairs(s.prefix, first, count), args)
		return err
	})
	if err != nil {
		return fmt.Errorf("redisstore: RevokeAll: %w", err)
	}
	return nil
}

// List implements [session.Store].
func (s *Store) List(ctx context.Context, subject string, now time.Time) ([]session.Record, error) {
	answer, err := s.of(ctx, scriptList, subject, "", now.UnixMilli(), decimal(now.UnixMilli()))
	var list []session.Record
	if err == nil {
		list, err = records(subject, answer)
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: List: %w", err)
	}
	return list, nil
}

func records(subject string, answer any) (list []session.Record, err error) {
	lines, ok := answer.([]any)
	if !ok {
		return nil, odd(answer)
	}
	for _, line := range lines {
		line, ok := line.([]any)
		if !ok || len(line) != 1+fields {
			return nil, odd(line)
		}
		id, ok := line[0].(string)
		if !ok {
			return nil, odd(line)
		}
		r, err := record(subject, id, line[1:])
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// fields is how many of a record a script returns.
const fields = 7

// record reads a session's.
func record(subject, id string, line []any) (session.Record, error) {
	var texts texts
	var times times
	r := session.Record{
		Subject: subject, Session: id,
		Start: times.next(line[0]), RotatedAt: times.next(line[1]), Expires: times.next(line[2]),
		Current: texts.next(line[3]), Previous: texts.next(line[4]),
		Scope: texts.next(line[5]), Label: texts.next(line[6]),
	}
	if texts.wrong || times.wrong || r.Current == "" {
		return session.Record{}, odd(line)
	}
	return r, nil
}

// texts and times read what an answer has of them.
type (
	texts struct{ wrong bool }
	times struct{ wrong bool }
)

func (t *texts) next(v any) string {
	text, ok := v.(string)
	t.wrong = t.wrong || !ok
	return text
}

func (t *times) next(v any) time.Time {
	if v == nil {
		return time.Time{}
	}
	ms, ok := v.(int64)
	t.wrong = t.wrong || !ok
	return time.UnixMilli(ms).UTC()
}

// yes reads an answer of 0 or 1.
func yes(answer any, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := number(answer)
	return n == 1, err
}

// names are those of a subject and of what it has, as the log has them: keys are ASCII.
func names(subject, own string) string { return subject + "\xff" + own }

// millis is an instant as scripts have it; the zero time is empty.
func millis(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return decimal(t.UnixMilli())
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
