// Package simulation holds histories against jot: managers with clocks apart over one store, tabs, thieves, floods of
// retries, revocations, and a network on which every call of the store may be lost, repeated or late. It is for tests
// alone, and of jot it uses the public API alone.
//
// A seed is a plan: settings, and some dozens of steps. A world plays it in virtual time, one step after the other; a
// call that is delayed plays the steps that follow before it is carried out. Beside it a model keeps what an observer
// may know: which client was given which token, which revocations have returned. After every call it says what must
// have been refused, and what must have been accepted; between the two it says nothing, and it counts how often it
// said something.
//
// The store is in memory, or it is on an [Engine], which the tests of package redisstore have: a Redis server whose
// clock is the history's, and some nodes with a replica. There calls of the server are lost, repeated and late, and so
// is what replicas ask for news; nodes are cut off for longer than a replica may be stale, and begin anew; and the
// server loses all its data, or another one takes over that has not heard of the last, with another clock. Of a replica
// the model says what its documentation says, and nothing less: it knows at once what its own node has revoked, but for
// what a limit ends, and what others have when it has asked for news since, and when the staleness has passed; what it
// answers by itself it has heard of within that; and it answers for no token that lives for longer than its horizon,
// nor for a refresh token. All else is as with a store alone. What a server has lost with a failover nobody has to know
// any more. Of the sessions about which it has forgotten something the model says little afterwards, of those that
// begin then it says all.
//
// A seed that fails is shrunk, and the shortest history that fails in the same way is printed:
//
//	go test ./internal/simulation -run TestHistories -v -args -histories 1000000
//	go test ./internal/simulation -run TestHistories -v -args -histories 1 -seed 42
//
// The environment's JOT_HISTORIES and JOT_SEED do the same, and all of it works in redisstore. A bug is planted by one
// line in planted_test.go, or, into a replica, in redisstore's simulation_test.go.
package simulation
