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
	names    map[string]string // a token's name: the words that make it
	recorded map[string]marks  // of a recorded case
}

// line is one row of the file, with its alternatives spelled out.
type line struct {
	at       int // its number
	requests [][]string
	follows  bool // it uses the tokens of the line before
	marks
}

// marks are what a row says of its differences.
type marks struct {
	expected []difference
	newer    bool // it is so with PyJWT 2.12, and later ones
}

// rows are the differences that have to be shown.
func (m *marks) rows() map[string]bool {
	rows := map[string]bool{}
	for _, d := range m.expected {
		rows[d.row] = true
	}
	return rows
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
	s := &script{names: map[string]string{}, recorded: map[string]marks{}}
	for i, raw := range strings.Split(string(text), "\n") {
		raw, _, _ = strings.Cut(raw, "#")
		words := word.FindAllString(raw, -1)
		if len(words) == 0 {
			continue
		}
		var m marks
		words = slices.DeleteFunc(words, func(w string) bool {
			mark, ok := strings.CutPrefix(w, "!")
			if ok {
				row, parts, _ := strings.Cut(mark, ":")
				m.expected = append(m.expected, difference{row, strings.Split(parts, ",")})
			}
			m.newer = m.newer || w == "@2.12"
			return ok || w == "@2.12"
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
			isCase := func(c exchange) bool { return c.ID == words[1] }
			require.True(t, slices.ContainsFunc(all.Cases, isCase), "line %d: there is no such case", i+1)
			s.recorded[words[1]] = m
		default:
			l := line{at: i + 1, marks: m}
			if l.follows = words[0] == ">"; l.follows {
				words = words[1:]
			}
			l.requests = spell(words)
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
