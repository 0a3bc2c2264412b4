package jot_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What makes no sense does not compile: each line of testdata/misuse that says so, and no other.
func TestMisuseDoesNotCompile(t *testing.T) {
	const source = "testdata/misuse/misuse.go"
	file, err := os.Open(source)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	var want []int
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if strings.HasSuffix(lines.Text(), "// refused") {
			want = append(want, n)
		}
	}
	require.NoError(t, lines.Err())
	require.Greater(t, len(want), 25)

	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: what must not compile was not tried")
	}
	build := exec.CommandContext(t.Context(), goTool, "build", "-gcflags=-e", "./testdata/misuse")
	output, err := build.CombinedOutput()
	require.Error(t, err)
	var got []int
	mistake := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(filepath.FromSlash(source)) + `:(\d+):`)
	for _, match := range mistake.FindAllSubmatch(output, -1) {
		n, err := strconv.Atoi(string(match[1]))
		require.NoError(t, err)
		if len(got) == 0 || got[len(got)-1] != n {
			got = append(got, n)
		}
	}
	require.Equal(t, want, got, string(output))
}
