package jot_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

// net/http removes the files of a form when the request is over, by the request that it knows. The handler's is a copy
// that carries the token, so what the copy has parsed has to be handed back through every guard.
func TestUploadsLeaveNoFiles(t *testing.T) {
	m := newManager(t, jot.WithLocations(jot.InHeader, jot.InQuery))
	required, optional := m.Required(), m.Required(jot.Optional())
	byHeader, byQuery := m.Required(jot.Optional(), jot.Locations(jot.InHeader)), m.Required(jot.Locations(jot.InQuery))
	elsewhere := m.Required(jot.Except("POST /up"))
	small := func(r *http.Request) error { return r.ParseMultipartForm(1) }
	usual := func(r *http.Request) error { _, _, err := r.FormFile("f"); return err }
	raw := access(t, m)
	const inHeader, inQuery = true, false
	for _, tc := range []struct {
		name   string
		guards []func(http.Handler) http.Handler // from the outside
		token  bool                              // where it is
		size   int
		parse  func(*http.Request) error
	}{
		{"behind a guard", within(required), inHeader, 1 << 10, small},
		{"behind a guard, larger than what net/http keeps in memory", within(required), inHeader, 33 << 20, usual},
		{"behind two guards", within(required, required), inHeader, 1 << 10, small},
		{"behind three guards", within(required, optional, required), inHeader, 1 << 10, small},
		{"behind a guard, within one that saw nobody", within(byHeader, byQuery), inQuery, 1 << 10, small},
		{"behind a guard, within one that looked away", within(elsewhere, required), inHeader, 1 << 10, small},
		{"behind a guard that lets anyone in", within(optional), inHeader, 1 << 10, small},
		{"parsed between two guards", within(required, parsing(small), required), inHeader, 1 << 10, usual},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, err := int64(0), tc.parse(r)
				if err == nil {
					n, err = lengthOf(r.MultipartForm.File["f"][0])
				}
				entries, _ := os.ReadDir(dir)
				_, _ = fmt.Fprint(w, jot.Identity(r.Context()), ": ", n, " bytes, ", len(entries), " file, ", err)
			})
			for i := len(tc.guards); i > 0; i-- {
				handler = tc.guards[i-1](handler)
			}
			server := httptest.NewServer(handler)
			defer server.Close()
			kind, body := upload(t, tc.size)
			target := server.URL + "/up"
			if tc.token == inQuery {
				target += "?access_token=" + raw
			}
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
			require.NoError(t, err)
			r.Header.Set("Content-Type", kind)
			if tc.token == inHeader {
				r.Header.Set("Authorization", "Bearer "+raw)
			}
			response, err := server.Client().Do(r)
			require.NoError(t, err)
			answer, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			want := fmt.Sprintf("alice: %d bytes, 1 file, <nil>", tc.size) // on the disk meanwhile
			require.Equal(t, want, string(answer))
			server.Close() // waits for the end of the request, which comes after its answer
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
}

// A handler that panics leaves none either, if something outside goes on.
func TestUploadsOfAPanicLeaveNoFiles(t *testing.T) {
	m := newManager(t)
	required, optional := m.Required(), m.Required(jot.Optional())
	var handler http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		err := r.ParseMultipartForm(1)
		entries, _ := os.ReadDir(os.TempDir())
		panic(fmt.Sprint(len(entries), " file, ", err))
	})
	refusing := newManager(t, jot.WithHeader("X-Other", ""), jot.WithErrorHandler(
		func(w http.ResponseWriter, r *http.Request, _ error) { handler.ServeHTTP(w, r) })).Required()
	for name, guards := range map[string][]func(http.Handler) http.Handler{
		"without a guard":   within(recovering),
		"behind a guard":    within(recovering, required),
		"behind two guards": within(recovering, required, optional),
		"between guards":    within(required, recovering, optional),
		"refused":           within(recovering, refusing),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			handler := handler
			for i := len(guards); i > 0; i-- {
				handler = guards[i-1](handler)
			}
			server := httptest.NewServer(handler)
			defer server.Close()
			kind, body := upload(t, 1<<10)
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, body)
			require.NoError(t, err)
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Authorization", "Bearer "+access(t, m))
			response, err := server.Client().Do(r)
			require.NoError(t, err)
			answer, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, "1 file, <nil>\n", string(answer))
			server.Close()
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
}

// within are middlewares from the outside to the inside.
func within(all ...func(http.Handler) http.Handler) []func(http.Handler) http.Handler { return all }

// parsing is a middleware that reads the form.
func parsing(parse func(*http.Request) error) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := parse(r); err != nil {
				http.Error(w, err.Error(), http.StatusTeapot)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// recovering is a middleware that answers for a handler that panics.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if reason := recover(); reason != nil {
				http.Error(w, fmt.Sprint(reason), http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func lengthOf(header *multipart.FileHeader) (int64, error) {
	file, err := header.Open()
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, file)
	return n, errors.Join(err, file.Close())
}

// upload is a form with one file, f.
func upload(t *testing.T, size int) (kind string, body io.Reader) {
	t.Helper()
	var text bytes.Buffer
	form := multipart.NewWriter(&text)
	part, err := form.CreateFormFile("f", "f.bin")
	require.NoError(t, err)
	_, err = part.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	return form.FormDataContentType(), &text
}
