//go:build race

package main

// raced: the race detector looks on, and pools forget on purpose.
const raced = true
