package redistest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/enginetest"
	"github.com/go-jot/jot/session"
)

// guarded: what a client sees of a server that is silent, of one that is back, and of a logout.
func guarded(t *testing.T, open Open) {
	server := enginetest.NewRedis(t)
	s := open.on(t, server)
	for name, store := range map[string]session.Store{"store": s, "replica": newReplica(t, s)} {
		auth, err := jot.New(jot.HS256(jot.GenerateSecret()), jot.WithStore(store))
		require.NoError(t, err)
		pair, err := auth.CreatePair(ctx, "alice")
		require.NoError(t, err)
		page := auth.Required()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		}))
		get := func() *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+pair.AccessToken)
			w := httptest.NewRecorder()
			page.ServeHTTP(w, r)
			return w
		}
		require.Equal(t, http.StatusNoContent, get().Code, name)
		goOn := stop(t, server)
		silent := get()
		require.Equal(t, http.StatusServiceUnavailable, silent.Code, name)
		require.NotEmpty(t, silent.Header().Get("Retry-After"))
		_, err = auth.CreatePair(ctx, "alice")
		require.ErrorIs(t, err, jot.ErrUnavailable)
		goOn()
		back := func() bool { return get().Code == http.StatusNoContent }
		require.Eventually(t, back, 10*time.Second, 10*time.Millisecond)
		token, err := auth.Verify(ctx, pair.AccessToken)
		require.NoError(t, err)
		require.NoError(t, auth.RevokeSession(ctx, token))
		require.Equal(t, http.StatusUnauthorized, get().Code, name)
	}
}
