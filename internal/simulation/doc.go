// Package simulation holds histories against jot: managers with clocks apart over one store, tabs, thieves, floods of
// retries, revocations, and a network on which every call of the store may be lost, repeated or late. It has tests
// alone, and they use the public API alone.
//
// A seed is a plan: settings, and some dozens of steps. A world plays it in virtual time, one step after the other; a
// call that is delayed plays the steps that follow before it is carried out. Beside it a model keeps what an observer
// may know: which client was given which token, which revocations have returned. After every call it says what must
// have been refused, and what must have been accepted; between the two it says nothing, and it counts how often it
// said something.
//
// A seed that fails is shrunk, and the shortest history that fails in the same way is printed:
//
//	go test ./internal/simulation -run TestHistories -v -args -histories 1000000
//	go test ./internal/simulation -run TestHistories -v -args -histories 1 -seed 42
//
// The environment's JOT_HISTORIES and JOT_SEED do the same. A bug is planted by one line in planted_test.go.
package simulation
