package credential

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jot/jot/internal/strictjson"
)

// MaxBody is how much of a body is read to look for a token.
const MaxBody = 64 << 10

const formKind = "application/x-www-form-urlencoded"

// InJSON finds the token in a member of a body that is a JSON object, and leaves the body to be read again.
func InJSON(r *http.Request, name string) (raw string, err error) {
	kind, _ := bodyKind(r)
	if kind != "application/json" && (!strings.HasPrefix(kind, "application/") || !strings.HasSuffix(kind, "+json")) {
		return "", nil
	}
	text, whole, err := peek(r)
	if err != nil || !whole {
		return "", errBody
	}
	if object := strings.TrimLeft(text, " \t\r\n"); object == "" || object[0] != '{' {
		return "", nil
	}
	err = strictjson.Object(text, func(member, value string) error {
		if member != name || value == "null" {
			return nil
		}
		var ok bool
		if raw, ok = strictjson.String(value); !ok {
			return ErrNotText
		}
		return nil
	})
	switch {
	case errors.Is(err, ErrNotText):
		return "", ErrNotText
	case errors.Is(err, strictjson.ErrDuplicate):
		return "", errBody
	case err != nil:
		return "", nil //nolint:nilerr // no JSON, so no credential either
	}
	return raw, nil
}

// InForm finds the token in a field of an urlencoded form (RFC 6750 section 2.2), and leaves the body to be read again.
func InForm(r *http.Request, name string) (raw string, err error) {
	if kind, _ := bodyKind(r); kind != formKind || r.Method != http.MethodPost {
		return "", nil
	}
	return urlencoded(r, name)
}

// Field finds a field of a form of either kind, and leaves the body to be read again. Of a form with files it has to
// stand before them, unless somebody has parsed the form already.
func Field(r *http.Request, name string) (value string, err error) {
	kind, params := bodyKind(r)
	switch {
	case kind == formKind:
		return urlencoded(r, name)
	case kind != "multipart/form-data":
		return "", nil
	case r.MultipartForm != nil:
		return only(r.MultipartForm.Value[name])
	}
	text, _, err := peek(r)
	if err != nil {
		return "", errBody
	}
	parts := multipart.NewReader(strings.NewReader(text), params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return "", nil //nolint:nilerr // its end, or the end of what is looked at: not there
		}
		if part.FormName() == name && part.FileName() == "" {
			field, err := io.ReadAll(part)
			if err != nil {
				return "", errBody
			}
			return string(field), nil
		}
	}
}

// urlencoded reads a form, or what somebody has read of it already: then the body is gone.
func urlencoded(r *http.Request, name string) (value string, err error) {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch: // of others, ParseForm has read the URL alone
		if r.PostForm != nil {
			return only(r.PostForm[name])
		}
	}
	text, whole, err := peek(r)
	if err != nil || !whole {
		return "", errBody
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return "", errBody
	}
	return only(values[name])
}

func only(values []string) (value string, err error) {
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", errBody
}

// bodyKind returns the media type of a body, "" if there is none that can be read.
func bodyKind(r *http.Request) (kind string, params map[string]string) {
	coding := r.Header.Get("Content-Encoding")
	if r.Body == nil || r.Body == http.NoBody || coding != "" && !strings.EqualFold(coding, "identity") {
		return "", nil
	}
	kind, params, _ = mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind, params
}

// peek reads the beginning of a body, and leaves all of it to be read again; whole says that it was all.
func peek(r *http.Request) (text string, whole bool, err error) {
	head, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	return string(head), len(head) <= MaxBody, err
}
