package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/go-jot/jot"
)

// rotation replaces the key that signs access tokens, again and again, so that no token is lost by it: the next key is
// published, signs when all services know it, and the former one is retired when the last token of it has expired.
//
// Refresh tokens have a key of their own that stays: they live for a month, for which a former key would have to be
// kept.
type rotation struct {
	file string
	keys keys
	set  *jot.KeySet
	out  io.Writer
	times
}

func newRotation(cfg config, out io.Writer) (*rotation, error) {
	r := &rotation{file: cfg.keys, out: out, times: cfg.times}
	var err error
	if r.keys, err = loadKeys(r.file); err != nil {
		return nil, fmt.Errorf("-keys %s: %w", r.file, err)
	}
	var others []jot.Key
	for _, k := range []*key{r.keys.Next, r.keys.Former} {
		if k != nil {
			others = append(others, k.Key)
		}
	}
	r.set, err = jot.NewKeySet(r.keys.Current.Key, others...)
	return r, err
}

// run takes one step after the other until ctx ends. The file says which one is next, so that a process that was killed
// goes on with what it was at. It then waits as long as ever, because nobody knows for how long it was away.
func (r *rotation) run(ctx context.Context) {
	for {
		wait, step := r.rotate, r.publish
		switch {
		case r.keys.Next != nil:
			// KeySet.Promote wants ten minutes here, because others may keep what JWKSHandler shows for five: take that
			// where services are not your own. These ask every r.refetch, whatever the answer says, and so three times.
			wait, step = 3*r.refetch, r.promote
		case r.keys.Former != nil:
			wait, step = r.keep, r.retire
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if err := step(); err != nil {
			_, _ = fmt.Fprintln(r.out, "the key is not replaced yet:", err)
		}
	}
}

func (r *rotation) publish() error {
	next, err := newKey()
	if err != nil {
		return err
	}
	return r.step("publish", next, keys{r.keys.Refresh, r.keys.Current, next, nil}, r.set.Publish)
}

func (r *rotation) promote() error {
	next := r.keys.Next
	return r.step("promote", next, keys{r.keys.Refresh, next, nil, r.keys.Current}, r.set.InsecurePromoteNow)
}

func (r *rotation) retire() error {
	return r.step("retire", r.keys.Former, keys{r.keys.Refresh, r.keys.Current, nil, nil}, r.set.Retire)
}

// step does what changes a key, but first to the file: nobody must see what a restart could forget.
func (r *rotation) step(verb string, k *key, after keys, change func(jot.Key) error) error {
	if err := after.save(r.file); err != nil {
		return err
	}
	if err := change(k.Key); err != nil {
		return err
	}
	r.keys = after
	_, _ = fmt.Fprintf(r.out, "%s the key %s\n", verb, k.ID())
	return nil
}
