package mac_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// States that are used again know nothing of the text before, however long it was, whoever uses them.
func TestHMACOfManyTexts(t *testing.T) {
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		sign, verify := lookup(t, alg).HMAC(secret)
		theirs := jwt.GetSigningMethod(alg)
		var group sync.WaitGroup
		for worker := range 4 {
			group.Go(func() {
				for n := worker; n < 800; n += 4 {
					text := strings.Repeat("x", n)
					want := must(theirs.Sign(text, secret))
					signature, err := sign(text)
					if err != nil || !bytes.Equal(signature, want) || verify(text, string(want)) != nil {
						t.Errorf("%s of %d bytes: %x, want %x", alg, n, signature, want)
					}
					if verify(text+"x", string(want)) == nil || verify(text, string(want[1:])) == nil {
						t.Errorf("%s of %d bytes verifies too much", alg, n)
					}
					if again, _ := sign("another"); !bytes.Equal(signature, want) || bytes.Equal(again, want) {
						t.Errorf("%s of %d bytes: the signature has changed", alg, n)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestHMACAllocatesNothing(t *testing.T) {
	if raced {
		t.Skip("under the race detector pools forget")
	}
	sign, verify := lookup(t, "HS256").HMAC(secret)
	signature := string(must(sign(text)))
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = verify(text, signature) }))
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { _, _ = sign(text) }), 1.0)
}
