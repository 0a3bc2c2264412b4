package main

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// result is what came of a case.
type result struct {
	Name  string  `json:"name"`
	Ratio float64 `json:"ratio"` // of times, jot's to golang-jwt's
	Jot   cost    `json:"jot"`
	Peer  cost    `json:"peer"`
}

// cost is that of one operation.
type cost struct {
	NS     float64 `json:"ns"`
	Allocs uint64  `json:"allocs"`
	Bytes  uint64  `json:"bytes"`
}

// measure compares both sides of a case. How fast this machine is changes from second to second, so only slices that
// follow each other are compared; chance says which is first, so that neither always meets the other's garbage.
func (c testCase) measure(cycles int, slice time.Duration) (result, error) {
	var sides [2]struct {
		operation
		cost
		ns []float64
	}
	sides[0].operation, sides[1].operation = c.setUp()
	for i := range sides {
		var err error
		if sides[i].cost, err = sides[i].allocations(); err != nil {
			return result{}, err
		}
	}
	var ratios []float64
	for cycle := range cycles {
		first := rand.N(2) //nolint:gosec // the order is no secret
		for _, i := range []int{first, 1 - first} {
			ns, err := sides[i].during(slice)
			if err != nil {
				return result{}, err
			}
			sides[i].ns = append(sides[i].ns, ns)
		}
		ratios = append(ratios, sides[0].ns[cycle]/sides[1].ns[cycle])
	}
	for i := range sides {
		sides[i].NS = median(sides[i].ns)
	}
	return result{c.name, median(ratios), sides[0].cost, sides[1].cost}, nil
}

// during works for that long, and returns the nanoseconds of one operation.
func (o operation) during(slice time.Duration) (ns float64, err error) {
	start, n := time.Now(), 0
	for {
		for range 16 { // looking at the clock each time would be a good part of what is measured
			if err := o(); err != nil {
				return 0, err
			}
		}
		n += 16
		if passed := time.Since(start); passed >= slice {
			return float64(passed.Nanoseconds()) / float64(n), nil
		}
	}
}

// allocations counts those of one operation, as testing.AllocsPerRun does, and their bytes. What a pool or a map
// allocates now and then is rounded away.
func (o operation) allocations() (cost, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // no other goroutine allocates meanwhile
	const runs = 1000
	var before, after runtime.MemStats
	for i := range runs + 100 { // the first fill the pools
		if i == 100 {
			runtime.ReadMemStats(&before)
		}
		if err := o(); err != nil {
			return cost{}, err
		}
	}
	runtime.ReadMemStats(&after)
	return cost{
		Allocs: (after.Mallocs - before.Mallocs) / runs,
		Bytes:  (after.TotalAlloc - before.TotalAlloc) / runs,
	}, nil
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
