package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCompare(t *testing.T) {
	var text strings.Builder
	s := settings{cycles: 2, slice: time.Microsecond, only: "^issue"}
	require.NoError(t, compare(ctx, &text, "..", s), "nothing has changed")
	require.Regexp(t, `(?m)^issue HS256( +\d+\.\d{3}){3}( +\d+){2}$`, text.String())

	s.only = "^nothing$"
	require.Error(t, compare(ctx, &text, "..", s))
}

func TestCompareWithSomethingElse(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	dir := t.TempDir()
	err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module github.com/go-jot/jot\n\ngo 1.26.0\n"), 0o600)
	require.NoError(t, err)
	err = compare(ctx, new(strings.Builder), dir, settings{cycles: 1})
	require.ErrorContains(t, err, "the jot in "+dir+" lacks something that these cases need")
	require.ErrorContains(t, err, "github.com/go-jot/jot/memstore", "and what it is")
}

func TestPrintChanges(t *testing.T) {
	// Two cases in three rounds; the one in the middle was measured on a busy machine.
	rounds := func(first, second uint64) (list [][]result) {
		for _, ratio := range []float64{.5, 7, .5} {
			list = append(list, []result{
				{Name: "first", Ratio: ratio, Jot: cost{Allocs: first}},
				{Name: "second", Ratio: ratio / 2, Jot: cost{Allocs: second}},
			})
		}
		return list
	}
	var text strings.Builder
	require.NoError(t, printChanges(&text, rounds(9, 3), rounds(9, 2)))
	require.Regexp(t, `second +1\.000 +0\.250 +0\.250 +3 +2\n$`, text.String())

	text.Reset()
	require.ErrorContains(t, printChanges(&text, rounds(9, 3), rounds(8, 4)), "allocates more often")
	require.Regexp(t, `(?s)first [^\n]+ 9 +8\nsecond [^\n]+ 3 +4  more\n$`, text.String())

	slower := rounds(9, 3)
	for _, list := range slower {
		list[0].Ratio *= 10
	}
	require.NoError(t, printChanges(&text, rounds(9, 3), slower), "times prove nothing")
}

func TestMedian(t *testing.T) {
	require.InDelta(t, 2, median([]float64{9, 1, 2}), 0)
	require.InDelta(t, 3, median([]float64{9, 1, 2, 4}), 0)
}
