package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"

	"github.com/go-jot/jot"
)

// keys are what the issuer's file has. A service in earnest has them where its secrets are, or in a KMS.
type keys struct {
	Refresh []byte `json:"refresh"` // a secret, for refresh tokens, which nobody but the issuer reads
	Current *key   `json:"current"` // signs access tokens
	Next    *key   `json:"next,omitempty"`
	Former  *key   `json:"former,omitempty"`
}

// key is a key pair and its PEM.
type key struct {
	jot.Key

	pem []byte
}

func newKey() (*key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	k := &key{}
	return k, k.UnmarshalText(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// MarshalText lets the key stand in JSON.
func (k *key) MarshalText() ([]byte, error) { return k.pem, nil } //nolint:unparam // an encoding.TextMarshaler

// UnmarshalText reads what MarshalText has written.
func (k *key) UnmarshalText(text []byte) (err error) {
	k.pem = text
	k.Key, err = jot.ParsePEM("EdDSA", text)
	return err
}

// loadKeys reads a file of keys, which it makes if there is none.
func loadKeys(file string) (k keys, err error) {
	text, err := os.ReadFile(file) //nolint:gosec // the name comes from whoever starts the program
	if !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = json.Unmarshal(text, &k)
		}
		if err == nil && k.Current == nil {
			err = errors.New("there is no current key in it")
		}
		return k, err
	}
	k.Refresh = jot.GenerateSecret()
	if k.Current, err = newKey(); err == nil {
		err = k.save(file)
	}
	return k, err
}

// save replaces the file as a whole, so that a process that is killed leaves the one or the other.
func (k keys) save(file string) error {
	text, err := json.MarshalIndent(k, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
