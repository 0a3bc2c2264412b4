// Package remotekeys verifies with the keys that an issuer publishes at a URL: a JSON Web Key Set (RFC 7517), such as
// jot's JWKSHandler serves and every OpenID provider has. It follows the issuer when that replaces its keys.
//
// Give what [New] returns to [jot.New], in the place of a key.
//
// # When the issuer is asked
//
// Once before New returns, and then in the background: as often as the answer's Cache-Control says, but not more often
// than once a minute nor less often than once an hour, and every 5 minutes if it says nothing. After a failure it is
// asked again 10 seconds later. What was loaded stays good while the issuer is down.
//
// A token that names an unknown key makes for a request too, at most one in 10 seconds for all such tokens together,
// and waits 2 seconds at most for its answer. Nothing else that a client sends can cause one: no URL or key in the
// header of a token is ever looked at.
//
// # What is accepted
//
// Public keys for the algorithms that New was told. Others, and keys that are malformed, too weak, or not for
// signatures by their use or key_ops, are left out, as RFC 7517 section 5 wants it. A set with a secret or a private
// key in it is refused as a whole, since somebody has published what others can sign with; so is one in which two
// keys of an algorithm have the same id. Certificates in it are not looked at: the set is as trustworthy as the
// connection, which is why it has to be HTTPS.
package remotekeys
