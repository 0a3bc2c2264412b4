// Package uuid7 makes and reads UUIDs of version 7 (RFC 9562 section 5.7): they tell the millisecond of their making,
// and their order is that of time.
package uuid7

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
)

// New returns a UUIDv7: the instant in milliseconds, then 74 random bits.
func New(at time.Time) string {
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

// Canonical reports whether s is a UUID, of any version, in the form that New writes.
func Canonical(s string) bool {
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

// Time returns the instant in a UUIDv7, false for any other text.
func Time(id string) (at time.Time, ok bool) {
	if !Canonical(id) || id[14] != '7' {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(id[0:8]+id[9:13], 16, 64)
	return time.UnixMilli(ms), err == nil
}
