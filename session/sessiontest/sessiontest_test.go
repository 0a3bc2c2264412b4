package sessiontest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
)

func TestReference(t *testing.T) {
	sessiontest.Run(t, func(*testing.T) session.Store { return newReference("") })
	one := newReference("")
	sessiontest.Run(t, func(*testing.T) session.Store { return one })
}

// mistakes, and the case that is about each. Those of a repeated call show when each call is made twice.
var mistakes = map[string]string{
	"allows one too many":                 "a limit ends those that began first",
	"begins at the mark":                  "a login after a logout everywhere lives, whatever the clocks say",
	"begins ended ones again":             "a session that ended is not begun again",
	"begins twice":                        "a session that began before is left as it is",
	"comes up empty without a mark":       "a store that comes up empty takes nothing from before",
	"counts what is over":                 "what is over does not count",
	"cuts instants to seconds":            "a record comes back as it went in",
	"cuts keys":                           "keys are opaque",
	"does not know a repeated end":        "twice: of many that end a session one does",
	"does not know a repeated revocation": "the first to revoke a token is told so, and again when its call is repeated",
	"does not know a repeated rotation":   "twice: the current token rotates",
	"does not know who found the reuse":   "twice: reuse is told once, and again to the call that found it",
	"does not prolong":                    "a rotation prolongs the record and never shortens it",
	"does not prolong revocations":        "the latest end of a revocation counts",
	"drops labels":                        "a record comes back as it went in",
	"ends by the clock":                   "a session ends once",
	"ends nothing":                        "a session ends once",
	"ends twice":                          "a session ends once",
	"evicts by clocks":                    "a limit goes by the order of logins and not by clocks",
	"evicts by use":                       "a limit goes by the order of logins and not by clocks",
	"evicts the latest":                   "a limit ends those that began first",
	"evicts the new one":                  "a limit goes by the order of logins and not by clocks",
	"forgets marks early":                 "a mark moves forward alone, and is kept until the latest end",
	"forgets narrowing by a replay":       "a rotation narrows for good",
	"forgets revocations early":           "a revoked token is known, and no other",
	"forgets that everyone is out":        "a logout of everyone ends all sessions, of all settings and for ever",
	"forgets the mark of all":             "a logout of everyone reaches tokens of no session, for ever",
	"forks":                               "of many that rotate in time all get one successor",
	"goes by one clock":                   "without grace nothing is replayed, by any clock",
	"has no mark of a subject":            "a logout everywhere reaches tokens of no session that were issued before",
	"has no mark of all":                  "a logout of everyone reaches tokens of no session, for ever",
	"hides a cancellation":                "a cancelled context gives no wrong answer",
	"ignores case":                        "keys are opaque",
	"is always first":                     "of many that revoke a token one is first, and the latest end counts",
	"is first once for ever":              "a revocation that is over may be entered anew",
	"judges sessions by marks":            "a login after a logout everywhere lives, whatever the clocks say",
	"judges tokens of sessions by marks":  "a login after a logout everywhere lives, whatever the clocks say",
	"keeps a reused session":              "the token before is reused later, by any clock",
	"knows no limit":                      "a limit ends those that began first",
	"lets sessions live on":               "what is not there does not rotate",
	"lists by clocks":                     "sessions are listed in the order in which they began",
	"lists what is over":                  "a session is known until it expires",
	"logs everyone out by clocks":         "a logout of everyone ends all sessions, of all settings and for ever",
	"logs out by clocks":                  "a logout everywhere reaches any node, whatever the clocks say",
	"moves marks back":                    "a mark moves forward alone, and is kept until the latest end",
	"moves the mark of all back":          "a logout of everyone reaches tokens of no session, for ever",
	"moves the window":                    "the token before is replayed in time, by any clock",
	"never replays":                       "nobody is logged out while clocks and delays stay below the grace",
	"reads, then writes":                  "of many that rotate one wins",
	"replays at any depth":                "a token before the one before is reused at any time",
	"replays at the end of the grace":     "the token before is reused later, by any clock",
	"replays for ever":                    "the token before is reused later, by any clock",
	"replays without grace":               "without grace nothing is replayed, by any clock",
	"rotates revoked tokens":              "a token that was revoked does not rotate",
	"shares sessions among subjects":      "a session belongs to its subject",
	"shares tokens among subjects":        "a revoked token is known, and no other",
	"shortens revocations":                "the latest end of a revocation counts",
	"shows records of ended ones":         "a session ends once",
	"takes newer for reuse":               "a token newer than the current one is no reuse",
	"takes the last end":                  "a rotation prolongs the record and never shortens it",
	"takes what does not say when":        "a logout everywhere reaches tokens of no session that were issued before",
	"takes what is issued at the mark":    "a logout everywhere reaches tokens of no session that were issued before",
	"takes what it does not know":         "a session is known until it expires",
	"trims keys":                          "keys are opaque",
	"widens by a replay":                  "a rotation narrows for good",
	"widens by a rotation":                "a rotation narrows for good",
}

const wanted = "SESSIONTEST_MISTAKE"

// TestMistaken runs in a process of its own, and fails.
func TestMistaken(t *testing.T) {
	mistake := os.Getenv(wanted)
	if mistake == "" {
		t.Skip("only for TestFindsMistakes")
	}
	sessiontest.Run(t, func(*testing.T) session.Store { return newReference(mistake) })
}

// Each mistake is found by the case that is about it.
func TestFindsMistakes(t *testing.T) {
	for mistake, name := range mistakes {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			which := "each_call_once"
			if rest, ok := strings.CutPrefix(name, "twice: "); ok {
				which, name = "each_call_twice", rest
			}
			path := which + "/" + strings.ReplaceAll(name, " ", "_")
			pattern := "^TestMistaken$/^" + which + "$/^" + regexp.QuoteMeta(strings.ReplaceAll(name, " ", "_")) + "$"
			again := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.v")
			again.Env = append(os.Environ(), wanted+"="+mistake)
			output, err := again.CombinedOutput()
			require.Error(t, err, string(output))
			require.Contains(t, string(output), "--- FAIL: TestMistaken/"+path)
		})
	}
}
