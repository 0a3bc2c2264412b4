package flask_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// script is what exchanges.txt says.
type script struct {
	lines    []line
	names    map[string]string       // a token's name: the words that make it
	recorded map[string][]difference // of a recorded case
}

// line is one row of the file, with its alternatives spelled out.
type line struct {
	at        int // its number
	requests  [][]string
	follows   bool // it uses the tokens of the line before
	expected  []difference
	unmatched map[string]bool
}

// difference is one that is a row of the table.
type difference struct {
	row   string
	parts []string
}

var word = regexp.MustCompile("`[^`]*`|\\S+")

// readScript reads exchanges.txt, and adds its profiles to the recorded ones.
func readScript(t *testing.T, all *recorded) *script {
	t.Helper()
	text, err := os.ReadFile("testdata/live/exchanges.txt")
	require.NoError(t, err)
	s := &script{names: map[string]string{}, recorded: map[string][]difference{}}
	for i, raw := range strings.Split(string(text), "\n") {
		raw, _, _ = strings.Cut(raw, "#")
		words := word.FindAllString(raw, -1)
		if len(words) == 0 {
			continue
		}
		var expected []difference
		words = slices.DeleteFunc(words, func(w string) bool {
			mark, ok := strings.CutPrefix(w, "!")
			if ok {
				row, parts, _ := strings.Cut(mark, ":")
				expected = append(expected, difference{row, strings.Split(parts, ",")})
			}
			return ok
		})
		switch words[0] {
		case "profile":
			profile := all.Profiles[words[1]]
			require.Nil(t, profile.Config, "line %d: the profile is there already", i+1)
			require.NoError(t, json.Unmarshal([]byte(unquote(words[2])), &profile), "line %d", i+1)
			all.Profiles[words[1]] = profile
		case "token":
			s.names[words[1]] = strings.Join(words[2:], " ")
		case "recorded":
			s.recorded[words[1]] = expected
		default:
			l := line{at: i + 1, expected: expected, unmatched: map[string]bool{}}
			if l.follows = words[0] == ">"; l.follows {
				words = words[1:]
			}
			l.requests = spell(words)
			for _, d := range expected {
				l.unmatched[d.row] = true
			}
			s.lines = append(s.lines, l)
		}
	}
	return s
}

func unquote(w string) string { return strings.Trim(w, "`") }

var alternatives = regexp.MustCompile(`\([^()]*\|[^()]*\)`)

// spell spells out (a|b).
func spell(words []string) [][]string {
	for i, w := range words {
		if at := alternatives.FindStringIndex(w); at != nil {
			var all [][]string
			for each := range strings.SplitSeq(w[at[0]+1:at[1]-1], "|") {
				one := slices.Clone(words)
				one[i] = w[:at[0]] + each + w[at[1]:]
				all = append(all, spell(one)...)
			}
			return all
		}
	}
	return [][]string{words}
}
