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

// movedUUID returns the UUIDv7 with the same random bits at another instant.
func movedUUID(id string, at time.Time) string {
	return newUUID(at)[:len("00000000-0000-")] + id[len("00000000-0000-"):]
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
// are kept as they are: others may have any length and any bytes.
func blockKey(kind, id string) string {
	if isUUID(id) {
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
// hold any bytes.
func (m *Manager) subjectKey(subject string) string { return digest(m.issuer + "\x00" + subject) }

// digest returns 132 bits of a hash, as text.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:22]
}

// sessionKey returns the key under which a store knows a session: the part of its id that is not its start, which the
// store decides.
func sessionKey(id string) string { return id[len("00000000-0000-"):] }
