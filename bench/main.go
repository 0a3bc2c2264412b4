// Command bench shows what jot costs beside golang-jwt in a plain middleware, and beside jot of another checkout:
//
//	go run .
//	go run . -against ../../older
//
// The second exits with 1 if a case allocates more often than there. Times never fail it: on a busy machine they
// prove nothing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"time"
)

// settings are the flags.
type settings struct {
	cycles int
	slice  time.Duration
	only   string
}

func main() {
	var s settings
	flag.IntVar(&s.cycles, "cycles", 25, "how many pairs of slices are compared in each case")
	flag.DurationVar(&s.slice, "slice", 25*time.Millisecond, "how long either side works before the other has its turn")
	flag.StringVar(&s.only, "run", "", "only the cases whose names match this `regexp`")
	against := flag.String("against", "", "compare with the jot in this `directory`; run it in bench/")
	asJSON := flag.Bool("json", false, "print JSON, as -against asks of the programs it builds")
	flag.Parse()

	show := printTable
	if *asJSON {
		show = func(w io.Writer, list []result) error { return json.NewEncoder(w).Encode(list) }
	}
	err := func() error {
		if s.cycles < 1 {
			return errors.New("-cycles is how many, one at least")
		}
		if *against != "" {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) // so that its files are removed
			defer stop()
			return compare(ctx, os.Stdout, *against, s)
		}
		list, err := s.measure()
		if err != nil {
			return err
		}
		return show(os.Stdout, list)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure runs the cases that were asked for.
func (s settings) measure() ([]result, error) {
	only, err := regexp.Compile(s.only)
	if err != nil {
		return nil, err
	}
	var list []result
	for _, c := range cases {
		if !only.MatchString(c.name) {
			continue
		}
		r, err := c.measure(s.cycles, s.slice)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		list = append(list, r)
	}
	if list == nil {
		return nil, fmt.Errorf("no case matches -run %q", s.only)
	}
	return list, nil
}

func printTable(w io.Writer, list []result) error {
	_, err := fmt.Fprintf(w, "%-28s %9s %19s %19s %19s\n%-28s %9s %9s %9s %9s %9s %9s %9s\n",
		"jot beside golang-jwt", "", "ns", "allocations", "bytes",
		"", "ratio", "jot", "g-jwt", "jot", "g-jwt", "jot", "g-jwt")
	for _, r := range list {
		if err == nil {
			_, err = fmt.Fprintf(w, "%-28s %9.3f %9.0f %9.0f %9d %9d %9d %9d\n",
				r.Name, r.Ratio, r.Jot.NS, r.Peer.NS, r.Jot.Allocs, r.Peer.Allocs, r.Jot.Bytes, r.Peer.Bytes)
		}
	}
	return err
}
