package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// Werkzeug's hashes of passwords, such as pbkdf2:sha256:600000$salt$hash, so that either application can check what the
// other one has made. Those that begin with scrypt need golang.org/x/crypto/scrypt.

var errMethod = errors.New("a hash of another method than pbkdf2:sha256")

func rounds(method string) (int, error) {
	text, ok := strings.CutPrefix(method, "pbkdf2:sha256:")
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		return 0, errMethod
	}
	return n, nil
}

// hashOf returns the hash of a new password.
func hashOf(method, password string) (string, error) {
	return salted(method, rand.Text(), password)
}

func salted(method, salt, password string) (string, error) {
	n, err := rounds(method)
	if err != nil {
		return "", err
	}
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), n, sha256.Size)
	return method + "$" + salt + "$" + hex.EncodeToString(key), err
}

// isPassword reports whether a hash is that of a password.
func isPassword(hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 3 {
		return false, errMethod
	}
	again, err := salted(parts[0], parts[1], password)
	return err == nil && subtle.ConstantTimeCompare([]byte(again), []byte(hash)) == 1, err
}
