//go:build race

package mac_test

const raced = true
