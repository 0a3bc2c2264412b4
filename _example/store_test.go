package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/enginetest"
)

// start runs the example over a file or a server, and returns its address and how to kill it.
func start(t *testing.T, binary, file string, environment ...string) (url string, kill func()) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary, "-addr", "127.0.0.1:0", "-store", file)
	if i := slices.Index(environment, "replica"); i >= 0 {
		command.Args, environment = append(command.Args, "-replica"), slices.Delete(environment, i, i+1)
	}
	command.Env = append(append(os.Environ(), "JWT_SECRET_KEY=", "JWT_ACCESS_TOKEN_EXPIRES="), environment...)
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

// built builds the example into a directory.
func built(t *testing.T, work string) (binary string) {
	t.Helper()
	binary = filepath.Join(work, "example")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(output))
	return binary
}

// Two processes behind one address, which share a Redis server: nobody notices which of them answers, and a logout at
// one counts at the other with the next request; with a replica in each, within its bound.
func TestTwoProcesses(t *testing.T) {
	binary, server := built(t, t.TempDir()), enginetest.Redis(t, false)
	for name, settings := range map[string][]string{"direct": {}, "replica": {"replica"}} {
		t.Run(name, func(t *testing.T) {
			secret := "JWT_SECRET_KEY=" + rand.Text() + rand.Text()
			var backends []*url.URL
			for range 2 {
				address, kill := start(t, binary, "redis://"+server, append([]string{secret}, settings...)...)
				t.Cleanup(kill)
				backend, err := url.Parse(address)
				require.NoError(t, err)
				backends = append(backends, backend)
			}
			var requests atomic.Int64
			proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(backends[requests.Add(1)%2])
			}})
			t.Cleanup(proxy.Close)
			for range 10 {
				twoAgree(t, proxy.URL, len(settings) > 0)
			}
		})
	}
}

// twoAgree logs in, and out again, where each request meets another process than the one before.
func twoAgree(t *testing.T, url string, late bool) {
	t.Helper()
	status, pair := ask(t, "POST", url+"/login", "", alice)
	require.Equal(t, 200, status)
	former := pair["access_token"].(string)
	for range 2 {
		status, _ = ask(t, "GET", url+"/protected", former, "")
		require.Equal(t, 200, status)
	}
	status, next := ask(t, "POST", url+"/refresh", pair["refresh_token"].(string), "")
	require.Equal(t, 200, status)
	status, _ = ask(t, "DELETE", url+"/logout", next["access_token"].(string), "")
	require.Equal(t, 204, status)
	status, _ = ask(t, "POST", url+"/refresh", next["refresh_token"].(string), "")
	require.Equal(t, 401, status, "Redis is asked about refresh tokens")
	refused := func() bool {
		for _, token := range []string{former, former, next["access_token"].(string), next["access_token"].(string)} {
			status, answer := ask(t, "GET", url+"/protected", token, "")
			if status != 401 || answer["code"] != "token_revoked" {
				return false
			}
		}
		return true
	}
	if late {
		require.Eventually(t, refused, 10*time.Second, 20*time.Millisecond)
	}
	require.True(t, refused())
}

// A secret that is made anew by each process would be a service that forgets its users by turns.
func TestSharedStoreWantsASecret(t *testing.T) {
	_, err := configFrom(func(string) string { return "" }, "redis://127.0.0.1:1")
	require.ErrorContains(t, err, "JWT_SECRET_KEY is not set")
	_, _, err = openStore(t.Context(), "redis://user:hunter2@%", false)
	require.ErrorContains(t, err, "not the address of a Redis server")
	require.NotContains(t, err.Error(), "hunter2")
	_, _, err = openStore(t.Context(), "sessions.db", true)
	require.ErrorContains(t, err, "-replica is for -store redis")
}

// Killed in the middle of its work and started again, with nothing but the file: who was logged in still is, and what
// was revoked or used up is not good again.
func TestRestart(t *testing.T) {
	work := t.TempDir()
	binary, file := built(t, work), filepath.Join(work, "all sessions?.db")
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
	_, _, err = openStore(t.Context(), filepath.Join(work, "no", "such", "directory"), false)
	require.ErrorContains(t, err, "-store ")
}
