package remotekeys_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/remotekeys"
)

const address = "https://login.example/keys"

var (
	first, second = newKey(), newKey()
	rsaKey, _     = rsa.GenerateKey(rand.Reader, 2048)
)

func newKey() jot.Key {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return jot.PrivateKey("ES256", private)
}

// issuer is a client's way to an issuer that answers as it is told, in no time of the clock.
type issuer struct {
	answer   atomic.Pointer[http.HandlerFunc]
	requests atomic.Int64
}

func newIssuer(answer http.HandlerFunc) *issuer {
	i := &issuer{}
	i.from(answer)
	return i
}

// from sets how it answers from now on.
func (i *issuer) from(answer http.HandlerFunc) { i.answer.Store(&answer) }

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.requests.Add(1)
	w := httptest.NewRecorder()
	(*i.answer.Load())(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// shows answers with the public halves of keys.
func shows(t *testing.T, keys ...jot.Key) http.HandlerFunc {
	t.Helper()
	texts := make([]string, len(keys))
	for i, k := range keys {
		text, err := k.JWK()
		require.NoError(t, err)
		texts[i] = string(text)
	}
	return says(`{"keys":[` + strings.Join(texts, ",") + `]}`)
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func fails(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }

func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// follow returns a Manager that follows the issuer until the test ends.
func (i *issuer) follow(t *testing.T, opts ...remotekeys.Option) *jot.Manager {
	t.Helper()
	all := append([]remotekeys.Option{remotekeys.WithClient(&http.Client{Transport: i}), quiet}, opts...)
	keys, err := remotekeys.New(t.Context(), address, []string{"ES256"}, all...)
	require.NoError(t, err)
	m, err := jot.New(keys, jot.WithIssuer("login"), jot.WithAudience("orders"))
	require.NoError(t, err)
	return m
}

var quiet = remotekeys.WithErrorHandler(func(error) {})

// token is one that the issuer has signed.
func token(t *testing.T, key jot.Key) string {
	t.Helper()
	m, err := jot.New(key, jot.WithIssuer("login"), jot.WithAudience("orders"), jot.WithAccessTTL(24*time.Hour))
	require.NoError(t, err)
	raw, err := m.CreateAccessToken(t.Context(), "alice")
	require.NoError(t, err)
	return raw
}

func verify(m *jot.Manager, raw string) error {
	_, err := m.Verify(context.Background(), raw)
	return err
}

// later lets time pass, and all that is due by then happen.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestLoadsBeforeItAnswers(t *testing.T) {
	tooLong := `{"keys":[],"x":"` + strings.Repeat("x", 512<<10) + `"}`
	for text, answer := range map[string]http.HandlerFunc{
		"it answers 502":                 fails,
		"it answers 204":                 func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"context deadline exceeded":      hangs,
		"no JSON Web Key Set":            says("<html>"),
		"is no JSON Web Key Set":         says(`{"key":[]}`),
		"no key of it is for [ES256]":    says(`{"keys":[]}`),
		"has more than 524288 bytes":     says(tooLong),
		"a secret or a private key":      says(`{"keys":[{"kty":"oct","k":"AAAA"}]}`),
		"key 0: it is for \"EdDSA\"":     shows(t, eddsa),
		"another one has the same algor": shows(t, first.WithID("a"), second.WithID("a")),
	} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i, began := newIssuer(answer), time.Now()
				keys, err := remotekeys.New(t.Context(), address, []string{"ES256"},
					remotekeys.WithClient(&http.Client{Transport: i}))
				require.ErrorContains(t, err, text)
				require.ErrorContains(t, err, "remotekeys: https://login.example/keys: ")
				require.Nil(t, keys)
				require.EqualValues(t, 1, i.requests.Load())
				require.LessOrEqual(t, time.Since(began), 5*time.Second)
			})
		})
	}
}

// An answer without end is not read to its end.
func TestEndlessAnswer(t *testing.T) {
	endless := &zeros{}
	_, err := remotekeys.New(t.Context(), address, []string{"ES256"},
		remotekeys.WithClient(&http.Client{Transport: endless}))
	require.ErrorContains(t, err, "has more than 524288 bytes")
	require.LessOrEqual(t, endless.read, 1<<20)
}

type zeros struct{ read int }

func (z *zeros) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(z)}, nil
}

func (z *zeros) Read(p []byte) (int, error) {
	if z.read > 1<<26 {
		return 0, io.EOF // for a reader who would go on
	}
	z.read += len(p)
	return len(p), nil
}

const ed = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

// A service that may start before its issuer answers 503 until the keys are there, and 401 from then on.
func TestLateKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(fails)
		var told []string
		m := i.follow(t, remotekeys.WithLateKeys(),
			remotekeys.WithErrorHandler(func(err error) { told = append(told, err.Error()) }))
		require.Equal(t, []string{"remotekeys: https://login.example/keys: it answers 502"}, told)

		guard := m.Required()(http.NotFoundHandler())
		status := func(key jot.Key) int {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Authorization", "Bearer "+token(t, key))
			w := httptest.NewRecorder()
			guard.ServeHTTP(w, r)
			return w.Code
		}
		require.Equal(t, 503, status(first))
		require.EqualValues(t, 2, i.requests.Load(), "the token asked as well")
		i.from(shows(t, first))
		require.Equal(t, 503, status(first), "once in ten seconds")
		later(10 * time.Second)
		require.EqualValues(t, 3, i.requests.Load(), "nobody had to ask")
		require.Equal(t, 404, status(first))
		i.from(fails)
		later(5 * time.Minute)
		require.Equal(t, 401, status(second), "the issuer is down, but its keys are known")
	})
}

func TestFollowsTheIssuer(t *testing.T) {
	for _, tc := range []struct {
		name   string
		header http.Header
		every  time.Duration
		opts   []remotekeys.Option
	}{
		{"it says nothing", nil, 5 * time.Minute, nil},
		{"as it says", http.Header{"Cache-Control": {"public, Max-Age=120"}}, 2 * time.Minute, nil},
		{"in quotes, second line", http.Header{"Cache-Control": {"public", `max-age="180"`}}, 3 * time.Minute, nil},
		{"less its age in a cache", http.Header{"Cache-Control": {"max-age=300"}, "Age": {"60"}}, 4 * time.Minute, nil},
		{"not every second", http.Header{"Cache-Control": {"max-age=1"}}, time.Minute, nil},
		{"not to be kept", http.Header{"Cache-Control": {"no-store, max-age=300"}}, time.Minute, nil},
		{"not once a week", http.Header{"Cache-Control": {"max-age=604800"}}, time.Hour, nil},
		{"odd", http.Header{"Cache-Control": {"max-age=-1, max-age=x, max-age"}, "Age": {"x"}}, 5 * time.Minute, nil},
		{
			"as we say",
			http.Header{"Cache-Control": {"max-age=300"}},
			7 * time.Second,
			[]remotekeys.Option{remotekeys.WithInterval(7 * time.Second)},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				with := func(set http.HandlerFunc) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						maps.Copy(w.Header(), tc.header)
						set(w, r)
					}
				}
				i := newIssuer(with(shows(t, first)))
				m := i.follow(t, tc.opts...)
				require.NoError(t, verify(m, token(t, first)))

				i.from(with(shows(t, second)))
				later(tc.every - time.Second)
				require.NoError(t, verify(m, token(t, first)), "not yet")
				require.EqualValues(t, 1, i.requests.Load())
				later(time.Second)
				require.EqualValues(t, 2, i.requests.Load())
				require.NoError(t, verify(m, token(t, second)))
				require.ErrorIs(t, verify(m, token(t, first)), jot.ErrInvalid, "it is gone from the set")
			})
		})
	}
}

// A set without a key of ours is what the issuer says: all of its keys are withdrawn.
func TestAllKeysAreWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		i := newIssuer(shows(t, first))
		m := i.follow(t, remotekeys.WithErrorHandler(func(err error) { told = append(told, err) }))
		i.from(says(`{"keys":[]}`))
		later(5 * time.Minute)
		require.ErrorIs(t, verify(m, token(t, first)), jot.ErrInvalid)
		synctest.Wait()
		require.NotEmpty(t, told)
		require.ErrorContains(t, told[0], "no key of it is for [ES256]")
	})
}

// What is no answer takes nothing away, for however long, and what follows it is found soon.
func TestIssuerIsDown(t *testing.T) {
	for name, down := range map[string]http.HandlerFunc{
		"it fails": fails,
		"it hangs": hangs,
		"nonsense": says(`{"keys":null}`),
		"a leak":   says(`{"keys":[{"kty":"oct"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told atomic.Int64
				i := newIssuer(shows(t, first))
				m := i.follow(t, remotekeys.WithErrorHandler(func(error) { told.Add(1) }))
				i.from(down)
				later(5*time.Minute + 12*time.Hour)
				require.NoError(t, verify(m, token(t, first)))
				require.ErrorIs(t, verify(m, token(t, second)), jot.ErrInvalid, "no 503: the keys are known")
				require.LessOrEqual(t, i.requests.Load(), int64(12*60*6+3), "every ten seconds at most")
				require.Greater(t, told.Load(), int64(12*60*4-3), "and not much less often")

				i.from(shows(t, second))
				later(15 * time.Second)
				require.NoError(t, verify(m, token(t, second)))
			})
		})
	}
}

// A service starts, its issuer replaces its key by the book, and nobody who has a good token ever notices.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, err := jot.NewKeySet(first)
		require.NoError(t, err)
		login, err := jot.New(set, jot.WithIssuer("login"), jot.WithAudience("orders"))
		require.NoError(t, err)
		i := newIssuer(login.JWKSHandler().ServeHTTP)
		m := i.follow(t)
		var raws []string
		pass := func(minutes int) {
			for range minutes {
				raw, err := login.CreateAccessToken(t.Context(), "alice")
				require.NoError(t, err)
				raws = append(raws, raw)
				for _, raw := range raws[max(0, len(raws)-15):] { // the older ones have expired
					require.NoError(t, verify(m, raw))
				}
				later(time.Minute)
			}
		}
		pass(7)
		require.NoError(t, set.Publish(second))
		require.ErrorIs(t, set.Promote(second), jot.ErrTooEarly)
		pass(10)
		require.NoError(t, set.Promote(second))
		pass(20)
		require.NoError(t, set.Retire(first))
		pass(10)
		require.EqualValues(t, 1+47/5, i.requests.Load(), "one in five minutes, and none for an unknown key")
		require.ErrorIs(t, verify(m, token(t, first)), jot.ErrInvalid)
	})
}

// However many tokens name keys that nobody knows, they cause one request in ten seconds.
func TestUnknownKeysAreAskedForSparingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(shows(t, first))
		m := i.follow(t)
		began := time.Now()
		for range 60 {
			for n := range 50 {
				require.ErrorIs(t, verify(m, token(t, second.WithID(string(rune('a'+n))))), jot.ErrInvalid)
			}
			later(time.Second)
		}
		require.EqualValues(t, 1+6, i.requests.Load())
		require.Equal(t, time.Minute, time.Since(began), "and nobody waits")
	})
}

// A key that was promoted too early is found by the first token that it has signed, and all others wait for that.
func TestUnknownKeyIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(shows(t, first))
		m := i.follow(t)
		found := shows(t, first, second)
		i.from(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			found(w, r)
		})
		var together sync.WaitGroup
		raw := token(t, second)
		for range 100 {
			together.Go(func() { require.NoError(t, verify(m, raw)) })
		}
		together.Wait()
		require.EqualValues(t, 2, i.requests.Load())
	})
}

// Tokens with unknown keys wait for two seconds at most, those with known ones never.
func TestNobodyWaitsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(shows(t, first))
		m := i.follow(t)
		i.from(hangs)
		raw, known := token(t, second), token(t, first)
		var together sync.WaitGroup
		for range 100 {
			together.Go(func() {
				began := time.Now()
				require.ErrorIs(t, verify(m, raw), jot.ErrInvalid)
				require.Equal(t, 2*time.Second, time.Since(began))
			})
		}
		later(time.Second)
		began := time.Now()
		require.NoError(t, verify(m, known))
		require.Zero(t, time.Since(began))
		together.Wait()
		later(8 * time.Second) // the request has failed, and another one is not due
		began = time.Now()
		require.ErrorIs(t, verify(m, raw), jot.ErrInvalid)
		require.LessOrEqual(t, time.Since(began), 2*time.Second)
	})
}

// When the context ends, nobody is asked any more, and what was known is good.
func TestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		i := newIssuer(shows(t, first))
		keys, err := remotekeys.New(ctx, address, []string{"ES256"},
			remotekeys.WithClient(&http.Client{Transport: i}),
			remotekeys.WithErrorHandler(func(err error) { t.Error(err) }))
		require.NoError(t, err)
		m, err := jot.New(keys)
		require.NoError(t, err)
		i.from(hangs)
		later(5*time.Minute + time.Second) // in the middle of a request
		cancel()
		synctest.Wait()
		asked := i.requests.Load()
		later(time.Hour)
		require.Equal(t, asked, i.requests.Load())

		mine, err := jot.New(first)
		require.NoError(t, err)
		raw, err := mine.CreateAccessToken(t.Context(), "alice")
		require.NoError(t, err)
		require.NoError(t, verify(m, raw))
		began := time.Now()
		require.ErrorIs(t, verify(m, token(t, second)), jot.ErrInvalid)
		require.Zero(t, time.Since(began))
		require.Equal(t, asked, i.requests.Load())

		_, err = remotekeys.New(ctx, address, []string{"ES256"}, remotekeys.WithClient(&http.Client{Transport: i}))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestMistakes(t *testing.T) {
	es256 := []string{"ES256"}
	for _, tc := range []struct {
		url  string
		algs []string
		opt  remotekeys.Option
		want []string
	}{
		{"http://login.example/keys", es256, nil, []string{"InsecureHTTP"}},
		{"http://localhost.example/keys", es256, nil, []string{"InsecureHTTP"}},
		{"http://10.0.0.1/keys", es256, nil, []string{"InsecureHTTP"}},
		{"ftp://login.example/keys", es256, nil, []string{`"ftp", not https`}},
		{"file:///etc/passwd", es256, nil, []string{"cannot be read"}},
		{"login.example/keys", es256, nil, []string{"cannot be read"}},
		{"https://user:hidden@login.example:hidden/", es256, nil, []string{"cannot be read"}},
		{"", nil, nil, []string{"cannot be read", "name the algorithms"}},
		{address, []string{"HS256", "none"}, nil, []string{`"HS256" is no algorithm of key pairs`, `"none" is no`}},
		{address, es256, remotekeys.WithInterval(-1), []string{"negative"}},
		{address, es256, remotekeys.WithErrorHandler(nil), []string{"the function is nil"}},
	} {
		opts := []remotekeys.Option{remotekeys.WithLateKeys()}
		if tc.opt != nil {
			opts = append(opts, tc.opt)
		}
		_, err := remotekeys.New(t.Context(), tc.url, tc.algs, opts...)
		for _, text := range tc.want {
			require.ErrorContains(t, err, text, tc.url)
		}
		require.NotContains(t, err.Error(), "hidden")
	}
	start, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := remotekeys.New(start, address, es256, remotekeys.WithLateKeys())
	require.ErrorContains(t, err, "ctx has a deadline")
}

// Plain HTTP reaches this machine, and others only by name of the option.
func TestPlainHTTP(t *testing.T) {
	for url, opts := range map[string][]remotekeys.Option{
		"http://localhost:8080/keys":  nil,
		"http://127.0.0.1:8080/keys":  nil,
		"http://127.8.8.8/keys":       nil,
		"http://[::1]:8080/keys":      nil,
		"http://login.internal/keys":  {remotekeys.InsecureHTTP()},
		"https://login.internal/keys": nil,
	} {
		i := newIssuer(shows(t, first))
		opts := append(opts, remotekeys.WithClient(&http.Client{Transport: i}))
		_, err := remotekeys.New(t.Context(), url, []string{"ES256"}, opts...)
		require.NoError(t, err, url)
	}
}

// The certificate of the issuer is looked at.
func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(shows(t, first))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	_, err := remotekeys.New(t.Context(), server.URL, []string{"ES256"})
	require.ErrorContains(t, err, "certificate")
	_, err = remotekeys.New(t.Context(), server.URL, []string{"ES256"}, remotekeys.WithClient(server.Client()))
	require.NoError(t, err)
}

// An issuer may lead to another of its own pages, and nowhere else, whatever the client would do.
func TestRedirects(t *testing.T) {
	asked := make(chan string, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.Handle("/keys", shows(t, first))
	mux.Handle("/moved", http.RedirectHandler("/keys", http.StatusFound))
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	mux.Handle("/away", http.RedirectHandler(other.URL, http.StatusFound))
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	mux.Handle("/plain", http.RedirectHandler("http"+strings.TrimPrefix(server.URL, "https")+"/keys", http.StatusFound))
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
	for path, text := range map[string]string{
		"/keys": "", "/moved": "", "/round": "again and again", "/away": "another host", "/plain": "another host",
	} {
		_, err := remotekeys.New(t.Context(), server.URL+path, []string{"ES256"}, remotekeys.WithClient(client))
		if text == "" {
			require.NoError(t, err, path)
		} else {
			require.ErrorContains(t, err, text, path)
		}
	}
	require.Empty(t, asked)
}

// What is secret in a URL is in no error and no log, wherever it fails.
func TestNothingSecretIsLogged(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(before)
	const url = "https://user:hidden1@login.example/keys?key=hidden2#hidden3"
	for name, transport := range map[string]http.RoundTripper{
		"no answer":     failing{},
		"a bad answer":  newIssuer(fails),
		"a redirection": newIssuer(http.RedirectHandler("https://else.example", http.StatusFound).ServeHTTP),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log.Reset()
				keys, err := remotekeys.New(t.Context(), url, []string{"ES256"}, remotekeys.WithLateKeys(),
					remotekeys.WithClient(&http.Client{Transport: transport}))
				require.NoError(t, err)
				m, err := jot.New(keys)
				require.NoError(t, err)
				err = verify(m, token(t, first))
				require.ErrorIs(t, err, jot.ErrUnavailable)
				synctest.Wait()
				for _, text := range []string{log.String(), err.Error()} {
					require.Contains(t, text, "https://login.example/keys")
					require.NotContains(t, text, "hidden")
					require.NotContains(t, text, "user")
				}
			})
		})
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no route to host")
}

func edKey() jot.Key {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return jot.PrivateKey("EdDSA", private)
}
