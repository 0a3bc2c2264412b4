package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

var record = flag.Bool("record", false, "write the answers of exchanges.txt anew, from app.py")

// TestSideBySide sends exchanges.txt to main.go, and to app.py where JOT_FJE names a directory with the source of
// Flask-JWT-Extended. Then both share a database, and the requests go to one and the other by turns.
func TestSideBySide(t *testing.T) {
	s := read(t, "exchanges.txt")
	source := os.Getenv("JOT_FJE")
	if *record {
		require.NotEmpty(t, source, "JOT_FJE names no directory with the original")
		s.record(t, original(t, source, t.TempDir()))
	}
	t.Run("main.go", func(t *testing.T) { s.play(t, port(t, t.TempDir())) })
	if source == "" {
		t.Log("JOT_FJE names no directory with the original: only its recorded answers are compared")
		return
	}
	t.Run("app.py", func(t *testing.T) { s.play(t, original(t, source, t.TempDir())) })
	t.Run("by turns, app.py first", func(t *testing.T) {
		dir := t.TempDir()
		s.play(t, original(t, source, dir), port(t, dir))
	})
	t.Run("by turns, main.go first", func(t *testing.T) {
		dir := t.TempDir()
		s.play(t, port(t, dir), original(t, source, dir))
	})
}

// TestWithoutFlask applies without-flask.diff to the program, and sends without-flask.txt to what comes of it.
func TestWithoutFlask(t *testing.T) {
	const applied = "JOT_WITHOUT_FLASK" // tells this test that it is within the other program
	if os.Getenv(applied) != "" {
		s := read(t, "without-flask.txt")
		if *record {
			s.record(t, portWhere(t, "gone"))
		}
		s.play(t, portWhere(t, "gone"))
		return
	}
	if _, err := exec.LookPath("git"); err != nil && os.Getenv("CI") == "" {
		t.Skip("NOT TESTED: the second step of the migration, for want of git")
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	work := t.TempDir()
	dir := filepath.Join(work, "_example", "migration")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	replaced := map[string]string{}
	for _, name := range []string{"main.go", "views.go"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		replaced[filepath.Join(here, name)] = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	run := func(dir, variable, command string, arguments ...string) {
		cmd := exec.CommandContext(t.Context(), command, arguments...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), variable)
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
	}
	// In a repository, such as one around a TMPDIR, it would look for the files from its root on.
	run(work, "GIT_DIR="+filepath.Join(work, "none"), "git", "apply", filepath.Join(here, "without-flask.diff"))
	for _, name := range replaced {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotContains(t, string(text), `"github.com/go-jot/jot/flask"`, name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	require.NoError(t, err)
	file := filepath.Join(work, "overlay.json")
	require.NoError(t, os.WriteFile(file, overlay, 0o600))
	arguments := []string{"test", "-count=1", "-vet=all", "-overlay", file, "-run", "^TestWithoutFlask$", "."}
	if *record {
		arguments = append(arguments, "-record")
	}
	run(here, applied+"=yes", "go", arguments...)
}

// portWhere serves main.go where app.py has revoked a token.
func portWhere(t *testing.T, revoked string) (address string) {
	t.Helper()
	dir := t.TempDir()
	address = port(t, dir)
	db, err := sql.Open("sqlite", filepath.Join(dir, "notes.db"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "INSERT INTO revoked VALUES (?, ?)", revoked, time.Now().Add(time.Hour).Unix())
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return address
}

// port serves main.go with a database in a directory, and returns its address.
func port(t *testing.T, dir string) (address string) {
	t.Helper()
	text, err := os.ReadFile("settings.json")
	require.NoError(t, err)
	database := strconv.Quote(filepath.Join(dir, "notes.db"))
	text = bytes.Replace(text, []byte(`"notes.db"`), []byte(database), 1)
	handler, err := newApp(t.Context(), text)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

const serving = `import app, werkzeug.serving
server = werkzeug.serving.make_server("127.0.0.1", 0, app.app)
print(server.port, flush=True)
server.serve_forever()`

// original serves app.py, with its database in a directory.
func original(t *testing.T, source, dir string) (address string) {
	t.Helper()
	python := ""
	for _, name := range []string{os.Getenv("JOT_PYTHON"), "python3", "/usr/bin/python3"} {
		if name != "" && exec.CommandContext(t.Context(), name, "-c", "import flask, jwt").Run() == nil {
			python = name
			break
		}
	}
	require.NotEmpty(t, python, "no Python here has flask and jwt: install python3-flask and python3-jwt")
	here, err := os.Getwd()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), python, "-c", serving)
	cmd.Dir = dir
	path := strings.Join([]string{here, source, os.Getenv("PYTHONPATH")}, string(os.PathListSeparator))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+path, "PYTHONDONTWRITEBYTECODE=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	first, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "app.py did not start")
	return "http://127.0.0.1:" + strings.TrimSpace(first)
}

// A hash that cannot be checked is a fault of the service, and no wrong password.
func TestPasswords(t *testing.T) {
	hash, err := hashOf("pbkdf2:sha256:2", "rabbit")
	require.NoError(t, err)
	for _, row := range []struct {
		hash, password string
		is             bool
		err            error
	}{
		{hash, "rabbit", true, nil},
		{hash, "Rabbit", false, nil},
		{"scrypt:32768:8:1$salt$00", "rabbit", false, errMethod},
		{"pbkdf2:sha1:2$salt$00", "rabbit", false, errMethod},
		{"pbkdf2:sha256:x$salt$00", "rabbit", false, errMethod},
		{"rabbit", "rabbit", false, errMethod},
	} {
		is, err := isPassword(row.hash, row.password)
		require.ErrorIs(t, err, row.err, row.hash)
		require.Equal(t, row.is, is, row.hash)
	}
}

// script is exchanges.txt, or without-flask.txt.
type script struct {
	file   string
	lines  []line
	tokens map[string][]string // spelled out, by name
	secret string
}

type line struct {
	number int
	text   string   // as it stands in the file
	words  []string // of a request
	answer string
}

var word = regexp.MustCompile("(?:`[^`]*`|[^ `])+")

func read(t *testing.T, file string) *script {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	s := &script{file: file, tokens: map[string][]string{}}
	for i, raw := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		if answer, ok := strings.CutPrefix(raw, "\t"); ok {
			last := &s.lines[len(s.lines)-1]
			require.NotEmpty(t, last.words, "line %d is an answer to nothing", i+1)
			last.answer += answer + "\n"
			continue
		}
		l := line{number: i + 1, text: raw}
		if words := word.FindAllString(raw, -1); len(words) > 0 && words[0] == "token" {
			s.tokens[words[1]] = words[2:]
		} else if len(words) > 0 && words[0] != "#" {
			l.words = words
		}
		s.lines = append(s.lines, l)
	}
	var settings struct {
		Secret string `json:"JWT_SECRET_KEY"`
	}
	text, err = os.ReadFile("settings.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &settings))
	s.secret = settings.Secret
	return s
}

// play sends the requests to those servers by turns, and compares the answers.
func (s *script) play(t *testing.T, servers ...string) {
	t.Helper()
	c, sent := client{script: s, kept: map[string]values{}, jars: map[string]*cookiejar.Jar{}}, 0
	for _, l := range s.lines {
		if l.words == nil {
			continue
		}
		got := c.send(t, servers[sent%len(servers)], l.words)
		require.Equal(t, l.answer, got, "line %d: %s", l.number, l.text)
		sent++
	}
	require.NotZero(t, sent)
}

// record writes the file with the answers of a server.
func (s *script) record(t *testing.T, server string) {
	t.Helper()
	var out strings.Builder
	c := client{script: s, kept: map[string]values{}, jars: map[string]*cookiejar.Jar{}}
	for i, l := range s.lines {
		out.WriteString(l.text + "\n")
		if l.words == nil {
			continue
		}
		s.lines[i].answer = c.send(t, server, l.words)
		for each := range strings.Lines(s.lines[i].answer) {
			out.WriteString("\t" + each)
		}
	}
	require.NoError(t, os.WriteFile(s.file, []byte(out.String()), 0o600))
}

type values map[string]string

// client is all clients: each has its tokens and its cookies.
type client struct {
	*script

	kept map[string]values // tokens and cookies, by the names of their owners
	jars map[string]*cookiejar.Jar
}

// send sends a request, and returns the answer as the file has it.
func (c *client) send(t *testing.T, server string, words []string) string {
	t.Helper()
	parts := values{}
	for _, w := range words[2:] {
		name, value, _ := strings.Cut(w, "=")
		parts[name] = c.fill(t, strings.Trim(value, "`"))
	}
	body, kind := parts["json"], "application/json"
	if parts["form"] != "" {
		body, kind = parts["form"], "application/x-www-form-urlencoded"
	}
	r, err := http.NewRequestWithContext(t.Context(), words[0], server+words[1], strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		r.Header.Set("Content-Type", kind)
	}
	if parts["bearer"] != "" {
		r.Header.Set("Authorization", "Bearer "+parts["bearer"])
	}
	if parts["csrf"] != "" {
		r.Header.Set("X-CSRF-TOKEN", parts["csrf"])
	}
	jar, site := c.jars[parts["jar"]], &url.URL{Scheme: "https", Host: "localhost", Path: words[1]}
	if jar == nil {
		jar, _ = cookiejar.New(nil)
	}
	for _, cookie := range jar.Cookies(site) {
		r.AddCookie(cookie)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if name := parts["jar"]; name != "" {
		jar.SetCookies(site, response.Cookies())
		c.jars[name] = jar
		c.keep(name)
		for _, cookie := range response.Cookies() {
			c.kept[name][cookie.Name] = cookie.Value
		}
	}
	if name := parts["as"]; name != "" {
		c.keep(name)
		members := map[string]any{}
		require.NoError(t, json.Unmarshal(text, &members), "%s", text)
		for key, value := range members {
			c.kept[name][key] = fmt.Sprint(value)
		}
	}
	return readable(response, string(text))
}

func (c *client) keep(name string) {
	if c.kept[name] == nil {
		c.kept[name] = values{}
	}
}

var filled = regexp.MustCompile(`\{(\w+)(?:\.([\w-]+))?\}`)

// fill puts tokens and cookies into a word.
func (c *client) fill(t *testing.T, text string) string {
	t.Helper()
	return filled.ReplaceAllStringFunc(text, func(found string) string {
		m := filled.FindStringSubmatch(found)
		if m[2] == "" {
			return c.spelled(t, m[1])
		}
		value, ok := c.kept[m[1]][m[2]]
		require.True(t, ok, "nothing is kept as %s", found)
		return value
	})
}

// spelled signs a token that the file spells out.
func (c *client) spelled(t *testing.T, name string) string {
	t.Helper()
	words, ok := c.tokens[name]
	require.True(t, ok, "no token has the name %q", name)
	var claims jwt.MapClaims
	require.NoError(t, json.Unmarshal([]byte(strings.Trim(words[0], "`")), &claims))
	for _, instant := range []string{"iat", "nbf", "exp"} {
		claims[instant] = time.Now().Unix() + int64(claims[instant].(float64))
	}
	key := c.secret
	if len(words) > 1 {
		key = strings.Trim(strings.TrimPrefix(words[1], "key="), "`")
	}
	raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(key))
	require.NoError(t, err)
	return raw
}

// readable is an answer as text: without what is the server's own, or what nobody reads.
func readable(r *http.Response, body string) string {
	if r.StatusCode/100 == 3 {
		body = "" // Flask, and package http, put a link there
	}
	var value any
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if kind == "application/json" && json.Unmarshal([]byte(body), &value) == nil {
		text, _ := json.Marshal(value)
		body = string(text)
	}
	out := strconv.Itoa(r.StatusCode)
	if body != "" {
		out += " " + r.Header.Get("Content-Type")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if slices.Contains([]string{"Date", "Server", "Connection", "Content-Length", "Content-Type"}, name) {
			continue
		}
		for _, each := range r.Header[name] {
			out += "\n" + name + ": " + each
		}
	}
	if body != "" {
		out += "\n" + strings.TrimSpace(body)
	}
	return masked(out) + "\n"
}

var (
	token = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)
	id    = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	proof = regexp.MustCompile(`("csrf":"|csrf_\w+_token=|value=)[\w-]{22}`)
	life  = regexp.MustCompile(`Max-Age=[1-9]\d*`)
)

// masked makes alike what is new each time, and spells tokens out.
func masked(text string) string {
	text = token.ReplaceAllStringFunc(text, func(raw string) string {
		segments := strings.Split(raw, ".")
		header, claims := decoded(segments[0]), decoded(segments[1])
		if issued, ok := claims["iat"].(float64); ok {
			for _, instant := range []string{"nbf", "exp"} {
				if at, ok := claims[instant].(float64); ok {
					claims[instant] = at - issued
				}
			}
			// A slow machine may take seconds for an answer.
			for _, instant := range []string{"iat", "auth_time"} {
				if at, ok := claims[instant].(float64); ok {
					claims[instant] = time.Until(time.Unix(int64(at), 0)).Round(2 * time.Minute).Seconds()
				}
			}
		}
		said, _ := json.Marshal([]any{header, claims})
		return "<" + string(said) + ">"
	})
	text = life.ReplaceAllString(text, "Max-Age=<seconds>")
	return proof.ReplaceAllString(id.ReplaceAllString(text, "<uuid>"), "$1<proof>")
}

func decoded(segment string) (members map[string]any) {
	text, err := base64.RawURLEncoding.DecodeString(segment)
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		return map[string]any{"unreadable": fmt.Sprint(err)}
	}
	return members
}
