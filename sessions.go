package jot

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-jot/jot/internal/wire"
)

// Revoke revokes one token, so that every guard of every process on the same [Blocklist] refuses it as [ErrRevoked]
// from now on. It takes a token that this Manager has verified, or one from an [Error]: an expired one is nothing to
// revoke, and no error. Other tokens of the same log-in are not touched.
//
// Without [WithBlocklist] its error wraps [errors.ErrUnsupported]; when the blocklist fails, [ErrUnavailable].
func (m *Manager) Revoke(ctx context.Context, t *Token) error {
	if m.blocklist == nil {
		return fmt.Errorf("jot: Revoke needs a blocklist: use WithBlocklist: %w", errors.ErrUnsupported)
	}
	if t == nil || t.manager != m {
		return errNotOurs
	}
	if t.ID == "" {
		return errors.New("jot: a token without an id cannot be revoked")
	}
	until := t.ExpiresAt.Add(maxLeeway) // any node may grant it the greatest leeway there is
	if t.ExpiresAt.IsZero() {
		until = instant(wire.MaxDate) // only a profile takes tokens that never expire
	}
	ctx, cancel := m.storeContext(ctx)
	defer cancel()
	if _, err := m.blocklist.Revoke(ctx, blockKey(t.ID), until); err != nil {
		return m.refuse(ErrUnavailable, err, nil)
	}
	return nil
}

var errNotOurs = errors.New("jot: not a token that this Manager has verified")

// storeContext returns the context of one store call: it ends after a second, and carries the clock if it is not the
// usual one.
func (m *Manager) storeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if m.clock != nil {
		ctx = context.WithValue(ctx, clockKey{}, m.clock)
	}
	if _, ok := m.blocklist.(*MemoryStore); ok {
		return ctx, func() {} // it does not wait for anything
	}
	return context.WithTimeout(ctx, storeTimeout)
}

// storeTimeout bounds one call of a store: a request waits no longer for it, it is answered by 503.
const storeTimeout = time.Second

// blockKey returns the key under which a blocklist knows the token id. Only ids of the form we make are kept as they
// are: others may have any length and any bytes.
func blockKey(id string) string {
	if isUUID(id) {
		return "j:" + id
	}
	sum := sha256.Sum256([]byte(id))
	return "j:" + base64.RawURLEncoding.EncodeToString(sum[:])[:22]
}

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
