package sqlstore_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/sqlstore"
)

func lower() string { return strings.ToLower(rand.Text()) }

var ctx = context.Background()

func TestSmoke(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			s, err := sqlstore.New(ctx, d.open(t)(t), d.dialect)
			require.NoError(t, err)
			now := time.Now().Truncate(time.Millisecond).UTC()
			r := session.Record{Subject: "alice", Session: "s", Label: "x", Scope: "a b", Current: "1", Start: now, Expires: now.Add(time.Hour)}
			require.NoError(t, s.Begin(ctx, r, 2))
			st, err := s.Check(ctx, session.Query{Subject: "alice", Session: "s", Token: "t", Now: now, Record: true})
			require.NoError(t, err)
			require.Equal(t, session.Status{Record: r}, st)
			res, err := s.Rotate(ctx, session.Rotation{Subject: "alice", Session: "s", Presented: "1", Next: "2", Token: "t", Scope: "a", Now: now, Expires: now})
			require.NoError(t, err)
			require.Equal(t, session.Result{Outcome: session.Rotated, Current: "2", Scope: "a"}, res)
			first, err := s.RevokeToken(ctx, session.Revocation{Subject: "alice", Token: "t", Call: "c", Now: now, Until: now.Add(time.Hour)})
			require.NoError(t, err)
			require.True(t, first)
			for range 3 {
				require.NoError(t, s.Begin(ctx, session.Record{Subject: "alice", Session: rand.Text(), Current: "1", Start: now, Expires: now.Add(time.Hour)}, 2))
			}
			list, err := s.List(ctx, "alice", now)
			require.NoError(t, err)
			require.Len(t, list, 2)
			ended, err := s.End(ctx, session.Ending{Subject: "alice", Session: list[0].Session, Call: "c", Now: now})
			require.NoError(t, err)
			require.True(t, ended)
			require.NoError(t, s.RevokeSubject(ctx, "alice", now, now.Add(time.Hour)))
			require.NoError(t, s.RevokeAll(ctx, now))
			n, err := s.Purge(ctx, now.Add(2*time.Hour))
			require.NoError(t, err)
			require.EqualValues(t, 2, n)
		})
	}
}
