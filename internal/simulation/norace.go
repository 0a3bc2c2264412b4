//go:build !race

package simulation

// Raced says that the race detector looks on.
const Raced = false
