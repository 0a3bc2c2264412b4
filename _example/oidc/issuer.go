package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/go-jot/jot"
)

// issuer is the provider as the service knows it.
type issuer struct {
	url         string
	client      oauth2.Config
	keys        *keys
	verifier    *oidc.IDTokenVerifier
	endSession  string // empty where it has no such address
	namesItself bool   // in its answers (RFC 9207)
	http        *http.Client
	now         func() time.Time
}

// algorithms are those that the service accepts, whatever the provider says.
var algorithms = []jose.SignatureAlgorithm{jose.RS256}

// leeway is how far the provider's clock may be ahead.
const leeway = 30 * time.Second

// discover asks a provider what it is like (OpenID Connect Discovery 1.0). It must be the one that was asked for.
func discover(ctx context.Context, cfg config) (*issuer, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, cfg.http), cfg.issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		Keys        string `json:"jwks_uri"`
		EndSession  string `json:"end_session_endpoint"`
		NamesItself bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, err
	}
	i := &issuer{
		url: cfg.issuer, endSession: more.EndSession, namesItself: more.NamesItself, http: cfg.http, now: cfg.now,
	}
	i.keys = &keys{url: more.Keys, http: cfg.http, now: cfg.now}
	i.verifier = oidc.NewVerifier(cfg.issuer, i.keys, &oidc.Config{
		ClientID: cfg.clientID, SupportedSigningAlgs: []string{string(jose.RS256)}, Now: cfg.now,
	})
	i.client = oauth2.Config{
		ClientID: cfg.clientID, ClientSecret: cfg.clientSecret, RedirectURL: cfg.client().RedirectURI,
		Scopes: []string{oidc.ScopeOpenID, "profile"}, Endpoint: found.Endpoint(),
	}
	i.client.Endpoint.AuthStyle = oauth2.AuthStyleInHeader // found by trying, it would present a refused code again
	return i, nil
}

// origins are those to which forms lead.
func (i *issuer) origins() string {
	var all []string
	for _, each := range []string{i.client.Endpoint.AuthURL, i.endSession} {
		if at, err := url.Parse(each); err == nil && at.Host != "" {
			all = append(all, at.Scheme+"://"+at.Host)
		}
	}
	return strings.Join(all, " ")
}

// What comes of a login and of a logout token, beside jot.ErrUnavailable when the provider cannot be asked. Their texts
// hold nothing that is secret.
var (
	errCancelled = errors.New("cancelled at the provider")
	errRefused   = errors.New("the provider's answer is refused")
)

// identity is what an ID token says.
type identity struct {
	Issuer, Subject string
	SID             string // the session at the provider; empty where it has none
	Name            string
	IssuedAt        time.Time
	AuthTime        time.Time // when the user authenticated there; zero if the provider does not say
	Raw             string    // for a logout at the provider, and for nothing else
}

// identify exchanges the code of a callback, and verifies the ID token (OpenID Connect Core 1.0 section 3.1.3.7).
func (i *issuer) identify(ctx context.Context, answer url.Values, begun flow) (identity, error) {
	// RFC 9207: another provider's answer to this one's login.
	if (i.namesItself || answer.Has("iss")) && answer.Get("iss") != i.url {
		return identity{}, fmt.Errorf("%w: it is of another issuer", errRefused)
	}
	switch code := answer.Get("error"); {
	case code == "access_denied":
		return identity{}, errCancelled
	case code != "":
		return identity{}, fmt.Errorf("%w: error %.40q", errRefused, code)
	}
	tokens, err := i.client.Exchange(oidc.ClientContext(ctx, i.http), answer.Get("code"),
		oauth2.VerifierOption(begun.Verifier))
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok && e.Response.StatusCode < 500 {
		return identity{}, fmt.Errorf("%w: %s, error %.40q", errRefused, e.Response.Status, e.ErrorCode)
	} else if err != nil {
		return identity{}, fmt.Errorf("%w: the provider does not exchange codes", jot.ErrUnavailable)
	}
	raw, _ := tokens.Extra("id_token").(string)
	return i.verify(ctx, raw, begun.Nonce)
}

// verify reads an ID token.
func (i *issuer) verify(ctx context.Context, raw, nonce string) (identity, error) {
	if err := i.keys.learn(ctx, raw); err != nil {
		return identity{}, err
	}
	token, err := i.verifier.Verify(ctx, raw)
	if err != nil {
		return identity{}, fmt.Errorf("%w: %w", errRefused, err)
	}
	var claims struct {
		SID      string `json:"sid"`
		Name     string `json:"name"`
		AZP      string `json:"azp"`
		AuthTime int64  `json:"auth_time"`
	}
	var authTime time.Time
	switch err := token.Claims(&claims); {
	case err != nil:
		return identity{}, fmt.Errorf("%w: %w", errRefused, err)
	case len(token.Audience) != 1 || claims.AZP != "" && claims.AZP != i.client.ClientID:
		return identity{}, fmt.Errorf("%w: it is also for others", errRefused)
	case token.Nonce != nonce:
		return identity{}, fmt.Errorf("%w: it is the answer to another login", errRefused)
	case token.Subject == "":
		return identity{}, fmt.Errorf("%w: it is of nobody", errRefused)
	case !i.past(token.IssuedAt):
		return identity{}, fmt.Errorf("%w: it is from the future, or of no time", errRefused)
	case claims.AuthTime != 0:
		if authTime = time.Unix(claims.AuthTime, 0); claims.AuthTime < 0 || !i.past(authTime) {
			return identity{}, fmt.Errorf("%w: its auth_time has not come", errRefused)
		}
	}
	return identity{
		token.Issuer, token.Subject, claims.SID, claims.Name, token.IssuedAt, authTime, raw,
	}, nil
}

func (i *issuer) past(at time.Time) bool { return !at.IsZero() && !at.After(i.now().Add(leeway)) }

// ending is what a logout token says: the session at the provider that has ended, or all of a subject where SID is
// empty.
type ending struct {
	Issuer, ID        string
	SID, Subject      string
	IssuedAt, Expires time.Time
}

// ended verifies a logout token (Back-Channel Logout 1.0 section 2.6). Whether it came before is for who keeps them.
func (i *issuer) ended(ctx context.Context, raw string) (ending, error) {
	if err := i.keys.learn(ctx, raw); err != nil {
		return ending{}, err
	}
	// Of the signature, iss, aud, exp, jti, events, a nonce that must not be there, and sub or sid.
	token, err := i.verifier.VerifyLogout(ctx, raw)
	if err != nil {
		return ending{}, fmt.Errorf("%w: %w", errRefused, err)
	}
	var claims, events map[string]json.RawMessage // of a struct, encoding/json would take any spelling of the names
	signed, err := jose.ParseSignedCompact(raw, algorithms)
	if err == nil {
		err = token.Claims(&claims)
	}
	if err == nil {
		err = json.Unmarshal(claims["events"], &events)
	}
	event := events["http://schemas.openid.net/event/backchannel-logout"]
	switch {
	case err != nil:
		return ending{}, fmt.Errorf("%w: %w", errRefused, err)
	case !logoutType(signed.Signatures[0].Header.ExtraHeaders[jose.HeaderType]):
		return ending{}, fmt.Errorf("%w: it is of another type", errRefused)
	case len(token.Audience) != 1:
		return ending{}, fmt.Errorf("%w: it is also for others", errRefused)
	case !i.past(token.IssuedAt):
		return ending{}, fmt.Errorf("%w: it is from the future, or of no time", errRefused)
	case !bytes.HasPrefix(bytes.TrimSpace(event), []byte("{")):
		return ending{}, fmt.Errorf("%w: its event is no object", errRefused)
	}
	return ending{token.Issuer, token.TokenID, token.SessionID, token.Subject, token.IssuedAt, token.Expiry}, nil
}

// logoutType tells whether the header's typ is that of a logout token, which may be missing (section 2.4).
func logoutType(typ any) bool {
	text, ok := typ.(string)
	return typ == nil || ok && strings.TrimPrefix(strings.ToLower(text), "application/") == "logout+jwt"
}
