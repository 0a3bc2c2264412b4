package wire

import (
	"encoding/base64"
	"strings"
)

// Frame is a token cut into its three segments.
type Frame struct {
	Head                       string // the first segment as it stands
	Signed                     string // what the signature is of
	Header, Payload, Signature string // decoded
}

// Cut cuts a token's text. Of the spellings of one token exactly one is right.
func Cut(raw string) (f Frame, ok bool) {
	head, rest, _ := strings.Cut(raw, ".")
	body, tail, ok := strings.Cut(rest, ".")
	if !ok {
		return Frame{}, false
	}
	f = Frame{Head: head, Signed: raw[:len(head)+1+len(body)]}
	for _, segment := range [...]struct {
		text string
		into *string
	}{{head, &f.Header}, {tail, &f.Signature}, {body, &f.Payload}} {
		if *segment.into, ok = decode(segment.text); !ok {
			return Frame{}, false
		}
	}
	return f, true
}

// decode decodes canonical base64url (RFC 4648 section 5), and nothing empty. The alphabet is checked here, since the
// decoder skips line breaks.
func decode(segment string) (text string, ok bool) {
	for i := range len(segment) {
		if !alphabet[segment[i]] {
			return "", false
		}
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	return string(decoded), err == nil && segment != ""
}

var alphabet = func() (table [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		table[c] = true
	}
	return table
}()
