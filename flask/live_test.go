package flask_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
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

	"github.com/go-jot/jot/flask"
)

// TestLive sends the same requests to Flask-JWT-Extended and to this package, and compares the answers. JOT_FJE names a
// directory with the source of the original. What it sends is in testdata/live/exchanges.txt, and every recorded
// exchange too. A difference is a row of the table in docs/from-flask.md, or the test fails.
func TestLive(t *testing.T) {
	source := os.Getenv("JOT_FJE")
	if source == "" {
		t.Skip("JOT_FJE names no directory with the original: the recorded exchanges stand in")
	}
	all, keys := load(t, "testdata")
	script := readScript(t, &all)
	l := &live{script: script, secret: keys["default"].Secret, shown: map[string]int{}}
	l.there, l.older = original(t, source, all)
	l.here = twins(t, all, keys)
	for _, line := range script.lines {
		l.run(t, line)
	}
	for _, c := range all.Cases {
		if all.Profiles[c.Profile].Config != nil && c.ConstructError == nil {
			l.replay(t, &c)
		}
	}
	rows := tableOfDifferences(t)
	for id := range l.shown {
		if !slices.Contains(rows, id) {
			t.Errorf("%q is no row of the table in docs/from-flask.md", id)
		}
	}
	for _, id := range rows {
		if l.shown[id] == 0 {
			t.Errorf("no exchange shows the row %q of the table in docs/from-flask.md", id)
		}
	}
	//nolint:forbidigo // the summary
	fmt.Printf("live exchanges: %d, identical %d, differing on purpose %d, differing %d, not with this PyJWT %d\n",
		l.identical+l.deliberate+l.differing, l.identical, l.deliberate, l.differing, l.skipped)
	for _, id := range slices.Sorted(maps.Keys(l.shown)) {
		fmt.Printf("  %-12s %d\n", id, l.shown[id]) //nolint:forbidigo // the summary
	}
}

// TestTableOfDifferences holds the table against the file without the original: each row is expected somewhere, and
// nothing else is.
func TestTableOfDifferences(t *testing.T) {
	all, _ := load(t, "testdata")
	s := readScript(t, &all)
	marked := map[string]bool{}
	for _, l := range s.lines {
		maps.Copy(marked, l.rows())
	}
	for _, m := range s.recorded {
		maps.Copy(marked, m.rows())
	}
	rows := tableOfDifferences(t)
	slices.Sort(rows)
	require.NotEmpty(t, rows)
	require.Equal(t, rows, slices.Sorted(maps.Keys(marked)))
}

// TestEveryOptionIsLive: no option of the original's is left out of what is compared.
func TestEveryOptionIsLive(t *testing.T) {
	all, _ := load(t, "testdata")
	s := readScript(t, &all)
	used := map[string]bool{}
	for _, l := range s.lines {
		for _, words := range l.requests {
			used[words[0]] = true
		}
	}
	for _, c := range all.Cases {
		used[c.Profile] = used[c.Profile] || c.ConstructError == nil
	}
	set := map[string]bool{}
	for name := range used {
		for option := range all.Profiles[name].Config {
			set[option] = true
		}
	}
	var options map[string]any
	text, err := json.Marshal(flask.Config{})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &options))
	require.Equal(t, slices.Sorted(maps.Keys(options)), slices.Sorted(maps.Keys(set)))
}

// TestLiveCanFail: whatever differs is noticed, unless it is a row of the table in just that part.
func TestLiveCanFail(t *testing.T) {
	answer := func(change func(*reply)) reply {
		r := reply{status: 200, body: []byte(`{"a":[1,{"b":"x"}]}`), header: http.Header{
			"Content-Type": {"application/json"}, "Set-Cookie": {"a=b; HttpOnly; Path=/", "c=d; Path=/"},
		}}
		change(&r)
		return r
	}
	same := answer(func(*reply) {})
	for part, changes := range map[string][]func(*reply){
		"status": {func(r *reply) { r.status = 201 }},
		"body": {
			func(r *reply) { r.body = []byte(`{"a":[1,{"b":"y"}]}`) },
			func(r *reply) { r.body = []byte(`{"a":["1",{"b":"x"}]}`) },
			func(r *reply) { r.body = nil },
		},
		"headers": {
			func(r *reply) { r.header.Set("Cache-Control", "no-store") },
			func(r *reply) { r.header.Del("Content-Type") },
		},
		"cookies": {
			func(r *reply) { r.header["Set-Cookie"] = r.header["Set-Cookie"][1:] },
			func(r *reply) { r.header["Set-Cookie"][0] += "; Secure" },
			func(r *reply) { r.header["Set-Cookie"][0] = "a=b; Path=/; HttpOnly" },
			func(r *reply) { slices.Reverse(r.header["Set-Cookie"]) },
		},
	} {
		for i, change := range changes {
			l := &live{shown: map[string]int{}}
			_, problem := l.judge(same, answer(change), nil)
			require.Contains(t, problem, part, i)
			rows, problem := l.judge(same, answer(change), []difference{{"x", []string{part}}})
			require.Empty(t, problem)
			require.Equal(t, []string{"x"}, rows)
			other := map[string]string{"status": "body"}[part]
			_, problem = l.judge(same, answer(change), []difference{{"x", []string{cmp.Or(other, "status")}}})
			require.NotEmpty(t, problem)
			require.Equal(t, []int{0, 1, 2}, []int{l.identical, l.deliberate, l.differing})
		}
	}
	refused := answer(func(r *reply) { r.status, r.body = 401, []byte(`{"msg": "x"}`) })
	spaced := answer(func(r *reply) { r.status, r.body = 401, []byte(`{"msg":"x"}`) })
	_, problem := (&live{}).judge(refused, spaced, nil)
	require.Contains(t, problem, "body", "a refusal is compared byte for byte")
}

// tableOfDifferences returns the ids of the rows of the guide's table.
func tableOfDifferences(t *testing.T) (ids []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/from-flask.md")
	require.NoError(t, err)
	_, text, _ = bytes.Cut(text, []byte("## What differs all the same, and why"))
	text, _, _ = bytes.Cut(text, []byte("\n## "))
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|").FindAllSubmatch(text, -1) {
		ids = append(ids, string(m[1]))
	}
	return ids
}

// live is the run.
type live struct {
	*script

	there, here string // where they serve
	secret      string
	// tokens are those of one line, by who has made them.
	tokens                           [2]map[string]string
	identical, deliberate, differing int
	shown                            map[string]int
	older                            bool // the original has a PyJWT before 2.12
	skipped                          int
}

// run sends a line's requests: those with a token once with one of theirs and once with one of ours.
func (l *live) run(t *testing.T, line line) {
	t.Helper()
	if line.newer && l.older {
		l.skipped += len(line.requests)
		return
	}
	unmatched := line.rows()
	for _, words := range line.requests {
		if !line.follows {
			l.tokens = [2]map[string]string{{}, {}}
		}
		for maker, name := range []string{"theirs", "ours"} {
			minted := false
			request := l.request(t, words, maker, &minted)
			if minted && slices.Contains(slices.Collect(maps.Values(l.tokens[maker])), "") {
				continue // it makes no such token, which the row of that login says
			}
			title := fmt.Sprintf("line %d: %s", line.at, strings.Join(words, " "))
			if minted {
				title += ", a token of " + name
			}
			rows, problem := l.judge(l.send(t, l.there, request), l.send(t, l.here, request), line.expected)
			if problem != "" {
				t.Error(title + problem)
			}
			for _, row := range rows {
				delete(unmatched, row)
			}
			if !minted {
				break
			}
		}
	}
	for row := range unmatched {
		t.Errorf("line %d: nothing differs as %q says", line.at, row)
	}
}

var named = regexp.MustCompile(`\{([a-z0-9_]+)(?:\.([a-z0-9]+))?\}`)

// request makes the bytes of a request.
func (l *live) request(t *testing.T, words []string, maker int, minted *bool) []byte {
	t.Helper()
	profile, method, path := words[0], words[1], words[2]
	fill := func(text string) string { return l.fill(t, text, profile, maker, minted) }
	var headers [][2]string
	body := ""
	add := func(name, value string) { headers = append(headers, [2]string{name, value}) }
	for _, w := range words[3:] {
		key, value, _ := strings.Cut(unquote(w), "=")
		switch key {
		case "bearer":
			add("Authorization", "Bearer "+fill(value))
		case "cookie":
			add("Cookie", fill(value))
		case "csrf":
			add("X-CSRF-TOKEN", fill(value))
		case "at":
			add("X-Clock", value)
		case "json":
			add("Content-Type", "application/json")
			body = fill(value)
		case "form":
			add("Content-Type", "application/x-www-form-urlencoded")
			body = fill(value)
		case "body":
			body = fill(value)
		default:
			name, text, ok := strings.Cut(unquote(w), ": ")
			require.True(t, ok, "%q is no word of a request", w)
			add(name, fill(text))
		}
	}
	return message(method, profile, fill(path), headers, body)
}

// message writes a request.
func message(method, profile, target string, headers [][2]string, body string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s /%s%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, profile, target)
	for _, h := range headers {
		b.WriteString(h[0] + ": ")
		for _, c := range h[1] {
			b.WriteByte(byte(c)) // Latin-1
		}
		b.WriteString("\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// fill puts tokens, their segments and claims into a text.
func (l *live) fill(t *testing.T, text, profile string, maker int, minted *bool) string {
	t.Helper()
	return named.ReplaceAllStringFunc(text, func(found string) string {
		m := named.FindStringSubmatch(found)
		raw := l.token(t, m[1], profile, maker, minted)
		if raw == "" {
			return ""
		}
		switch m[2] {
		case "":
			return raw
		case "header", "payload", "sig":
			return strings.Split(raw, ".")[slices.Index([]string{"header", "payload", "sig"}, m[2])]
		}
		var claims map[string]any
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(payload, &claims))
		return fmt.Sprint(claims[m[2]])
	})
}

// token returns the token of a name: one of a login at one of the two, or one that the file spells out.
func (l *live) token(t *testing.T, name, profile string, maker int, minted *bool) string {
	t.Helper()
	made, ok := l.names[name]
	require.True(t, ok, "no token has the name %q", name)
	words := word.FindAllString(made, -1)
	if words[0] != "login" {
		header, key := `{"alg":"HS256","typ":"JWT"}`, l.secret
		for _, w := range words[2:] {
			switch what, value, _ := strings.Cut(unquote(w), "="); what {
			case "header":
				header = value
			case "key":
				key = value
			}
		}
		encode := base64.RawURLEncoding.EncodeToString
		text := encode([]byte(header)) + "." + encode([]byte(unquote(words[1])))
		signature, err := jwt.SigningMethodHS256.Sign(text, []byte(key))
		require.NoError(t, err)
		return text + "." + encode(signature)
	}
	*minted = true
	if raw := l.tokens[maker][name]; raw != "" {
		return raw
	}
	body := "{}"
	if len(words) > 2 {
		body = unquote(words[2])
	}
	r := l.send(t, []string{l.there, l.here}[maker], message("POST", profile, "/login", nil, body))
	var answer map[string]string
	_ = json.Unmarshal(r.body, &answer)
	l.tokens[maker][name] = answer[words[1]+"_token"]
	return l.tokens[maker][name]
}

// reply is an answer, as text that can be compared.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	failure string
}

func (l *live) send(t *testing.T, address string, request []byte) reply {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = conn.Write(request)
	require.NoError(t, err)
	method, _, _ := bytes.Cut(request, []byte(" "))
	asked := &http.Request{Method: string(method)}
	response, err := http.ReadResponse(bufio.NewReader(conn), asked)
	if err != nil {
		return reply{failure: err.Error()}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{status: response.StatusCode, header: response.Header, body: body}
}

// judge returns the rows that an exchange shows, and what differs and is no row.
func (l *live) judge(there, here reply, expected []difference) (rows []string, problem string) {
	a, b := there.parts(), here.parts()
	var found []string
	for _, part := range slices.Sorted(maps.Keys(a)) {
		if a[part] != b[part] {
			found = append(found, part)
		}
	}
	if len(found) == 0 {
		l.identical++
		return nil, ""
	}
	left := slices.Clone(found)
	for _, d := range expected {
		before := len(left)
		left = slices.DeleteFunc(left, func(part string) bool { return slices.Contains(d.parts, part) })
		if len(left) < before {
			rows = append(rows, d.row)
			l.shown[d.row]++
		}
	}
	if len(left) == 0 {
		l.deliberate++
		return rows, ""
	}
	l.differing++
	for _, part := range left {
		problem += fmt.Sprintf("\n    %-8s there  %s\n    %-8s here   %s", part, a[part], "", b[part])
	}
	return rows, problem
}

const indent = "\n                    "

// own are headers of the servers, and those of the recorded application.
var own = []string{"Date", "Server", "Connection", "Set-Cookie", "X-Error-Kind"}

// parts are what is compared: status, headers, cookies and body, with tokens as what they say.
func (r reply) parts() map[string]string {
	if r.failure != "" {
		return map[string]string{"status": r.failure, "headers": "", "cookies": "", "body": ""}
	}
	var headers []string
	for name, values := range r.header {
		if slices.Contains(own, name) || name == "Content-Length" && r.status < 400 {
			continue
		}
		headers = append(headers, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(headers)
	body := string(r.body)
	var value any
	if decoder := json.NewDecoder(strings.NewReader(body)); r.status < 400 {
		decoder.UseNumber()
		if decoder.Decode(&value) == nil {
			body = plain(value)
		}
	}
	return map[string]string{
		"status":  strconv.Itoa(r.status),
		"headers": strings.Join(headers, "; "),
		"cookies": readable(dot.ReplaceAllString(strings.Join(r.header["Set-Cookie"], indent), "Domain=")),
		"body":    readable(strings.TrimSuffix(body, "\n")),
	}
}

var (
	dot       = regexp.MustCompile(`Domain=\.`) // which says nothing, RFC 6265 section 5.2.3; newer Werkzeugs drop it
	tokenText = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)
	anyUUID   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
)

// readable spells tokens out, and makes ids alike.
func readable(text string) string {
	text = tokenText.ReplaceAllStringFunc(text, func(raw string) string {
		out := "<"
		for _, segment := range strings.Split(raw, ".")[:2] {
			decoded, err := base64.RawURLEncoding.DecodeString(segment)
			var value any
			decoder := json.NewDecoder(bytes.NewReader(decoded))
			decoder.UseNumber()
			if err != nil || decoder.Decode(&value) != nil {
				return raw
			}
			out += plain(value)
		}
		return out + ">"
	})
	return anyUUID.ReplaceAllString(text, "<uuid>")
}

// plain writes a JSON value in one way.
func plain(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var members []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			members = append(members, strconv.Quote(name)+":"+plain(v[name]))
		}
		return "{" + strings.Join(members, ",") + "}"
	case []any:
		var elements []string
		for _, each := range v {
			elements = append(elements, plain(each))
		}
		return "[" + strings.Join(elements, ",") + "]"
	case json.Number:
		if n, ok := new(big.Rat).SetString(string(v)); ok {
			return n.RatString()
		}
		return string(v)
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// replay sends a recorded case's requests, with what the original answered to earlier ones filled in, and then with
// what we did.
func (l *live) replay(t *testing.T, c *exchange) {
	t.Helper()
	m := l.recorded[c.ID]
	if m.newer && l.older {
		l.skipped += len(c.Steps)
		return
	}
	unmatched := m.rows()
	for maker, name := range []string{"theirs", "ours"} {
		var answers []*httptest.ResponseRecorder
		filled := false
		for i, s := range c.Steps {
			target := s.Request.Path
			if s.Request.Query != "" {
				target += "?" + s.Request.Query
			}
			filled = filled || template.MatchString(fmt.Sprint(s.Request))
			if l.lacks(t, &s, answers) {
				break // it could not be made
			}
			var headers [][2]string
			for _, h := range s.Request.Headers {
				headers = append(headers, [2]string{h[0], fill(t, h[1], answers)})
			}
			request := message(s.Request.Method, c.Profile, target, headers, fill(t, s.Request.Body, answers))
			there, here := l.send(t, l.there, request), l.send(t, l.here, request)
			title := fmt.Sprintf("recorded %s, step %d: %s %s", c.ID, i, s.Request.Method, target)
			if filled {
				title += ", a token of " + name
			}
			if maker == 0 || filled {
				rows, problem := l.judge(there, here, m.expected)
				if problem != "" {
					t.Error(title + problem)
				}
				for _, row := range rows {
					delete(unmatched, row)
				}
			}
			w := httptest.NewRecorder()
			from := []reply{there, here}[maker]
			maps.Copy(w.Header(), from.header)
			w.WriteHeader(cmp.Or(from.status, 500))
			_, _ = w.Write(from.body)
			answers = append(answers, w)
		}
		if !filled {
			break
		}
	}
	for row := range unmatched {
		t.Errorf("recorded %s: nothing differs as %q says", c.ID, row)
	}
}

// lacks reports whether an earlier answer has not what a step uses.
func (l *live) lacks(t *testing.T, s *step, answers []*httptest.ResponseRecorder) bool {
	t.Helper()
	for _, m := range template.FindAllStringSubmatch(fmt.Sprint(s.Request), -1) {
		if valueOf(t, answers[int(m[1][0]-'0')], m[2], m[3]) == "" {
			return true
		}
	}
	return false
}

// twins serves our application, every profile under its name.
func twins(t *testing.T, all recorded, keys known) (address string) {
	t.Helper()
	servers := map[string]http.Handler{}
	for name, p := range all.Profiles {
		server, err := build(p.Config, p.Ext, keys)
		if err != nil {
			continue // which is what a recorded case of it expects
		}
		servers[name] = server
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, rest, _ := strings.Cut(r.URL.Path[1:], "/")
		profile, ok := servers[name]
		if !ok {
			http.Error(w, "the configuration was refused", http.StatusTeapot)
			return
		}
		r.URL.Path, r.URL.RawPath = "/"+rest, ""
		profile.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// original starts the original.
func original(t *testing.T, source string, all recorded) (address string, older bool) {
	t.Helper()
	source, err := filepath.Abs(source)
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(source, "flask_jwt_extended"))
	require.NoError(t, err, "JOT_FJE is not the directory of the original's source")
	named := map[string]any{}
	for name, p := range all.Profiles {
		named[name] = map[string]any{"config": p.Config, "ext": p.Ext}
	}
	text, err := json.Marshal(map[string]any{"now": all.Now, "profiles": named})
	require.NoError(t, err)
	profiles := filepath.Join(t.TempDir(), "profiles.json")
	require.NoError(t, os.WriteFile(profiles, text, 0o600))
	python := interpreter(t)
	cmd := exec.CommandContext(t.Context(), python, "testdata/live/original.py", source, profiles, "testdata/keys")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	first, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "the original did not start")
	var port, version, pyjwt, flask, werkzeug string
	_, err = fmt.Sscanf(first, "serving %s %s %s %s %s", &port, &version, &pyjwt, &flask, &werkzeug)
	require.NoError(t, err, first)
	t.Logf("Flask-JWT-Extended %s, PyJWT %s, Flask %s, Werkzeug %s", version, pyjwt, flask, werkzeug)
	require.Equal(t, "4.7.1", version)
	major, minor := 0, 0
	_, err = fmt.Sscanf(pyjwt, "%d.%d", &major, &minor)
	require.NoError(t, err, pyjwt)
	return "127.0.0.1:" + port, major < 2 || major == 2 && minor < 12
}

// interpreter finds a Python that has Flask and PyJWT.
func interpreter(t *testing.T) string {
	t.Helper()
	for _, python := range []string{os.Getenv("JOT_PYTHON"), "python3", "/usr/bin/python3"} {
		if python == "" {
			continue
		}
		if exec.CommandContext(t.Context(), python, "-c", "import flask, jwt").Run() == nil {
			return python
		}
	}
	require.FailNow(t, "no Python here has flask and jwt: install python3-flask and python3-jwt")
	return ""
}
