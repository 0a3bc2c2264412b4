// Package jot adds log-in with JSON Web Tokens (RFC 7519) to any net/http service: it issues access and refresh
// tokens, guards routes, and hands the verified token to the handler.
//
// For most services a secret, [New] with [WithStore], and a few methods are all there is: [Manager.CreatePair] when
// the password was right, [Manager.WritePair] to answer, [Manager.Required] around every handler that needs a user,
// who is then [Identity] of the request's context, and two routes for [Manager.RefreshHandler] and
// [Manager.LogoutHandler].
//
// # Traits
//
// A token has traits, a route demands traits, and the same word does both: CreateAccessToken(ctx, id, Fresh(),
// Scopes("admin")) makes what Required(Fresh(), Scopes("admin")) asks for. Settings of a manager are called With…;
// what would weaken it is called Insecure….
//
// # Keys
//
// One service that signs and verifies wants [HS256] and a secret from [GenerateSecret]. Several services that only
// verify want a key pair: [PrivateKey] where tokens are issued, [PublicKey] elsewhere. [KeySet] and
// [WithVerificationKeys] accept what older keys signed.
//
// # Sessions
//
// A login begins a session, which its tokens name (sid). With a [session.Store], package memstore's or package
// sqlstore's, a refresh token works once
// ([Manager.Rotate]), and a token, a session, a user or everyone can be logged out ([Manager.Revoke] and its like).
// With a [Blocklist] alone the first two can. With neither, a token lives until it expires.
//
// # Refusals
//
// Every refusal is an [*Error] with one of this package's sentinels in it, and one handler answers them all:
// [DefaultErrorHandler] by RFC 9457, RFC 6750 and RFC 9470, or that of [WithErrorHandler]. A store or a callback that
// cannot tell means 503, never "fine". No request makes this package panic.
//
// # Promises
//
// What [New] accepted cannot fail for its configuration later. Before a token's signature is checked, nothing of its
// payload is read. Tokens, secrets and keys do not show when printed or logged.
package jot
