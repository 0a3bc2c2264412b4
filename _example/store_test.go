package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// start runs the example over a file, and returns its address and how to kill it.
func start(t *testing.T, binary, file string) (url string, kill func()) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary, "-addr", "127.0.0.1:0", "-store", file)
	command.Env = append(os.Environ(), "JWT_SECRET_KEY=", "JWT_ACCESS_TOKEN_EXPIRES=")
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	kill = func() {
		_ = command.Process.Kill() // SIGKILL: it says no goodbye
		_ = command.Wait()
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, found := strings.CutPrefix(lines.Text(), "Listening on "); found {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return url, kill
		}
	}
	kill()
	t.Fatal("the example did not start")
	return "", nil
}

// ask sends a request with a token, and returns the status and the answer's members.
func ask(t *testing.T, method, url, token, form string) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(form))
	require.NoError(t, err)
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusNoContent {
		require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	}
	return response.StatusCode, answer
}

// Killed in the middle of its work and started again, with nothing but the file: who was logged in still is, and what
// was revoked or used up is not good again.
func TestRestart(t *testing.T) {
	work := t.TempDir()
	binary, file := filepath.Join(work, "example"), filepath.Join(work, "all sessions?.db")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))

	url, kill := start(t, binary, file)
	login := func() (access, refresh string) {
		status, pair := ask(t, "POST", url+"/login", "", alice)
		require.Equal(t, 200, status)
		return pair["access_token"].(string), pair["refresh_token"].(string)
	}
	access, refresh := login()
	left, leftRefresh := login()
	status, _ := ask(t, "DELETE", url+"/logout", left, "")
	require.Equal(t, 204, status)
	_, old := login()
	status, next := ask(t, "POST", url+"/refresh", old, "")
	require.Equal(t, 200, status)

	for range 2 {
		kill()
		url, kill = start(t, binary, file)
		status, answer := ask(t, "GET", url+"/protected", access, "")
		require.Equal(t, 200, status)
		require.Equal(t, "alice", answer["logged_in_as"])
		for token, path := range map[string]string{left: "/protected", leftRefresh: "/refresh"} {
			method := map[string]string{"/protected": "GET", "/refresh": "POST"}[path]
			status, answer = ask(t, method, url+path, token, "")
			require.Equal(t, 401, status)
			require.Equal(t, "token_revoked", answer["code"])
		}
		status, again := ask(t, "POST", url+"/refresh", old, "")
		require.Equal(t, 200, status)
		require.Equal(t, next["refresh_token"], again["refresh_token"], "a client whose answer was lost in the crash")
		status, answer = ask(t, "POST", url+"/refresh", refresh, "")
		require.Equal(t, 200, status)
		access, refresh = answer["access_token"].(string), answer["refresh_token"].(string)
	}
	kill()

	info, err := os.Stat(file + ".secret")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, os.WriteFile(file+".secret", []byte("?"), 0o600))
	_, err = configFrom(func(string) string { return "" }, file)
	require.ErrorContains(t, err, ".secret: it is not base64")
	_, _, err = openStore(t.Context(), filepath.Join(work, "no", "such", "directory"))
	require.ErrorContains(t, err, "-store ")
}
