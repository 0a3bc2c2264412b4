package jot

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ParsePEM returns the key of a PEM text for alg, one of those of [PrivateKey]: a private key (PKCS #8, PKCS #1 or
// SEC 1), which signs and verifies, or a public key (PKIX or PKCS #1) or certificate, which only verifies. The text
// holds one key and no second one; it is not encrypted. Of a certificate nothing but the key is looked at. Errors
// never quote the text.
func ParsePEM(alg string, text []byte) (Key, error) {
	block, err := keyBlock(text)
	if err != nil {
		return Key{}, err
	}
	key, err := parseBlock(block)
	if err != nil {
		// What x509 says may quote what it could not read.
		return Key{}, fmt.Errorf("jot: ParsePEM: the %s cannot be read", block.Type)
	}
	var k Key
	if signer, ok := key.(crypto.Signer); ok {
		k = PrivateKey(alg, signer)
	} else {
		k = PublicKey(alg, key)
	}
	return k, k.defect()
}

// keyBlock returns the one block that is a key. OpenSSL writes the parameters of a curve as a block before it.
func keyBlock(text []byte) (*pem.Block, error) {
	var found *pem.Block
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "EC PARAMETERS":
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, errors.New("jot: ParsePEM: the key is encrypted: decrypt it first")
		case found != nil:
			return nil, errors.New("jot: ParsePEM: the text holds more than one key")
		default:
			found = block
		}
	}
	if found == nil {
		return nil, errors.New("jot: ParsePEM: the text holds no PEM block")
	}
	return found, nil
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
