//go:build race

package simulation

// Raced says that the race detector looks on. One goroutine plays a history, so it finds little, and takes ten times as
// long.
const Raced = true
