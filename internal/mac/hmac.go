package mac

import (
	"crypto/hmac"
	"errors"
	"hash"
	"sync"
)

var errHMAC = errors.New("mac: the signature does not match")

// HMAC returns the signer and the check of a secret that lives long. Both use states again that have read the secret:
// to make one takes longer than to read a token.
func (m Method) HMAC(secret []byte) (
	sign func(text string) ([]byte, error), verify func(text, signature string) error,
) {
	states := &sync.Pool{New: func() any { return &keyed{Hash: hmac.New(m.hash.New, secret)} }}
	sign = func(text string) ([]byte, error) {
		k := states.Get().(*keyed)
		signature := append([]byte(nil), k.read(text)...)
		k.forget()
		states.Put(k)
		return signature, nil
	}
	verify = func(text, signature string) error {
		k := states.Get().(*keyed)
		same := k.matches(text, signature)
		k.forget()
		states.Put(k)
		if !same {
			return errHMAC
		}
		return nil
	}
	return sign, verify
}

// keyed is the state of a hash that has read a secret, with room for what goes in and comes out.
type keyed struct {
	hash.Hash

	in  [256]byte
	out [64]byte
}

// read returns the hash of a text. It is the state's own, until that forgets.
func (k *keyed) read(text string) []byte {
	for text != "" {
		n := copy(k.in[:], text)
		_, _ = k.Write(k.in[:n]) // never fails
		text = text[n:]
	}
	return k.Sum(k.out[:0])
}

// matches compares in constant time.
func (k *keyed) matches(text, signature string) bool {
	hash := k.read(text)
	given := k.in[:copy(k.in[:], signature)]
	return len(signature) == len(hash) && hmac.Equal(hash, given)
}

// forget leaves nothing of a token to the next one.
func (k *keyed) forget() {
	k.Reset()
	clear(k.in[:])
	clear(k.out[:])
}
