package wire

import (
	"encoding/base64"
	"strings"
)

// Frame is a token cut into its three segments.
type Frame struct {
	Head            string // the first segment as it stands
	Signed          string // what the signature is of
	Header, Payload string // decoded
	Signature       []byte
}

// canonical decodes base64url (RFC 4648 section 5) of which no bit may be chosen freely.
var canonical = base64.RawURLEncoding.Strict()

// Cut cuts a token's text. Of the spellings of one token exactly one is right.
func Cut(raw string) (f Frame, ok bool) {
	head, rest, _ := strings.Cut(raw, ".")
	body, tail, ok := strings.Cut(rest, ".")
	if !ok || !isBase64URL(head) || !isBase64URL(body) || !isBase64URL(tail) {
		return Frame{}, false
	}
	// All three in one piece of memory.
	text := []byte(raw)
	decoded := make([]byte, 0, canonical.DecodedLen(len(raw)))
	decoded, err := canonical.AppendDecode(decoded, text[:len(head)])
	if err != nil {
		return Frame{}, false
	}
	header := len(decoded)
	if decoded, err = canonical.AppendDecode(decoded, text[len(head)+1:len(raw)-len(tail)-1]); err != nil {
		return Frame{}, false
	}
	payload := len(decoded)
	if decoded, err = canonical.AppendDecode(decoded, text[len(raw)-len(tail):]); err != nil {
		return Frame{}, false
	}
	read := string(decoded[:payload])
	return Frame{
		Head: head, Signed: raw[:len(raw)-len(tail)-1], Header: read[:header], Payload: read[header:],
		Signature: decoded[payload:],
	}, true
}

// isBase64URL reports whether a segment is of the alphabet, and not empty. The decoder skips line breaks.
func isBase64URL(segment string) bool {
	for i := range len(segment) {
		if !alphabet[segment[i]] {
			return false
		}
	}
	return segment != ""
}

var alphabet = func() (table [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		table[c] = true
	}
	return table
}()
