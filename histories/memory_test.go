//go:build unix

package histories_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/memstore"
)

// In memory there is one process, which has one clock, and yet callers at once; here their clocks are apart all the
// same, and nothing fails.
func TestMemory(t *testing.T) {
	for seed := range uint64(20) {
		store := memstore.New()
		subject := fmt.Sprint("seed ", seed)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		var out [3]bytes.Buffer
		began := monotonic()
		for i := range out {
			group.Go(func() {
				(&users{process: i, store: store, record: &recorder{out: &out[i]}, round: round{
					Seed: seed, Clock: clock{epoch, began, time.Duration(i-1) * time.Second},
					Subjects: []string{subject}, Users: 2, Grace: 50 * time.Millisecond,
					Loose: 4, Logouts: 20, Everyone: 2,
					Patience: time.Minute, Pause: time.Millisecond, Lasting: true, // what is over it counts in seconds
				}}).run(ctx)
			})
		}
		<-time.After(40 * time.Millisecond)
		cancel()
		group.Wait()
		var history []operation
		for i := range out {
			operations, _, err := read(&out[i], 100*i)
			require.NoError(t, err)
			history = append(history, operations...)
		}
		history = bySubject(history)[subject]
		if judge(history, time.Minute) != porcupine.Ok {
			require.Fail(t, "not to be explained", tell(shrink(history, time.Minute)))
		}
	}
}
