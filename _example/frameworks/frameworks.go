// Package frameworks ties jot to the routers that people ask about.
package frameworks

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/go-jot/jot"
)

func newChi(auth *jot.Manager, orders, remove http.HandlerFunc) http.Handler {
	r := chi.NewRouter()
	r.Method("POST", "/refresh", auth.RefreshHandler())
	r.Group(func(r chi.Router) {
		r.Use(auth.Required())
		r.Get("/orders/{id}", orders)
		r.With(auth.Required(jot.Scopes("admin"))).Delete("/orders/{id}", remove)
	})
	return r
}

// removeFiles is for the end of a chi handler that takes uploads.
func removeFiles(r *http.Request) {
	if r.MultipartForm != nil {
		_ = r.MultipartForm.RemoveAll()
	}
}

func newEcho(auth *jot.Manager, orders, remove echo.HandlerFunc) http.Handler {
	e := echo.New()
	e.POST("/refresh", echo.WrapHandler(auth.RefreshHandler()))
	api := e.Group("", echo.WrapMiddleware(auth.Required()))
	api.GET("/orders/:id", orders) // jot.Identity(c.Request().Context())
	api.DELETE("/orders/:id", remove, echo.WrapMiddleware(auth.Required(jot.Scopes("admin"))))
	return e
}

// gate makes a gin handler of a guard.
func gate(guard func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		admitted := false
		next := func(_ http.ResponseWriter, r *http.Request) { admitted, c.Request = true, r; c.Next() }
		if guard(http.HandlerFunc(next)).ServeHTTP(c.Writer, c.Request); !admitted {
			c.Abort()
		}
	}
}

func newGin(auth *jot.Manager, orders, remove gin.HandlerFunc) http.Handler {
	g := gin.New()
	g.POST("/refresh", gin.WrapH(auth.RefreshHandler()))
	api := g.Group("/", gate(auth.Required()))
	api.GET("/orders/:id", orders) // jot.Identity(c.Request.Context())
	api.DELETE("/orders/:id", gate(auth.Required(jot.Scopes("admin"))), remove)
	return g
}

// admit is a gate of echo by hand, as for a framework whose handlers are none of net/http's.
func admit(auth *jot.Manager, guard *jot.Guard) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, err := guard.Admit(c.Response(), c.Request())
			if err != nil {
				auth.WriteError(c.Response(), c.Request(), err)
				return nil
			}
			outer := c.Request()
			c.SetRequest(r)
			defer func() { outer.MultipartForm = c.Request().MultipartForm }() // so that files of uploads are removed
			return next(c)
		}
	}
}
