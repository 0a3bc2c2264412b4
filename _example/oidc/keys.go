package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/go-jot/jot"
)

// keys are those of the provider. go-oidc's own set asks the provider about every token that it cannot verify; since
// anybody may send one to the back channel, this one asks once in a minute, whatever comes. And it tells a provider
// that does not answer from a token that is no good.
type keys struct {
	url  string
	http *http.Client
	now  func() time.Time

	mu   sync.Mutex
	set  jose.JSONWebKeySet
	at   time.Time // when set was fetched
	next time.Time // when the provider may be asked again
}

const (
	keysMaxAge   = 5 * time.Minute // a key that the provider has withdrawn is good for so long
	keysInterval = time.Minute     // until it is asked again
	keysRetry    = 5 * time.Second // if it has not answered
)

// learn fetches the keys if they are old, or if a token names one that is new. The error is jot.ErrUnavailable.
func (k *keys) learn(ctx context.Context, raw string) error {
	token, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil // it is no token, which the verifier finds too
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	old := now.Sub(k.at) >= keysMaxAge
	if !old && len(k.set.Key(token.Signatures[0].Header.KeyID)) > 0 {
		return nil
	}
	if now.Before(k.next) {
		if old {
			return fmt.Errorf("%w: the provider's keys could not be fetched a moment ago", jot.ErrUnavailable)
		}
		return nil
	}
	k.next = now.Add(keysRetry)
	// Who asks first asks for all: the end of this request must not be a failure of theirs.
	set, err := k.fetch(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("%w: %w", jot.ErrUnavailable, err)
	}
	k.set, k.at, k.next = set, now, now.Add(keysInterval)
	return nil
}

func (k *keys) fetch(ctx context.Context) (set jose.JSONWebKeySet, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return set, err
	}
	response, err := k.http.Do(request)
	if err != nil {
		return set, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return set, fmt.Errorf("the provider's keys: %s", response.Status)
	}
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&all)
	for _, each := range all.Keys {
		var key jose.JSONWebKey // what is none to go-jose is left out (RFC 7517 section 5)
		if json.Unmarshal(each, &key) == nil && key.IsPublic() && key.Use != "enc" {
			set.Keys = append(set.Keys, key)
		}
	}
	return set, err
}

// VerifySignature makes keys an oidc.KeySet. The verifier has looked at the algorithm.
func (k *keys) VerifySignature(_ context.Context, raw string) ([]byte, error) {
	token, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	found := k.set.Key(token.Signatures[0].Header.KeyID)
	k.mu.Unlock()
	for _, key := range found {
		if payload, err := token.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("no key of the provider's has signed it")
}
