package sessiontest_test

import (
	"strings"
	"time"

	"github.com/go-jot/jot/session"
)

// asked is a store that rotates by the rule, after it has made another rotation of the one that came.
func asked(change func(r *session.Rotation, known session.Record)) func() session.Store {
	return rotating(func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record) {
		change(&r, known)
		return r.Apply(known, revoked)
	})
}

// answered is a store that rotates by the rule, and makes something else of what comes out.
func answered(
	outcome session.Outcome,
	change func(r session.Rotation, known session.Record, result *session.Result, next *session.Record),
) func() session.Store {
	return rotating(func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record) {
		result, next := r.Apply(known, revoked)
		if result.Outcome == outcome {
			change(r, known, &result, &next)
		}
		return result, next
	})
}

// rotating is a store that rotates by another rule.
func rotating(
	rule func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record),
) func() session.Store {
	return with(func(rules *rules) { rules.rotate = rule })
}

var wrongRotations = map[string]stores{
	"the current token is exchanged": {
		"lets the current token work again": answered(session.Rotated,
			func(_ session.Rotation, known session.Record, _ *session.Result, next *session.Record) { *next = known },
		),
	},
	"the token before it is replayed within the grace": {
		"has no grace": asked(
			func(r *session.Rotation, _ session.Record) { r.Grace = 0 },
		),
		"has a grace of its own": asked(
			func(r *session.Rotation, _ session.Record) { r.Grace = min(r.Grace, 10*time.Second) },
		),
		"lets a replay prolong the record": answered(session.Replayed,
			func(r session.Rotation, _ session.Record, _ *session.Result, next *session.Record) {
				next.Expires = r.Expires
			},
		),
	},
	"a replay does not make the grace longer": {
		"lets a replay prolong the grace": answered(session.Replayed,
			func(r session.Rotation, _ session.Record, _ *session.Result, next *session.Record) {
				next.RotatedAt = r.Now
			},
		),
	},
	"the token before it is reused outside of the grace": {
		"replays for ever": asked(
			func(r *session.Rotation, _ session.Record) {
				if r.Grace > 0 {
					r.Grace = 1000 * time.Hour
				}
			},
		),
		"lets reuse pass": answered(session.Reused,
			func(_ session.Rotation, known session.Record, _ *session.Result, next *session.Record) { *next = known },
		),
	},
	"the distance that equals the grace is outside of it": {
		"replays at the end of the grace": asked(
			func(r *session.Rotation, _ session.Record) {
				if r.Grace > 0 {
					r.Grace++
				}
			},
		),
		"counts the grace in seconds": asked(
			func(r *session.Rotation, known session.Record) {
				if known.Previous == r.Presented {
					r.Now = known.RotatedAt.Add(r.Now.Sub(known.RotatedAt).Truncate(time.Second))
				}
			},
		),
	},
	"without a grace nothing is replayed": {
		"always has a grace": asked(
			func(r *session.Rotation, _ session.Record) { r.Grace = max(r.Grace, time.Millisecond) },
		),
		"replays what comes before the rotation": asked(trustClocks),
	},
	"a token that is two generations old is reused, also within the grace": {
		"replays at any depth": asked(
			func(r *session.Rotation, known session.Record) {
				if r.Presented < known.Current && known.Previous != "" {
					r.Presented = known.Previous
				}
			},
		),
	},
	"a token that the store does not know yet is no reuse": {
		"takes newer for reuse": asked(
			func(r *session.Rotation, known session.Record) {
				if r.Presented > known.Current {
					r.Presented = "0"
				}
			},
		),
		"forgets a newer token": answered(session.Rewound,
			func(_ session.Rotation, known session.Record, _ *session.Result, next *session.Record) {
				next.Previous = known.Current
			},
		),
	},
	"a session that is over does not rotate": {
		"rotates what has expired": rotating(
			func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record) {
				if known.Current != "" {
					known.Expires = r.Now.Add(time.Hour)
				}
				return r.Apply(known, revoked)
			},
		),
		"asks for the token first": rotating(
			func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record) {
				if revoked {
					return session.Result{Outcome: session.Revoked}, known
				}
				return r.Apply(known, false)
			},
		),
	},
	"a token that was revoked does not rotate, and nothing changes": {
		"rotates a revoked token": rotating(
			func(r session.Rotation, known session.Record, _ bool) (session.Result, session.Record) {
				return r.Apply(known, false)
			},
		),
		"asks for the token last": rotating(
			func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record) {
				result, next := r.Apply(known, false)
				if revoked && result.Outcome == session.Rotated {
					return r.Apply(known, true)
				}
				return result, next
			},
		),
		"ends the session of a revoked token": answered(session.Revoked,
			func(_ session.Rotation, _ session.Record, _ *session.Result, next *session.Record) { next.Current = "" },
		),
	},
	"reuse is told once": {
		"tells of reuse again and again": rotating(
			func(r session.Rotation, known session.Record, revoked bool) (session.Result, session.Record) {
				if known.Current == "" && known.Previous != "" {
					return session.Result{Outcome: session.Reused}, known
				}
				return r.Apply(known, revoked)
			},
		),
	},
	"a rotation makes a record last longer, and never shorter": {
		"prolongs no record": answered(session.Rotated,
			func(_ session.Rotation, known session.Record, _ *session.Result, next *session.Record) {
				next.Expires = known.Expires
			},
		),
		"shortens a record": answered(session.Rotated,
			func(r session.Rotation, _ session.Record, _ *session.Result, next *session.Record) {
				next.Expires = r.Expires
			},
		),
	},
	"whatever comes in whatever order, the rule decides": {
		"prolongs no record that was rewound": answered(session.Rewound,
			func(_ session.Rotation, known session.Record, _ *session.Result, next *session.Record) {
				next.Expires = known.Expires
			},
		),
	},
}

// trustClocks takes a reading of the clock that is before the rotation for one within the grace.
func trustClocks(r *session.Rotation, known session.Record) {
	if r.Presented == known.Previous && r.Now.Before(known.RotatedAt) {
		r.Now, r.Grace = known.RotatedAt, max(r.Grace, time.Millisecond)
	}
}

var wrongScopes = map[string]stores{
	"a rotation narrows the scope for good": {
		"widens at a rotation": answered(session.Rotated, widen),
		"keeps the order of scopes": answered(session.Rotated,
			func(_ session.Rotation, known session.Record, result *session.Result, next *session.Record) {
				if len(known.Scope) == len(next.Scope) {
					result.Scope, next.Scope = known.Scope, known.Scope
				}
			},
		),
	},
	"a replay narrows the scope for good": {
		"forgets what a replay narrows": answered(session.Replayed,
			func(_ session.Rotation, known session.Record, _ *session.Result, next *session.Record) {
				next.Scope = known.Scope
			},
		),
		"does not narrow at a replay": answered(session.Replayed,
			func(_ session.Rotation, known session.Record, result *session.Result, next *session.Record) {
				result.Scope, next.Scope = known.Scope, known.Scope
			},
		),
	},
	"a replay gets no more than what the rotation left": {
		"widens at a replay": answered(session.Replayed, widen),
	},
	"a rewound session narrows its scope as well": {
		"widens what was rewound": answered(session.Rewound, widen),
	},
	"a scope is a word, not a part of one": {
		"takes a part of a word for it": answered(session.Rotated,
			func(r session.Rotation, known session.Record, result *session.Result, next *session.Record) {
				var scopes []string
				for scope := range strings.FieldsSeq(r.Scope) {
					if strings.Contains(known.Scope, scope) {
						scopes = append(scopes, scope)
					}
				}
				next.Scope = strings.Join(scopes, " ")
				result.Scope = next.Scope
			},
		),
	},
	"of many that narrow at once each is heard": {
		"hears one of many": with(func(r *rules) { r.torn = "Rotate" }),
	},
}

func widen(r session.Rotation, _ session.Record, result *session.Result, next *session.Record) {
	result.Scope, next.Scope = r.Scope, r.Scope
}
