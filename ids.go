package jot

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
)

// newUUID returns a UUIDv7 (RFC 9562 section 5.7): the instant in ms, then 74 random bits.
func newUUID(at time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[6:])                                       // never fails
	binary.BigEndian.PutUint16(b[0:], uint16(at.UnixMilli()>>32)) //nolint:gosec // 48 bits last until the year 10889
	binary.BigEndian.PutUint32(b[2:], uint32(at.UnixMilli()))     //nolint:gosec // the lower half
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[0:8], b[0:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:36], b[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// isUUID reports whether s is a UUID in the form that we write.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case ('0' > c || c > '9') && ('a' > c || c > 'f'):
			return false
		}
	}
	return true
}

// bornAt returns the instant in a UUIDv7, false for any other text.
func bornAt(id string) (time.Time, bool) {
	if !isUUID(id) || id[14] != '7' {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(id[0:8]+id[9:13], 16, 64)
	return time.UnixMilli(ms), err == nil
}

// blockKey returns the key under which a blocklist knows an id, of a token or a session. Only ids of the form we make
// are kept as they are: others may have any length and any bytes. No id has no key.
func blockKey(kind, id string) string {
	if id == "" || isUUID(id) {
		return kind + id
	}
	return kind + digest(id)
}

// The kinds of ids in a blocklist.
const (
	kindToken   = "j:"
	kindSession = "s:"
)

// subjectKey returns the key under which a store knows a subject: a hash, because subjects are personal data and may
// hold any bytes. The length keeps issuer and subject apart.
func (l *ledger) subjectKey(subject string) string {
	return digest(strconv.Itoa(len(l.issuer)) + ":" + l.issuer + subject)
}

// tokenKey returns the key under which a store knows a token.
func tokenKey(id string) string { return blockKey("", id) }

// digest returns 132 bits of a hash, as text.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:22]
}
