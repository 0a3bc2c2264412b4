package flask_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
	"github.com/go-jot/jot/flask"
)

// recorded is the file of exchanges.
type recorded struct {
	Now      int64
	Profiles map[string]struct {
		Config map[string]json.RawMessage
		Ext    extension
	}
	Cases []exchange
}

type exchange struct {
	ID, Profile, Why string
	Judgement        json.RawMessage
	ConstructError   json.RawMessage `json:"construct_error"`
	Steps            []step
}

type step struct {
	Request struct {
		Method, Path, Query, Body string
		Headers                   [][2]string
	}
	Expect map[string]any
}

// known holds keys by name: a secret, or PEM texts.
type known map[string]struct{ Secret, Private, Public string }

func decodeNumbers(t *testing.T, text []byte, v any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(v))
}

// load reads the exchanges and the keys of a directory.
func load(t *testing.T, dir string) (all recorded, keys known) {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(before) })
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return text
	}
	decodeNumbers(t, read("cases.json"), &all)
	require.Equal(t, now.Unix(), all.Now)
	decodeNumbers(t, read("keys/keys.json"), &keys)
	for name, key := range keys {
		if key.Private != "" {
			key.Private, key.Public = string(read("keys/"+key.Private)), string(read("keys/"+key.Public))
			keys[name] = key
		}
	}
	return all, keys
}

// TestRecordedExchanges replays what Flask-JWT-Extended and its clients said to each other. JOT_FLASK_CASES names
// another directory with a cases.json and keys.
func TestRecordedExchanges(t *testing.T) {
	all, keys := load(t, cmp.Or(os.Getenv("JOT_FLASK_CASES"), "testdata"))
	servers := map[string]http.Handler{}
	errs := map[string]error{}
	for name, p := range all.Profiles {
		servers[name], errs[name] = build(p.Config, p.Ext, keys)
	}
	passed, failed, judgement, unsupported := 0, 0, 0, 0
	for _, c := range all.Cases {
		p, ok := all.Profiles[c.Profile]
		if unknown := unsupportedIn(p.Config); !ok || unknown != "" {
			unsupported++
			t.Logf("unsupported: %s: %s", c.ID, unknown)
			continue
		}
		problem := ""
		switch err := errs[c.Profile]; {
		case c.ConstructError != nil && err == nil:
			problem = "the configuration was not refused"
		case c.ConstructError != nil:
		case err != nil:
			problem = err.Error()
		default:
			problem = replay(t, servers[c.Profile], c.Steps)
		}
		switch {
		case problem == "":
			passed++
		case c.Judgement != nil:
			judgement++
			t.Logf("judgement: %s (%s): here %s", c.ID, c.Why, problem)
		default:
			failed++
			t.Errorf("%s: %s", c.ID, problem)
		}
	}
	//nolint:forbidigo // the summary
	fmt.Printf("recorded exchanges: %d passed, %d failed, %d judgement differing, %d unsupported\n",
		passed, failed, judgement, unsupported)
}

// Every expectation counts: if any is changed, the replay fails.
func TestRecordedExchangesCanFail(t *testing.T) {
	all, keys := load(t, "testdata")
	changed := 0
	for _, c := range all.Cases {
		if c.Judgement != nil || c.ConstructError != nil {
			continue
		}
		for i := range c.Steps {
			for _, change := range changes(c.Steps[i].Expect) {
				p := all.Profiles[c.Profile]
				server, err := build(p.Config, p.Ext, keys) // it remembers what was revoked
				require.NoError(t, err)
				undo := change()
				require.NotEmpty(t, replay(t, server, c.Steps), "%s, step %d: a changed expectation passes", c.ID, i)
				undo()
				changed++
			}
		}
	}
	require.Greater(t, changed, 1000)
}

// changes returns one change for each value of an expectation, and each of those one to undo it.
func changes(v any) (out []func() (undo func())) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if inner := changes(value); inner != nil {
				out = append(out, inner...)
				continue
			}
			if value == "$any" || value == "$uuid" || value == "$jwt" {
				continue
			}
			out = append(out, func() func() {
				v[name] = "changed"
				return func() { v[name] = value }
			})
		}
	case []any:
		for _, value := range v {
			out = append(out, changes(value)...)
		}
	}
	return out
}

// unsupportedIn names an option that Config does not have.
func unsupportedIn(config map[string]json.RawMessage) string {
	text, _ := json.Marshal(flask.Config{})
	for name := range config {
		if !bytes.Contains(text, []byte(`"`+name+`"`)) {
			return name
		}
	}
	return ""
}

func build(raw map[string]json.RawMessage, ext extension, keys known) (http.Handler, error) {
	resolved := map[string]any{}
	for name, value := range raw {
		var reference map[string]string
		if json.Unmarshal(value, &reference) == nil {
			for kind, id := range reference {
				key := keys[id]
				texts := map[string]string{"$secret": key.Secret, "$private": key.Private, "$public": key.Public}
				resolved[name] = texts[kind]
			}
			continue
		}
		resolved[name] = value
	}
	text, err := json.Marshal(resolved)
	if err != nil {
		return nil, err
	}
	var config flask.Config
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	source, err := flask.Keys(config)
	if err != nil {
		return nil, err
	}
	if len(ext.KeysByKid) > 0 {
		others := []jot.Key{jot.HS256([]byte(keys["default"].Secret))}
		var current jot.Key
		for kid, name := range ext.KeysByKid {
			if key := jot.HS256([]byte(keys[name].Secret)).WithID(kid); kid == ext.EncodeKid {
				current = key
			} else {
				others = append(others, key)
			}
		}
		if source, err = jot.NewKeySet(current, others...); err != nil {
			return nil, err
		}
	}
	return newApp(config, ext, source)
}

// replay sends the steps and returns what was not as expected.
func replay(t *testing.T, server http.Handler, steps []step) string {
	t.Helper()
	var answers []*httptest.ResponseRecorder
	for i, s := range steps {
		target := s.Request.Path
		if s.Request.Query != "" {
			target += "?" + s.Request.Query
		}
		text := fill(t, s.Request.Body, answers)
		r := httptest.NewRequest(s.Request.Method, target, strings.NewReader(text))
		if text == "" {
			r.Body = http.NoBody
		}
		for _, header := range s.Request.Headers {
			value := []byte{}
			for _, c := range fill(t, header[1], answers) {
				value = append(value, byte(c)) // Latin-1
			}
			r.Header.Add(header[0], string(value))
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		answers = append(answers, w)
		if s.Expect == nil {
			continue
		}
		if problem := compare(t, s.Expect, w); problem != "" {
			kind, body := w.Header().Get("X-Error-Kind"), strings.TrimSpace(w.Body.String())
			return fmt.Sprintf("step %d: %s: %d %s %s", i, problem, w.Code, kind, body)
		}
	}
	return ""
}

var template = regexp.MustCompile(`\{\{step(\d+)\.(json|cookie)\.(\w+)(?:\.claim\.(\w+))?(?:\|(\w+))?\}\}`)

// fill fills in what earlier answers said.
func fill(t *testing.T, text string, answers []*httptest.ResponseRecorder) string {
	t.Helper()
	return template.ReplaceAllStringFunc(text, func(found string) string {
		m := template.FindStringSubmatch(found)
		value := valueOf(t, answers[int(m[1][0]-'0')], m[2], m[3])
		if m[4] != "" {
			_, claims, err := jot.InsecureDecode(value)
			require.NoError(t, err)
			value = fmt.Sprint(claims[m[4]])
		}
		if m[5] != "" {
			value = strings.Split(value, ".")[map[string]int{"header": 0, "payload": 1, "sig": 2}[m[5]]]
		}
		return value
	})
}

func valueOf(t *testing.T, w *httptest.ResponseRecorder, where, name string) string {
	t.Helper()
	if where == "cookie" {
		for _, c := range w.Result().Cookies() {
			if c.Name == name {
				return c.Value
			}
		}
		return ""
	}
	var members map[string]any
	decodeNumbers(t, w.Body.Bytes(), &members)
	value, _ := members[name].(string)
	return value
}

// compare says what differs.
func compare(t *testing.T, expect map[string]any, w *httptest.ResponseRecorder) string {
	t.Helper()
	var got any
	if w.Body.Len() > 0 && json.Valid(w.Body.Bytes()) {
		decodeNumbers(t, w.Body.Bytes(), &got)
	}
	members, _ := got.(map[string]any)
	for what, want := range expect {
		problem := ""
		switch what {
		case "status":
			problem = differs(want, json.Number(fmt.Sprint(w.Code)))
		case "error_kind":
			problem = differs(want, w.Header().Get("X-Error-Kind"))
		case "json":
			problem = subset(want, got)
		case "claims":
			problem = subset(want, members["claims"])
		case "tokens":
			tokens, _ := want.(map[string]any)
			for name, content := range tokens {
				raw := valueOf(t, w, "json", name)
				if raw == "" {
					raw = valueOf(t, w, "cookie", name)
				}
				header, claims, err := jot.InsecureDecode(raw)
				if err != nil {
					return "no token " + name
				}
				if problem = subset(content, map[string]any{"header": header, "claims": claims}); problem != "" {
					break
				}
			}
		case "set_cookies":
			problem = cookies(want, w)
		default:
			return "unknown expectation " + what
		}
		if problem != "" {
			return what + ": " + problem
		}
	}
	return ""
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// subset compares the members that are listed.
func subset(want, got any) string {
	wanted, ok := want.(map[string]any)
	if !ok {
		return differs(want, got)
	}
	members, _ := got.(map[string]any)
	for name, value := range wanted {
		found, there := members[name]
		if value == "$absent" {
			if there {
				return name + " is there"
			}
			continue
		}
		if !there {
			return name + " is missing"
		}
		if problem := subset(value, found); problem != "" {
			return name + ": " + problem
		}
	}
	return ""
}

func differs(want, got any) string {
	text, isText := got.(string)
	switch want {
	case "$uuid":
		if !uuid.MatchString(text) {
			return fmt.Sprintf("%v is no UUID", got)
		}
		return ""
	case "$jwt":
		if strings.Count(text, ".") != 2 {
			return fmt.Sprintf("%v is no token", got)
		}
		return ""
	case "$any":
		if got == nil || isText && text == "" {
			return "nothing"
		}
		return ""
	}
	if a, ok := want.(json.Number); ok {
		if b, ok := got.(json.Number); ok {
			x, okX := new(big.Rat).SetString(string(a))
			y, okY := new(big.Rat).SetString(string(b))
			if okX && okY && x.Cmp(y) == 0 {
				return ""
			}
		}
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if !bytes.Equal(a, b) {
		return fmt.Sprintf("want %s, got %s", a, b)
	}
	return ""
}

// cookies compares all cookies that were set.
func cookies(want any, w *httptest.ResponseRecorder) string {
	list, ok := want.([]any)
	if !ok {
		return "that is no list of cookies"
	}
	found := w.Result().Cookies()
	slices.SortFunc(found, func(a, b *http.Cookie) int { return strings.Compare(a.Name, b.Name) })
	if len(found) != len(list) {
		return fmt.Sprintf("%d cookies, want %d", len(found), len(list))
	}
	orNil := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	sameSite := map[http.SameSite]any{
		http.SameSiteLaxMode:    "Lax",
		http.SameSiteStrictMode: "Strict",
		http.SameSiteNoneMode:   "None",
	}
	for i, c := range found {
		got := map[string]any{
			"name":     c.Name,
			"path":     c.Path,
			"domain":   orNil(c.Domain),
			"httponly": c.HttpOnly,
			"secure":   c.Secure,
			"samesite": sameSite[c.SameSite],
			"cleared":  c.Value == "" && (c.MaxAge < 0 || !c.Expires.IsZero() && c.Expires.Before(now)),
			"max_age":  nil,
		}
		if c.MaxAge > 0 {
			got["max_age"] = json.Number(fmt.Sprint(c.MaxAge))
		}
		if problem := subset(list[i], got); problem != "" {
			return c.Name + ": " + problem
		}
	}
	return ""
}
