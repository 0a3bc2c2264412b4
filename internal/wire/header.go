package wire

import (
	"errors"
	"fmt"

	"github.com/go-jot/jot/internal/strictjson"
)

// Header is what a token's header says that matters.
type Header struct {
	Alg   string
	ID    string // kid
	HasID bool
	Typ   string // empty if it has none
}

// The defects of a header. None quotes the token.
var (
	errAlg      = errors.New("alg is not a string")
	errKeyID    = errors.New("kid is not a string")
	errTyp      = errors.New("typ is not a string")
	errCritical = errors.New("crit, b64, enc and cty are not accepted")
)

// maxHeader is how many members and array elements a header may have, at every depth together: it is read before
// anything is authentic.
const maxHeader = 64

// headerNames are the parameters that matter. Nobody asks for the others.
var headerNames = []string{"alg", "kid", "typ", "crit", "b64", "enc", "cty"}

// ReadHeader reads a header's JSON text. Parameters that would fetch or carry a key (jku, jwk, x5u, x5c) are not
// looked at. Whether typ is accepted depends on the key: [Profile.AcceptsTyp].
func ReadHeader(text string) (h Header, err error) {
	err = strictjson.Pick(text, maxHeader, headerNames, func(name, raw string) error {
		var ok bool
		switch name {
		case "alg":
			if h.Alg, ok = strictjson.String(raw); !ok {
				return errAlg
			}
		case "kid":
			if h.ID, h.HasID = strictjson.String(raw); !h.HasID {
				return errKeyID
			}
		case "typ":
			if h.Typ, ok = strictjson.String(raw); !ok || h.Typ == "" {
				return errTyp
			}
		case "crit", "b64", "enc", "cty":
			// RFC 7515 section 4.1.11: no extension is understood here. RFC 7797 section 7: b64 has no place in a JWT.
			// RFC 7519 section 5.2: with a cty the payload is another token, and no claims.
			return errCritical
		}
		return nil
	})
	if err != nil {
		return Header{}, fmt.Errorf("header: %w", err)
	}
	return h, nil
}
