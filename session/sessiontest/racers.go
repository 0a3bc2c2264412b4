package sessiontest

import (
	"math/rand/v2"
	"sync"
	"time"
)

// How many call at once: enough to catch a store that reads first and writes later.
const (
	many = 64
	some = 16
)

// race lets racers call at once, and returns what they heard.
func race[T any](s store, racers int, call func(racer int) (T, error)) []T {
	s.Helper()
	answers, errs := make([]T, racers), make([]error, racers)
	together(racers, func(racer int) { answers[racer], errs[racer] = call(racer) })
	for _, err := range errs {
		if err != nil {
			s.Fatalf("one of %d calls at once: %v", racers, err)
		}
	}
	return answers
}

// together runs f n times at once, in an order of its own each time: a scheduler with one processor has a fixed one.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var group sync.WaitGroup
	for _, i := range rand.Perm(n) { //nolint:gosec // nothing secret about an order
		group.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	group.Wait()
}

// skew is how far a racer's clock is from the case's. Half of them are behind, the others ahead.
func skew(racer int, step time.Duration) time.Duration {
	if racer%2 == 1 {
		step = -step
	}
	return time.Duration((racer+1)/2) * step
}

// count returns how many there are of v.
func count[T comparable](list []T, v T) (n int) {
	for _, each := range list {
		if each == v {
			n++
		}
	}
	return n
}
