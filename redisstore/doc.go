// Package redisstore keeps jot's sessions on Redis, one server or a cluster, so that they outlive the process and are
// shared by many, and so that a look-up is one round trip of some dozens of microseconds.
//
// Take the package of the client that you use: goredisstore for github.com/redis/go-redis/v9, rueidisstore for
// github.com/redis/rueidis. Each has a New, and each is a module of its own, so that a program has one client. This
// package imports none; [Client] is what another one has to do, in a few lines.
//
// # The server
//
// Redis 6.2 or later, or what speaks as it does, with these settings, which its README explains:
//
//	maxmemory-policy noeviction
//	appendonly yes
//	appendfsync everysec
//
// [New] refuses a server that evicts: a revoked token that is forgotten is good again. Without appendonly a server that
// crashes begins anew, and everyone is logged out; or, worse, it begins with its last snapshot, and what was revoked
// since is good again: New warns of it. A server that may not be written to, because it has become a replica say,
// answers nothing, since it knows only what was revoked some time ago.
//
// # What it costs
//
// Each call is one script on the keys of one slot, sent by its hash. In a cluster the subjects are spread over 64
// slots, with a copy of what concerns everyone; RevokeAll writes to each of them. No goroutine runs: the server lets
// go of what has expired, an hour late for the sake of clocks that differ.
//
// [NewReplica] is for processes with so many requests that a round trip for each is too much: it answers for most
// access tokens from memory, and follows what is revoked.
//
// All time comes from the callers, as package session has it. The server's clock only counts how long something has
// been kept.
package redisstore
