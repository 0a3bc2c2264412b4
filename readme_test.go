package jot_test

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// blocks returns the fenced blocks of the README in one language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	return blocksOf(t, "README.md", language)
}

func blocksOf(t *testing.T, file, language string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	block := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, match := range block.FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	require.NotEmpty(t, found)
	return found
}

// dense drops what gofmt decides.
func dense(code string) string { return strings.Join(strings.Fields(code), " ") }

// All Go code of the README and the guides stands in a file that compiles.
func TestReadmeCode(t *testing.T) {
	var files []string
	for _, pattern := range []string{
		"*.go", "_example/*.go", "_example/*/*.go", "flask/*.go", "sqlstore/*.go", "remotekeys/*.go",
		"redisstore/*/*.go",
	} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	var all strings.Builder
	for _, file := range files {
		if file == "readme_test.go" {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all.WriteString(dense(string(text)) + "\n")
	}
	for _, block := range slices.Concat(
		blocks(t, "go"), blocksOf(t, "docs/from-flask.md", "go"), blocksOf(t, "sqlstore/README.md", "go"),
		blocksOf(t, recipes, "go"), blocksOf(t, "remotekeys/README.md", "go"),
		blocksOf(t, "redisstore/README.md", "go"),
	) {
		stands := strings.Contains(all.String(), dense(block))
		require.True(t, stands, "it stands nowhere:\n%s", block)
	}
	original, err := os.ReadFile("_example/migration/app.py")
	require.NoError(t, err)
	for _, block := range blocksOf(t, "docs/from-flask.md", "python") {
		require.Contains(t, string(original), block)
	}
	quickstart, err := os.ReadFile("_example/quickstart/main.go")
	require.NoError(t, err)
	program := blocks(t, "go")[0]
	require.True(t, strings.HasSuffix(string(quickstart), program), "the whole program is _example/quickstart")
}

// serve builds a program of _example so that it listens elsewhere, and starts it.
func serve(t *testing.T, dir string) (addr string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr = listener.Addr().String()
	require.NoError(t, listener.Close())

	here, err := os.Getwd()
	require.NoError(t, err)
	work := t.TempDir()
	main := filepath.Join(here, dir, "main.go")
	source, err := os.ReadFile(main)
	require.NoError(t, err)
	require.Contains(t, string(source), "127.0.0.1:8080")
	moved, replaced := filepath.Join(work, "main.go"), strings.ReplaceAll(string(source), "127.0.0.1:8080", addr)
	require.NoError(t, os.WriteFile(moved, []byte(replaced), 0o600))
	files, err := json.Marshal(map[string]map[string]string{"Replace": {main: moved}})
	require.NoError(t, err)
	overlay, binary := filepath.Join(work, "overlay.json"), filepath.Join(work, "server")
	require.NoError(t, os.WriteFile(overlay, files, 0o600))
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", binary, "./"+dir)
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))

	server := exec.CommandContext(t.Context(), binary) // ends with the test
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	require.Eventually(t, func() bool {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return addr
}

// What the README shows of curl is what the programs answer.
func TestReadmeTranscripts(t *testing.T) {
	for _, command := range []string{"go", "bash", "curl"} {
		if _, err := exec.LookPath(command); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("NOT TESTED: the transcripts of the README, for want of %s", command)
		}
	}
	withoutCurl := func(block string) bool { return !strings.Contains(block, "curl") }
	transcripts := slices.DeleteFunc(blocks(t, "console"), withoutCurl)
	require.Len(t, transcripts, 2)
	for i, dir := range []string{"_example", "_example/quickstart"} {
		t.Run(dir, func(t *testing.T) {
			addr := serve(t, dir)
			const mark = "-- next --"
			var script strings.Builder
			var want []string
			for line := range strings.Lines(transcripts[i]) {
				if command, ok := strings.CutPrefix(line, "$ "); ok {
					script.WriteString("echo '" + mark + "'\n" + strings.ReplaceAll(command, "localhost:8080", addr))
					want = append(want, command)
				} else {
					want[len(want)-1] += line
				}
			}
			bash := exec.CommandContext(t.Context(), "bash", "-c", script.String())
			output, err := bash.CombinedOutput()
			require.NoError(t, err, string(output))
			masked := regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`).ReplaceAllString(string(output), "eyJ…")
			got := strings.Split(masked, mark+"\n")[1:]
			require.Len(t, got, len(want))
			for j := range got {
				command, _, _ := strings.Cut(want[j], "\n")
				require.Equal(t, want[j], command+"\n"+got[j])
			}
		})
	}
}
