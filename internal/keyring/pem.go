package keyring

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ParsePEM returns the key of a PEM text, which holds one and no second. Its errors never quote the text.
func ParsePEM(alg string, text []byte) (*Key, error) {
	block, err := keyBlock(text)
	if err != nil {
		return nil, err
	}
	key, err := parseBlock(block)
	if err != nil {
		// What x509 says may quote what it could not read.
		return nil, fmt.Errorf("the %s cannot be read", block.Type)
	}
	if signer, ok := key.(crypto.Signer); ok {
		return Private(alg, signer)
	}
	return Public(alg, key)
}

// keyBlock returns the one block that is a key. OpenSSL writes the parameters of a curve as a block before it.
func keyBlock(text []byte) (*pem.Block, error) {
	var found *pem.Block
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "EC PARAMETERS":
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, errors.New("the key is encrypted: decrypt it first")
		case found != nil:
			return nil, errors.New("the text holds more than one key")
		default:
			found = block
		}
	}
	if found == nil {
		return nil, errors.New("the text holds no PEM block" + hint(text))
	}
	return found, nil
}

// hint guesses why a text holds none.
func hint(text []byte) string {
	switch {
	case bytes.Contains(text, []byte(`-----\n`)):
		return `: it has \n where its lines end, as an environment variable may`
	case len(text) > 0 && len(text) < 256 && !bytes.ContainsAny(text, "\n-"):
		return ": it looks like the name of a file, whose text is meant"
	}
	return ""
}

func parseBlock(block *pem.Block) (any, error) {
	switch block.Type {
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	}
	return nil, errors.New("not a key")
}
