package sieve_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/sieve"
)

func TestMap(t *testing.T) {
	m := sieve.New[int](100)
	_, ok := m.Get("a")
	require.False(t, ok)
	m.Put("a", 1)
	m.Put("b", 2)
	m.Put("a", 3)
	value, ok := m.Get("a")
	require.True(t, ok)
	require.Equal(t, 3, value)
	require.Equal(t, 2, m.Len())
	m.Delete("a")
	m.Delete("a")
	_, ok = m.Get("a")
	require.False(t, ok)
	value, ok = m.Get("b")
	require.True(t, ok)
	require.Equal(t, 2, value)
	m.Delete("b")
	require.Zero(t, m.Len())
	m.Put("b", 4)
	value, _ = m.Get("b")
	require.Equal(t, 4, value)
}

// It has room for no more than it was made for, rounded up for each shard.
func TestMapIsBounded(t *testing.T) {
	for _, n := range []int{1, 16, 17, 1000} {
		m := sieve.New[int](n)
		for i := range 20 * n {
			m.Put(strconv.Itoa(i), i)
			if rand.IntN(3) == 0 {
				m.Get(strconv.Itoa(rand.IntN(i + 1)))
			}
			if rand.IntN(10) == 0 {
				m.Delete(strconv.Itoa(rand.IntN(i + 1)))
			}
			require.LessOrEqual(t, m.Len(), n+16)
		}
		for i := range 20 * n {
			if value, ok := m.Get(strconv.Itoa(i)); ok {
				require.Equal(t, i, value)
			}
		}
	}
}

// What is asked for again and again stays through a flood of what comes once.
func TestMapSievesFloods(t *testing.T) {
	const often = 200
	m := sieve.New[int](1000)
	hits, asked := 0, 0
	for i := range 200_000 {
		if i%10 > 0 { // nine of ten come once
			m.Put(fmt.Sprint("once ", i), i)
			continue
		}
		text := strconv.Itoa(rand.IntN(often))
		asked++
		if _, ok := m.Get(text); ok {
			hits++
		} else {
			m.Put(text, i)
		}
	}
	require.Greater(t, float64(hits)/float64(asked), 0.9, "a map that leaves out the oldest has none")
}

func TestMapIsSafe(t *testing.T) {
	m := sieve.New[int](64)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 5000 {
				text := strconv.Itoa((i * (worker + 1)) % 300)
				want, _ := strconv.Atoi(text)
				switch value, ok := m.Get(text); {
				case ok && value != want:
					t.Errorf("%s is %d", text, value)
				case !ok:
					m.Put(text, want)
				}
				if i%7 == 0 {
					m.Delete(text)
				}
			}
		})
	}
	group.Wait()
}
