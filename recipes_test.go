package jot_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/memstore"
)

const recipes = "docs/recipes.md"

// Every recipe has code, and the table at the top leads to each.
func TestRecipes(t *testing.T) {
	text, err := os.ReadFile(recipes)
	require.NoError(t, err)
	sections := strings.Split(string(text), "\n## ")
	contents := regexp.MustCompile(`(?m)^\| \[(.+?)\]\(#(.+?)\) \|`).FindAllStringSubmatch(sections[0], -1)
	require.Len(t, contents, len(sections)-1)
	for i, section := range sections[1:] {
		title, body, _ := strings.Cut(section, "\n")
		require.Equal(t, title, contents[i][1])
		require.Equal(t, anchor(title), contents[i][2])
		require.Contains(t, body, "```go\n", title)
	}
	for line := range strings.Lines(strings.Join(blocksOf(t, recipes, "go"), "")) {
		require.LessOrEqual(t, len([]rune(strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "    "))), 120, line)
	}
}

// anchor is what GitHub makes of a heading.
func anchor(title string) string {
	kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(title), "")
	return strings.ReplaceAll(kept, " ", "-")
}

// No example of a recipe is left that no recipe shows.
func TestRecipesShowTheirExamples(t *testing.T) {
	source, err := os.ReadFile("recipes_example_test.go")
	require.NoError(t, err)
	shown := blocksOf(t, recipes, "go")
	pattern := regexp.MustCompile(`(?ms)^func ((?:Example_r|TestR)ecipe\w+|writeKeys|twoServices|spa)\(.*?^}$`)
	functions := pattern.FindAllStringSubmatch(string(source), -1)
	require.Greater(t, len(functions), 15)
	// The first two run what is shown, and the others try what is said.
	silent := []string{
		"Example_recipeTwoServices", "Example_recipeSinglePage",
		"TestRecipeStepUpCookies", "TestRecipeTwoServicesShareAStore",
	}
	for _, function := range functions {
		name := function[1]
		stands := func(block string) bool { return strings.Contains(dense(function[0]), dense(block)) }
		require.True(t, slices.Contains(silent, name) || slices.ContainsFunc(shown, stands), name)
	}
}

// What a browser drives is the recipe's own code.
func TestRecipeOtherSiteIsDriven(t *testing.T) {
	source, err := os.ReadFile("_example/browser/e2e/othersite_test.go")
	require.NoError(t, err)
	shown := blocksOf(t, recipes, "go")
	i := slices.IndexFunc(shown, func(block string) bool { return strings.Contains(block, "Partitioned") })
	require.Contains(t, dense(string(source)), dense(shown[i]))
}

// runnable skips a test that wants a command which is not there.
func runnable(t *testing.T, command, what string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		t.Skipf("NOT TESTED: %s, for want of %s", what, command)
	}
}

// What openssl makes by the recipe's commands is a key pair.
func TestRecipeKeys(t *testing.T) {
	runnable(t, "openssl", "the key pair of openssl")
	dir := t.TempDir()
	for _, block := range blocksOf(t, recipes, "console") {
		commands := regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllStringSubmatch(block, -1)
		require.NotEmpty(t, commands)
		for _, command := range commands {
			shell := exec.CommandContext(t.Context(), "sh", "-c", command[1])
			shell.Dir = dir
			output, err := shell.CombinedOutput()
			require.NoError(t, err, string(output))
		}
	}
	private, err := os.ReadFile(filepath.Join(dir, "private.pem"))
	require.NoError(t, err)
	public, err := os.ReadFile(filepath.Join(dir, "public.pem"))
	require.NoError(t, err)
	subject, err := twoServices(private, public)
	require.NoError(t, err)
	require.Equal(t, "alice", subject)
}

// The recipe's script against a server: three requests at once refresh once, and no answer is taken for another.
func TestRecipeScript(t *testing.T) {
	source, err := os.ReadFile("testdata/recipes/api.js")
	require.NoError(t, err)
	require.Equal(t, []string{string(source)}, blocksOf(t, recipes, "js"))

	runnable(t, "node", "the script of the recipes")
	m, err := jot.New(jot.HS256(secret), jot.WithStore(memstore.New()), jot.WithCookies(jot.CookieConfig{}))
	require.NoError(t, err)
	mux := spa(m, answering("done"))
	mux.Handle("DELETE /account", m.Required(jot.Fresh())(answering("gone")))
	mux.HandleFunc("POST /end", func(_ http.ResponseWriter, r *http.Request) {
		require.NoError(t, m.RevokeSubject(r.Context(), "alice"))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	output, err := exec.CommandContext(t.Context(), "node", "testdata/recipes/browser.js", server.URL).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, strings.TrimSpace(`
login 200
order 200
later 200
later 200
later 200
refreshes 1
delete 401 fresh_token_required
refreshes 1
ended 401 token_revoked
ended, later 401 token_revoked
nobody 401 token_missing`), regexp.MustCompile(`(?m) +$`).ReplaceAllString(strings.TrimSpace(string(output)), ""))
}
