// Package jot adds login with JSON Web Tokens (RFC 7519) to any net/http service: it issues access and refresh tokens,
// guards routes, and hands the verified token to the handler.
//
// Most services need these calls and no others:
//
//   - [New], with a key from [HS256] and a store by [WithStore], at start-up.
//   - [Manager.CreatePair] when the password was right, and [Manager.WritePair] to answer.
//   - [Manager.Required] around every handler that needs a user; the handler gets the user's id from [Identity].
//   - [Manager.RefreshHandler] and [Manager.LogoutHandler], each on a route of its own.
//
// Everything else is for a need of its own:
//
//   - A browser application wants its tokens in cookies: [WithCookies], and [WithSlidingSessions] if it has no scripts.
//   - Users and their rights: [WithUserLookup], [WithAdditionalClaims], [WithScopes], [Scopes].
//   - A password asked for again before something that matters: [Fresh], [MaxAge], [InSession].
//   - A mailed link, a token for a machine: [Manager.CreateToken] with a [Type], and [SingleUse].
//   - A list of devices, and logging them out: [Manager.Sessions], [Manager.RevokeSessionByID],
//     [Manager.RevokeSubject].
//   - Other services that only verify: [PrivateKey] where tokens are issued, [PublicKey] elsewhere, or the published
//     keys ([Manager.JWKSHandler], [ParseJWKS]). Keys change in a [KeySet]; [WithVerificationKeys] accepts older ones.
//   - Another framework, or a connection that is no request: [Guard.Admit], [Manager.Verify].
//
// # Traits
//
// A token has traits, a route demands traits, and the same word does both: CreateAccessToken(ctx, id, Fresh(),
// Scopes("admin")) makes what Required(Fresh(), Scopes("admin")) asks for. Settings of a manager are called With…;
// what would weaken it is called Insecure….
//
// # Sessions
//
// A login begins a session, which its tokens name (sid). With a [session.Store], package memstore's, sqlstore's or
// redisstore's, a refresh token works once ([Manager.Rotate]), and a token, a session, a user or everyone can be
// logged out ([Manager.Revoke] and its like). With a [Blocklist] alone, a token and a session can. With neither, a
// token cannot be revoked before it expires.
//
// # Refusals
//
// Every refusal is an [*Error] that wraps one of this package's sentinels, and one handler answers them all:
// [DefaultErrorHandler] by RFC 9457, RFC 6750 and RFC 9470, or that of [WithErrorHandler]. If a store or a callback
// fails, the answer is 503; the request never passes. No request makes this package panic.
//
// # Promises
//
// Once [New] has accepted a configuration, it cannot fail later. Before a token's signature is checked, nothing of its
// payload is read. Tokens, secrets and keys do not show when printed or logged.
package jot
