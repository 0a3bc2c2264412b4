package jot

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
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
	m.exists()
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
	return document("application/jwk-set+json", func() []byte {
		var keys []string
		for _, k := range source.keys().All() {
			if !k.Over(m.origin.now) {
				keys = append(keys, k.JWK())
			}
		}
		return []byte(`{"keys":[` + strings.Join(keys, ",") + "]}\n")
	})
}

// ResourceMetadataHandler returns the endpoint that publishes what [WithResourceMetadata] says, and how tokens travel.
// It belongs at "/.well-known/oauth-protected-resource", with the path of Resource behind it if that has one. Without
// the option it panics, at start-up.
func (m *Manager) ResourceMetadataHandler() http.Handler {
	m.exists()
	if m.resource == nil {
		panic(unsupported("ResourceMetadataHandler", "WithResourceMetadata").Error())
	}
	methods := []string{}
	for _, at := range []Location{InHeader, InBody, InQuery} { // the words of RFC 6750 are ours
		if slices.Contains(m.places.order, at) {
			methods = append(methods, string(at))
		}
	}
	text, _ := json.Marshal(struct {
		ResourceMetadata

		Methods []string `json:"bearer_methods_supported"`
	}{*m.resource, methods})
	return document("application/json", func() []byte { return append(text, '\n') })
}

// document returns the endpoint of what everybody may read and keep for a while.
func document(kind string, body func() []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		text := body()
		sum := sha256.Sum256(text)
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(jwksMaxAge.Seconds())))
		h.Set("Etag", `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	})
}
