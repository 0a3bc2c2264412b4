// Package rfc9068 is the JWT profile for OAuth 2.0 access tokens (RFC 9068) for managers of package jot: give
// [Profile] to [jot.New] beside its other options. Use it where other programs than jot verify the access tokens, such
// as gateways and libraries of other languages, or where an authorization server issues them. Between services of one's
// own that all use jot it changes nothing that matters.
//
// To accept the access tokens of another issuer beside one's own, see RFC9068 in [jot.Issuer] instead.
package rfc9068

import (
	"github.com/go-jot/jot"
	"github.com/go-jot/jot/internal/wire"
)

// Profile makes a Manager issue access tokens by RFC 9068, and accept no others: the header has the typ "at+jwt", and
// iss, aud, iat and client_id are there beside the claims that jot always demands. Refresh tokens have the typ
// "rt+jwt", so that nobody takes them for access tokens; they are for this Manager alone, and otherwise as jot has
// them, like tokens of a [jot.Type]. [jot.New] fails without [jot.WithIssuer] and [jot.WithAudience].
//
// clientID is the client_id of tokens that do not name another by [ClientID]: the name of the application, where there
// is only one. It may be empty in a Manager that only verifies, or where every login names its client.
//
// Tokens that were issued without the profile are refused with it, and the other way round: users log in again. RFC
// 9068 section 2.1 wants a key pair, not a secret, where others verify: RS256 is what all of them know.
func Profile(clientID string) jot.Option {
	p := wire.RFC9068()
	p.ClientID = clientID
	return p
}

// ClientID names the client that a token is issued to, instead of the one of [Profile]. It is handed on when the
// session is refreshed, and by [jot.InSession]. Read it by [jot.Token.Claim], as "client_id". Without Profile it is an
// error, and so it is for a token of a [jot.Type].
func ClientID(id string) jot.TokenOption { return wire.ClientID(id) }
