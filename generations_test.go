package jot_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// A refresh token two generations old is a stolen one, however soon it comes: the grace is for the one before.
func TestTwoGenerationsOld(t *testing.T) {
	silence(t)
	type use func(w *world, token *jot.Token, raw string) string
	atTheGuard := func(w *world, _ *jot.Token, raw string) string {
		return send(w.Required(jot.Refresh()), bearer(raw)).code(t)
	}
	atTheHandler := func(w *world, _ *jot.Token, raw string) string { return post(w.RefreshHandler(), "POST", raw).code(t) }
	byRotate := func(w *world, token *jot.Token, _ string) string { // it passed its guard in time
		_, err := w.Rotate(ctx, token)
		return codeOf(err)
	}
	for name, present := range map[string]use{"at the guard": atTheGuard, "at the handler": atTheHandler, "by Rotate": byRotate} {
		for _, between := range []time.Duration{0, time.Millisecond, 4 * time.Second} {
			t.Run(fmt.Sprint(name, ", ", between), func(t *testing.T) {
				w := newWorld(t, jot.WithRotationGrace(10*time.Second))
				p := w.login(t)
				old := w.refreshable(t, p.RefreshToken)
				w.now = w.now.Add(between)
				first := w.rotate(t, p.RefreshToken)
				w.now = w.now.Add(between)
				second := w.rotate(t, first.RefreshToken)
				w.kinds()

				require.Equal(t, "token_reused", present(w, old, p.RefreshToken))
				require.Contains(t, w.kinds(), jot.EventReused)
				w.refused(t, first, jot.ErrRevoked)
				w.refused(t, second, jot.ErrRevoked)
			})
		}
	}

	// One generation old it is a second tab.
	w := newWorld(t)
	first := w.rotate(t, w.login(t).RefreshToken)
	second := w.rotate(t, first.RefreshToken)
	require.Equal(t, second.RefreshToken, w.rotate(t, first.RefreshToken).RefreshToken)
}

// codeOf returns the code of a refusal.
func codeOf(err error) string {
	var e *jot.Error
	if refusal, ok := err.(*jot.Error); ok { //nolint:errorlint // as it is returned
		e = refusal
	}
	if e == nil {
		return fmt.Sprint(err)
	}
	return e.Code()
}
