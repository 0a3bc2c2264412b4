package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// What this program is built by.
var (
	//go:embed go.mod
	goMod []byte
	//go:embed go.sum
	goSum []byte
)

// compare prints what has changed from the jot in dir to the one beside this program. Both are measured by programs of
// this source, so that the cases are the same.
func compare(ctx context.Context, w io.Writer, dir string, s settings) error {
	temp, err := os.MkdirTemp("", "jot-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	programs := [2]string{filepath.Join(temp, "old"), filepath.Join(temp, "new")}
	for i, checkout := range []string{dir, ".."} {
		if err := build(ctx, programs[i], checkout); err != nil {
			return err
		}
	}
	var rounds [2][][]result // of old and new
	for range s.cycles {
		first := rand.N(2) //nolint:gosec // the order is no secret
		for _, i := range []int{first, 1 - first} {
			list, err := s.ask(ctx, programs[i])
			if err != nil {
				return fmt.Errorf("%s: %w", filepath.Base(programs[i]), err)
			}
			rounds[i] = append(rounds[i], list)
		}
	}
	return printChanges(w, rounds[0], rounds[1])
}

// build makes this program with the jot of another directory: by a copy of go.mod that says so.
func build(ctx context.Context, program, checkout string) error {
	checkout, err := filepath.Abs(checkout)
	if err != nil {
		return err
	}
	err = errors.Join(os.WriteFile(program+".mod", goMod, 0o600), os.WriteFile(program+".sum", goSum, 0o600))
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mod", "edit", "-replace=github.com/go-jot/jot=" + checkout, program + ".mod"},
		// Its dependencies may differ from ours, hence -mod=mod.
		{"build", "-modfile=" + program + ".mod", "-mod=mod", "-buildvcs=false", "-trimpath", "-o", program, "."},
	} {
		cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // whoever runs this names the directory
		cmd.Env = append(os.Environ(), "GOWORK=off")
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("the jot in %s lacks something that these cases need, or does not build:\n%s",
				checkout, output)
		}
	}
	return nil
}

// ask runs a program for one cycle. Each is a new process, since where memory happens to lie makes some faster.
func (s settings) ask(ctx context.Context, program string) ([]result, error) {
	args := []string{"-json", "-cycles", strconv.Itoa(1), "-slice", s.slice.String(), "-run", s.only}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // it was just built
	cmd.Stderr = os.Stderr                            // what the packages log
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	var list []result
	return list, json.Unmarshal(text, &list)
}

// printChanges shows rounds of old and new beside each other. Its error says that a case allocates more often.
func printChanges(w io.Writer, before, after [][]result) error {
	_, err := fmt.Fprintf(w, "%-28s %9s %19s %19s\n%-28s %9s %9s %9s %9s %9s\n",
		"", "new/old", "beside golang-jwt", "allocations", "", "", "old", "new", "old", "new")
	for i, c := range before[0] {
		var changes, was, is, wasAllocs, isAllocs []float64
		for round := range before {
			o, n := before[round][i], after[round][i]
			changes = append(changes, n.Ratio/o.Ratio)
			was, is = append(was, o.Ratio), append(is, n.Ratio)
			wasAllocs, isAllocs = append(wasAllocs, float64(o.Jot.Allocs)), append(isAllocs, float64(n.Jot.Allocs))
		}
		mark := ""
		if median(isAllocs) > median(wasAllocs) {
			mark = "  more"
			err = errors.New("some case allocates more often than before")
		}
		_, _ = fmt.Fprintf(w, "%-28s %9.3f %9.3f %9.3f %9.0f %9.0f%s\n",
			c.Name, median(changes), median(was), median(is), median(wasAllocs), median(isAllocs), mark)
	}
	return err
}
