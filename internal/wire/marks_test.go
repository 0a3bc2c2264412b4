package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/wire"
)

// What another issuer's tokens must be, by what is known of the issuer.
func TestForeignClaims(t *testing.T) {
	jot := wire.Profile{Foreign: true}
	untyped := wire.Profile{Foreign: true, Untyped: true, IDOptional: true}
	rfc9068 := wire.RFC9068()
	rfc9068.Foreign = true
	const (
		sound  = `"sub":"alice","jti":"1","exp":2000000000`
		access = sound + `,"type":"access"`
		full   = sound + `,"iss":"i","aud":"a","iat":1,"client_id":"c"`
	)
	for _, test := range []struct {
		name    string
		profile wire.Profile
		text    string
		want    string // in the error, empty if there is none
	}{
		{"an access token of jot's", jot, access, ""},
		{"of no type", jot, sound + `,"scope":"a"`, "type is missing"},
		{"a refresh token", jot, sound + `,"type":"refresh"`, "access tokens only"},
		{"of a Type", jot, sound + `,"type":"password_reset"`, "access tokens only"},
		{"nonce", jot, access + `,"nonce":"n"`, "ID token"},
		{"at_hash", untyped, access + `,"at_hash":"n"`, "ID token"},
		{"c_hash", untyped, sound + `,"scope":"a","c_hash":"n"`, "ID token"},
		{"events", rfc9068, full + `,"events":{}`, "ID token"},
		{"typ says so", untyped, sound + `,"scope":"a","typ":"ID"`, "ID token"},
		{"typ is a refresh token's", untyped, sound + `,"scope":"a","typ":"Refresh"`, "ID token"},
		{"token_use says so", untyped, sound + `,"scope":"a","token_use":"id"`, "ID token"},
		{"typ of an access token", untyped, sound + `,"scope":"a","typ":"Bearer"`, ""},
		{"token_use of an access token", untyped, sound + `,"scope":"a","token_use":"access"`, ""},
		{"untyped, with a scope", untyped, sound + `,"scope":"a"`, ""},
		{"untyped, with scp", untyped, sound + `,"scp":["a"]`, ""},
		{"untyped, with scp as a string", untyped, sound + `,"scp":"a b"`, ""},
		{"untyped, scp is neither", untyped, sound + `,"scp":{}`, "scp"},
		{"untyped, client_id", untyped, sound + `,"client_id":"c"`, ""},
		{"untyped, cid", untyped, sound + `,"cid":"c"`, ""},
		{"untyped, appid", untyped, sound + `,"appid":"c"`, ""},
		{"untyped, without a mark", untyped, sound, "perhaps it is an ID token"},
		{"untyped, but with a type", untyped, access, ""},
		{"untyped, of another type", untyped, sound + `,"scope":"a","type":"refresh"`, "access tokens only"},
		{"without an id", untyped, `"sub":"alice","exp":2000000000,"scope":"a"`, ""},
		{"without an id, which is asked for", jot, `"sub":"alice","exp":2000000000,"type":"access"`, "jti is missing"},
		{"RFC 9068", rfc9068, full, ""},
		{"RFC 9068, no iss", rfc9068, sound + `,"aud":"a","iat":1,"client_id":"c"`, "iss is missing"},
		{"RFC 9068, no aud", rfc9068, sound + `,"iss":"i","iat":1,"client_id":"c"`, "aud is missing"},
		{"RFC 9068, no iat", rfc9068, sound + `,"iss":"i","aud":"a","client_id":"c"`, "iat is missing"},
		{"RFC 9068, no client_id", rfc9068, sound + `,"iss":"i","aud":"a","iat":1`, "client_id is missing"},
		{"RFC 9068, empty client_id", rfc9068, sound + `,"iss":"i","aud":"a","iat":1,"client_id":""`, "client_id"},
		{"RFC 9068, odd client_id", rfc9068, sound + `,"iss":"i","aud":"a","iat":1,"client_id":7`, "client_id"},
		{"a refresh token of RFC 9068", rfc9068, full + `,"type":"refresh"`, "access tokens only"},
	} {
		got, err := test.profile.ReadClaims("{" + test.text + "}")
		if test.want != "" {
			require.ErrorContains(t, err, test.want, test.name)
			continue
		}
		require.NoError(t, err, test.name)
		require.Equal(t, "access", got.Type, test.name)
	}
	got, err := untyped.ReadClaims(`{` + sound + `,"scp":["a","b"],"fresh":true}`)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, got.Scopes)
	require.False(t, got.Fresh, "who has asked for no password cannot say so")
	got, err = untyped.ReadClaims(`{` + sound + `,"scp":"a b","scope":"c","fresh":2000000000}`)
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, got.Scopes)
	require.EqualValues(t, wire.NoDate, got.FreshUntil)
	own := wire.RFC9068()
	got, err = own.ReadClaims(`{` + sound + `,"type":"refresh"}`)
	require.NoError(t, err, "what is demanded of access tokens alone")
	require.Equal(t, "refresh", got.Type)
}
