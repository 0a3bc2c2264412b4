package jot

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// JWKSHandler returns the endpoint that publishes the keys: a JSON Web Key Set (RFC 7517) of the public halves of all
// keys of the source that [New] was given, at "GET /.well-known/jwks.json" by custom. It follows a [KeySet] that
// changes. Those of [WithVerificationKeys] are for their owners to publish. Others may keep the answer for 5 minutes,
// and ask by its ETag whether it has changed. It panics, at start-up, for secrets, which must never be published, and
// for a [Keyfunc].
func (m *Manager) JWKSHandler() http.Handler {
	source := m.issuer.signing
	ring := source.keys()
	if ring.Lookup != nil {
		panic("jot: JWKSHandler: a Keyfunc does not say which keys it has")
	}
	for _, k := range ring.All() {
		if k.Symmetric() {
			panic("jot: JWKSHandler: the keys are secrets: whoever reads one can sign")
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		var keys []string
		for _, k := range source.keys().All() {
			if !k.Over(m.origin.now) {
				keys = append(keys, k.JWK())
			}
		}
		body := []byte(`{"keys":[` + strings.Join(keys, ",") + "]}\n")
		sum := sha256.Sum256(body)
		h.Set("Content-Type", "application/jwk-set+json")
		h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(jwksMaxAge.Seconds())))
		h.Set("Etag", `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}
