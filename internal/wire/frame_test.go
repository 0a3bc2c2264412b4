package wire_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/wire"
)

// slowCut is Cut by the standard library, which also says how a text should have been written.
func slowCut(raw string) (f wire.Frame, ok bool) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return wire.Frame{}, false
	}
	var texts [3]string
	for i, part := range parts {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || len(text) == 0 || base64.RawURLEncoding.EncodeToString(text) != part {
			return wire.Frame{}, false
		}
		texts[i] = string(text)
	}
	return wire.Frame{
		Head: parts[0], Signed: parts[0] + "." + parts[1], Header: texts[0], Payload: texts[1], Signature: texts[2],
	}, true
}

func wantCut(t *testing.T, raw string) {
	t.Helper()
	want, ok := slowCut(raw)
	got, cut := wire.Cut(raw)
	if got != want || cut != ok {
		require.Equal(t, want, got, "%q", raw)
		require.Equal(t, ok, cut, "%q", raw)
	}
}

// Every byte at every place of a segment, which is of every length, behind pieces that are whole and those that are
// not.
func TestCutAgainstTheStandardLibrary(t *testing.T) {
	for length := range 12 {
		for at := range length {
			for c := range 256 {
				segment := []byte("eyJhbGciOiJIUz"[:length])
				segment[at] = byte(c)
				for _, raw := range []string{
					string(segment) + ".e30.AA", "e30." + string(segment) + ".AA", "e30.e30." + string(segment),
				} {
					wantCut(t, raw)
				}
			}
		}
	}
	for length := range 600 {
		long := strings.Repeat("e3Jw", 150)[:length]
		wantCut(t, "e30."+long+".AA")
		wantCut(t, long+"."+long+"."+long)
		for _, end := range []string{"A", "B", "g", "w", "8", "\n", "=", "==", " ", "\xc3\xa9", "."} {
			wantCut(t, "e30."+long+end+".AA")
			wantCut(t, "e30.e30."+long+end)
		}
	}
	for _, raw := range []string{
		"", ".", "..", "...", "e30", "e30.e30", "e30.e30.", ".e30.AA", "e30..AA", "e30.e30.AA.AA",
	} {
		wantCut(t, raw)
	}
}

func TestCutAllocatesOnce(t *testing.T) {
	raw := "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("eyJ4", 80) + "." + strings.Repeat("A", 43)
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { wire.Cut(raw) }), 1.0)
}

func FuzzCut(f *testing.F) {
	for _, raw := range []string{
		"e30.e30.AA", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "e30.e30.AB", "e30.e3 .AA", "e30.e30=.AA",
	} {
		f.Add(raw)
	}
	f.Fuzz(wantCut)
}
