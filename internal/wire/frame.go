package wire

import "strings"

// Frame is a token cut into its three segments.
type Frame struct {
	Head                       string // the first segment as it stands
	Signed                     string // what the signature is of
	Header, Payload, Signature string // decoded, all three in one piece of memory
}

// Cut cuts a token's text. Of the spellings of one token exactly one is right.
func Cut(raw string) (f Frame, ok bool) {
	head, rest, _ := strings.Cut(raw, ".")
	body, tail, ok := strings.Cut(rest, ".")
	if !ok || head == "" || body == "" || tail == "" {
		return Frame{}, false
	}
	var text strings.Builder
	text.Grow(decodedLen(head) + decodedLen(body) + decodedLen(tail))
	if !decode(&text, head) || !decode(&text, body) || !decode(&text, tail) {
		return Frame{}, false
	}
	decoded := text.String()
	header, payload := decodedLen(head), decodedLen(head)+decodedLen(body)
	return Frame{
		Head: head, Signed: raw[:len(head)+1+len(body)],
		Header: decoded[:header], Payload: decoded[header:payload], Signature: decoded[payload:],
	}, true
}

// decodedLen is how many bytes a segment stands for.
func decodedLen(segment string) int { return len(segment)/4*3 + max(len(segment)%4-1, 0) }

// decode writes what a segment stands for, if it is base64url (RFC 4648 section 5) without padding, of which no bit may
// be chosen freely. That of the standard library skips line breaks, and wants another pass to tell.
func decode(text *strings.Builder, segment string) bool {
	var piece [96]byte // so that Write is not called for each byte
	for len(segment) >= 4 {
		n, bad := 0, byte(0)
		for ; len(segment) >= 4 && n <= len(piece)-3; segment = segment[4:] {
			a, b, c, d := digits[segment[0]], digits[segment[1]], digits[segment[2]], digits[segment[3]]
			bad |= a | b | c | d
			piece[n], piece[n+1], piece[n+2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
			n += 3
		}
		if bad&noDigit != 0 {
			return false
		}
		text.Write(piece[:n])
	}
	switch len(segment) {
	case 2:
		a, b := digits[segment[0]], digits[segment[1]]
		text.WriteByte(a<<2 | b>>4)
		return (a|b)&noDigit == 0 && b&0xf == 0
	case 3:
		a, b, c := digits[segment[0]], digits[segment[1]], digits[segment[2]]
		text.WriteByte(a<<2 | b>>4)
		text.WriteByte(b<<4 | c>>2)
		return (a|b|c)&noDigit == 0 && c&0x3 == 0
	}
	return segment == ""
}

// noDigit marks in digits what is not of the alphabet.
const noDigit = 0x80

// digits are the values of base64url's characters.
var digits = func() (table [256]byte) {
	for i := range table {
		table[i] = noDigit
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		table[c] = byte(i)
	}
	return table
}()
