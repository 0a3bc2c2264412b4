package frameworks

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/jottest"
	"github.com/go-jot/jot/memstore"
)

// upload is a form with a file that does not fit into a byte of memory.
func upload(t *testing.T, url string) *http.Request {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "big")
	require.NoError(t, err)
	_, err = file.Write(bytes.Repeat([]byte("x"), 11<<20))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, &body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return r
}

func parse(r *http.Request) error { return r.ParseMultipartForm(1) }

func TestFrameworks(t *testing.T) {
	gin.SetMode(gin.TestMode)
	for name, build := range map[string]func(auth *jot.Manager) http.Handler{
		"chi": func(auth *jot.Manager) http.Handler {
			orders := func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, jot.Identity(r.Context())+" "+chi.URLParam(r, "id"))
			}
			h := newChi(auth, orders, orders)
			h.(*chi.Mux).With(auth.Required()).Post("/upload", func(_ http.ResponseWriter, r *http.Request) {
				defer removeFiles(r)
				_ = parse(r)
			})
			return h
		},
		"echo": func(auth *jot.Manager) http.Handler {
			orders := func(c echo.Context) error {
				return c.String(http.StatusOK, jot.Identity(c.Request().Context())+" "+c.Param("id"))
			}
			h := newEcho(auth, orders, orders)
			h.(*echo.Echo).POST("/upload", func(c echo.Context) error { return parse(c.Request()) },
				echo.WrapMiddleware(auth.Required()))
			return h
		},
		"echo by hand": func(auth *jot.Manager) http.Handler {
			orders := func(c echo.Context) error {
				return c.String(http.StatusOK, jot.Identity(c.Request().Context())+" "+c.Param("id"))
			}
			e := echo.New()
			e.POST("/refresh", echo.WrapHandler(auth.RefreshHandler()))
			api := e.Group("", admit(auth, auth.Guard()))
			api.GET("/orders/:id", orders)
			api.DELETE("/orders/:id", orders, admit(auth, auth.Guard(jot.Scopes("admin"))))
			api.POST("/upload", func(c echo.Context) error { return parse(c.Request()) })
			return e
		},
		"gin": func(auth *jot.Manager) http.Handler {
			orders := func(c *gin.Context) {
				c.String(http.StatusOK, jot.Identity(c.Request.Context())+" "+c.Param("id"))
			}
			h := newGin(auth, orders, orders)
			h.(*gin.Engine).POST("/upload", gate(auth.Required()), func(c *gin.Context) { _ = parse(c.Request) })
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			auth, err := jot.New(jot.HS256(jot.GenerateSecret()), jot.WithStore(memstore.New()))
			require.NoError(t, err)
			h := build(auth)
			serve := func(r *http.Request) (status int, body string) {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w.Code, w.Body.String()
			}

			status, body := serve(jottest.Request(t, auth, "GET", "/orders/7", "alice"))
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, "alice 7", body)

			status, body = serve(httptest.NewRequest("GET", "/orders/7", nil))
			require.Equal(t, http.StatusUnauthorized, status)
			require.Contains(t, body, "token_missing")
			require.NotContains(t, body, "7", "the handler has not run")

			status, body = serve(jottest.Request(t, auth, "DELETE", "/orders/7", "alice"))
			require.Equal(t, http.StatusForbidden, status)
			require.Contains(t, body, "insufficient_scope")
			require.NotContains(t, body, "alice", "the handler has not run")

			status, _ = serve(jottest.Request(t, auth, "DELETE", "/orders/7", "alice", jot.Scopes("admin")))
			require.Equal(t, http.StatusOK, status)

			pair, err := auth.CreatePair(t.Context(), "alice")
			require.NoError(t, err)
			r := httptest.NewRequest("POST", "/refresh", nil)
			r.Header.Set("Authorization", "Bearer "+pair.RefreshToken)
			status, _ = serve(r)
			require.Equal(t, http.StatusOK, status)

			// Over a real connection: net/http removes the files of uploads.
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			server := httptest.NewServer(h)
			defer server.Close()
			r = upload(t, server.URL+"/upload")
			jottest.Authorize(t, r, auth, "alice")
			response, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode)
			server.Close()
			files, err := os.ReadDir(temp)
			require.NoError(t, err)
			require.Empty(t, files)
		})
	}
}

// chi hands a copy of the request on, so that net/http does not find the files of uploads: with a guard or without.
func TestChiUploads(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, removes := range []bool{true, false} {
		h := chi.NewRouter()
		h.Post("/upload", func(_ http.ResponseWriter, r *http.Request) {
			if removes {
				defer removeFiles(r)
			}
			_ = parse(r)
		})
		server := httptest.NewServer(h)
		response, err := http.DefaultClient.Do(upload(t, server.URL+"/upload"))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		server.Close()
		files, err := os.ReadDir(temp)
		require.NoError(t, err)
		require.Equal(t, removes, len(files) == 0)
	}
}

// What gin's own middleware sees: a refusal is an abort, and nothing else is.
func TestGinAborts(t *testing.T) {
	gin.SetMode(gin.TestMode)
	auth, err := jot.New(jot.HS256(jot.GenerateSecret()))
	require.NoError(t, err)
	g := gin.New()
	var aborted bool
	g.Use(func(c *gin.Context) { c.Next(); aborted = c.IsAborted() })
	g.GET("/", gate(auth.Required()), func(c *gin.Context) { c.Status(http.StatusTeapot) })

	g.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	require.True(t, aborted)
	w := httptest.NewRecorder()
	g.ServeHTTP(w, jottest.Request(t, auth, "GET", "/", "alice"))
	require.False(t, aborted)
	require.Equal(t, http.StatusTeapot, w.Code)
}
