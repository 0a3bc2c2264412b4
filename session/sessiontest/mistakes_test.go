package sessiontest_test

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/session"
	"github.com/go-jot/jot/session/sessiontest"
)

// stores are wrong on purpose, each in one way that its name tells.
type stores map[string]func() session.Store

// mistakes are stores by the case that is about what is wrong with them.
func mistakes() map[string]stores {
	all := map[string]stores{}
	for _, kind := range []map[string]stores{
		wrongSessions, wrongKeys, wrongLimits, wrongRotations, wrongScopes, wrongEndings, wrongTokens, wrongMarks,
		wrongForAll, wrongClocks, wrongRepeats, wrongContexts, wrongAtOnce,
	} {
		for name, wrong := range kind {
			if all[name] == nil {
				all[name] = stores{}
			}
			maps.Copy(all[name], wrong)
		}
	}
	return all
}

// with is a store that has some other rules.
func with(change func(r *rules)) func() session.Store {
	return func() session.Store {
		s := newReference()
		change(&s.rules)
		return s
	}
}

// by is a store that answers otherwise.
func by(c changed) func() session.Store {
	return func() session.Store {
		c := c
		c.Store = newReference()
		return c
	}
}

const wanted = "SESSIONTEST_BROKEN"

// TestBroken runs in a process of its own, and fails.
func TestBroken(t *testing.T) {
	name, store, ok := strings.Cut(os.Getenv(wanted), ": store that ")
	if !ok {
		t.Skip("only for the test of the suite")
	}
	sessiontest.Run(t, func(*testing.T) session.Store { return mistakes()[name][store]() })
}

// Each store that is wrong fails, at the case that is about it.
func TestRunFindsMistakes(t *testing.T) {
	for name, wrong := range mistakes() {
		for store := range wrong {
			t.Run("a store that "+store, func(t *testing.T) {
				t.Parallel()
				fails := strings.ReplaceAll(name, " ", "_")
				only := "-test.run=^TestBroken$/^" + regexp.QuoteMeta(fails) + "$"
				again := exec.CommandContext(t.Context(), os.Args[0], only, "-test.v")
				again.Env = append(os.Environ(), wanted+"="+name+": store that "+store)
				output, err := again.CombinedOutput()
				require.Error(t, err, string(output))
				require.Contains(t, string(output), "--- FAIL: TestBroken/"+fails+" ")
				require.NotContains(t, string(output), "panic: ")
			})
		}
	}
}

// There is no case that nothing fails.
func TestEachCaseHasItsMistake(t *testing.T) {
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReference$", "-test.short", "-test.v")
	output, err := again.Output()
	require.NoError(t, err)
	failing := map[string]bool{}
	for name := range mistakes() {
		failing[strings.TrimPrefix(name, "repeated: ")] = true
	}
	cases := regexp.MustCompile(`(?m)^=== RUN   TestReference/(.*)$`).FindAllStringSubmatch(string(output), -1)
	require.GreaterOrEqual(t, len(cases), 200)
	for _, match := range cases {
		require.Contains(t, failing, strings.TrimPrefix(strings.ReplaceAll(match[1], "_", " "), "repeated: "))
	}
}
