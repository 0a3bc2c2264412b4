package remotekeys

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/go-jot/jot"
)

// maxSize is how much of an answer is read. Sets of a few keys have a few KiB.
const maxSize = 512 << 10

// stay refuses redirects that lead to another host, or away from TLS.
func stay(r *http.Request, via []*http.Request) error {
	switch first := via[0].URL; {
	case r.URL.Scheme != first.Scheme || r.URL.Host != first.Host:
		return errors.New("it redirects to another host")
	case len(via) > 3:
		return errors.New("it redirects again and again")
	}
	return nil
}

// fetch returns what the issuer answers, and for how long that is good.
func (f *follower) fetch() (body []byte, good time.Duration, err error) {
	ctx, cancel := context.WithTimeout(f.ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, 0, errors.New("the request cannot be made") // which quotes the URL
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := f.client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the URL, its user and its query
		}
		return nil, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("it answers %d", response.StatusCode)
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, maxSize+1))
	if err == nil && len(body) > maxSize {
		err = fmt.Errorf("its answer has more than %d bytes", maxSize)
	}
	return body, freshness(response.Header), err
}

// freshness returns for how long an answer is good (RFC 9111 section 4.2), within our bounds.
func freshness(h http.Header) time.Duration {
	good := usual
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		key, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch key {
		case "no-store", "no-cache":
			return least
		case "max-age":
			if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				good = time.Duration(seconds) * time.Second
			}
		}
	}
	if age, err := strconv.ParseUint(h.Get("Age"), 10, 31); err == nil { // in a cache on the way
		good -= time.Duration(age) * time.Second
	}
	return min(max(good, least), most)
}

// parse returns the keys of a set that are for our algorithms. If there are none, that is what the issuer says, and
// an error for somebody to look at.
func (f *follower) parse(body []byte) (keys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, errors.New("its answer is no JSON Web Key Set")
	}
	found, unfit := keys{}, []error{}
	for i, raw := range set.Keys {
		var m jwkset.JWKMarshal
		err := json.Unmarshal(raw, &m) // which goes on after a member of the wrong type
		if isPrivate(m) {
			return nil, fmt.Errorf("key %d is a secret or a private key, which is published: others may sign by it", i)
		}
		if err == nil {
			err = f.add(found, m)
		}
		if errors.Is(err, errSameID) {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		if err != nil {
			unfit = append(unfit, fmt.Errorf("key %d: %w", i, err))
		}
	}
	if len(found) == 0 {
		return found, errors.Join(append([]error{fmt.Errorf("no key of it is for %v", f.algs)}, unfit...)...)
	}
	return found, nil
}

// isPrivate reports whether a key has any member that nobody else may know (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1).
func isPrivate(m jwkset.JWKMarshal) bool {
	return m.KTY == jwkset.KtyOct || len(m.OTH) > 0 ||
		slices.ContainsFunc([]string{m.D, m.P, m.Q, m.DP, m.DQ, m.QI, m.K}, func(s string) bool { return s != "" })
}

var errSameID = errors.New("another one has the same algorithm and id")

// add enters a key, or says why it is left out.
func (f *follower) add(to keys, m jwkset.JWKMarshal) error {
	m.X5U, m.X5C, m.X5T, m.X5TS256 = "", nil, "", "" // the connection vouches for the key, not a certificate
	jwk, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	switch {
	case err != nil:
		return err
	case m.USE != "" && m.USE != jwkset.UseSig, len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return errors.New("it is not for signatures")
	}
	alg, key := m.ALG.String(), jwk.Key()
	if alg == "" {
		fits := func(alg string) bool { return fit(alg, key) == nil }
		if i := slices.IndexFunc(f.algs, fits); i >= 0 {
			alg = f.algs[i]
		}
	}
	if !slices.Contains(f.algs, alg) {
		return fmt.Errorf("it is for %q", alg)
	}
	if err := fit(alg, key); err != nil {
		return err
	}
	if to[name{alg, m.KID}] != nil {
		return errSameID
	}
	to[name{alg, m.KID}] = key
	return nil
}

// fit says what makes a key unfit for an algorithm: its kind, its curve, its size.
func fit(alg string, key crypto.PublicKey) error {
	_, err := jot.PublicKey(alg, key).JWK()
	return err
}
