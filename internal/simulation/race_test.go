//go:build race

package simulation

// raced: the race detector looks on. One goroutine plays a history, so it finds little, and takes ten times as long.
const raced = true
