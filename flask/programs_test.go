package flask_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// programs are those of the original's examples/.
var programs = []string{
	"additional_data_in_access_token.py", "automatic_user_loading.py", "blocklist_database.py", "blocklist_redis.py",
	"custom_decorators.py", "implicit_refresh.py", "jwt_locations.py", "loaders.py", "oidc.py",
	"optional_protected_endpoints.py", "refresh_tokens.py", "simple.py", "token_freshness.py",
}

// TestTableOfPrograms: the guide has a row for each program of the original's, and what the row names is there and
// tested.
func TestTableOfPrograms(t *testing.T) {
	if source := os.Getenv("JOT_FJE"); source != "" {
		found, err := filepath.Glob(filepath.Join(source, "examples", "*.py"))
		require.NoError(t, err)
		for i := range found {
			found[i] = filepath.Base(found[i])
		}
		require.Equal(t, programs, found)
	}
	guide := textOf(t, "../docs/from-flask.md")
	_, section, _ := strings.Cut(guide, "\n## The example programs\n")
	section, _, _ = strings.Cut(section, "\n## ")
	row := regexp.MustCompile("(?m)^\\| `(\\w+\\.py)`[^|]*\\|([^|]*)\\|([^|]*)\\|$")
	var names []string
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		names = append(names, m[1])
		profile, plain := namedIn(t, m[1], m[2], "*_test.go"), namedIn(t, m[1], m[3], "../*_test.go")
		require.NotEmpty(t, slices.Concat(profile, plain), "%s: nothing of the row runs", m[1])
	}
	slices.Sort(names)
	require.Equal(t, programs, names)
}

var quoted = regexp.MustCompile("`([^`]+)`")

// namedIn returns what a cell of the table names that runs: examples of those files, and routes and functions of the
// directory named before them.
func namedIn(t *testing.T, program, cell, files string) (runs []string) {
	t.Helper()
	dir := ""
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		name := m[1]
		switch {
		case strings.HasPrefix(name, "Example"):
			// Without its output it would be compiled only.
			body := regexp.MustCompile(`(?ms)^func ` + name + `\(\) \{\n.*?^\}`).FindString(sourceOf(t, files))
			require.Contains(t, body, "// Output:", "%s: %s", program, name)
			runs = append(runs, name)
		case strings.HasPrefix(name, "_example"):
			dir = "../" + name
		case dir != "" && strings.HasPrefix(name, "/"):
			asked := sourceOf(t, dir+"/*_test.go", dir+"/*.txt")
			route := regexp.MustCompile(name + `[" \n?]`)
			require.Regexp(t, route, sourceOf(t, dir+"/*.go"), "%s: %s", program, name)
			require.Regexp(t, route, asked, "%s: nobody asks for %s", program, name)
			runs = append(runs, name)
		case dir != "":
			require.Regexp(t, `\b`+regexp.QuoteMeta(name)+`\b`, sourceOf(t, dir+"/*.go"), "%s: %s", program, name)
			require.NotEmpty(t, sourceOf(t, dir+"/*_test.go"), "%s: %s has no test", program, dir)
			runs = append(runs, name)
		}
	}
	return runs
}

// sourceOf is the text of files; of the patterns for Go, *.go leaves the tests out.
func sourceOf(t *testing.T, patterns ...string) string {
	t.Helper()
	names := map[string]bool{}
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range found {
			if strings.HasSuffix(pattern, "_test.go") || !strings.HasSuffix(name, "_test.go") {
				names[name] = true
			}
		}
	}
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all.WriteString(textOf(t, name))
	}
	return all.String()
}

func textOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}
