package bounded_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/internal/bounded"
)

func TestDo(t *testing.T) {
	calls := bounded.New(time.Second)
	value, err := bounded.Do(t.Context(), calls, func(ctx context.Context) (int, error) {
		_, limited := ctx.Deadline()
		require.True(t, limited)
		return 7, nil
	})
	require.NoError(t, err)
	require.Equal(t, 7, value)

	broken := errors.New("broken")
	_, err = bounded.Do(t.Context(), calls, func(context.Context) (int, error) { return 0, broken })
	require.Equal(t, broken, err)
	require.PanicsWithValue(t, "at the disco", func() {
		_, _ = bounded.Do(t.Context(), calls, func(context.Context) (int, error) { panic("at the disco") })
	})
}

// A call that looks at no context is waited for as long as one may take, and a client that hangs up waits no longer.
func TestDoWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, stuck := bounded.New(time.Second), make(chan struct{})
		wait := func(context.Context) (bool, error) {
			<-stuck
			return true, nil
		}
		began := time.Now()
		_, err := bounded.Do(t.Context(), calls, wait)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = bounded.Do(ctx, calls, wait)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second+time.Millisecond, time.Since(began))
		close(stuck)
	})
}

// An engine that has stalled holds as many calls as there may be, and no request waits behind them. It is used again as
// soon as one of them comes back.
func TestDoOfAStalledEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, stuck := bounded.New(time.Second), make(chan struct{})
		call := func() error {
			_, err := bounded.Do(t.Context(), calls, func(context.Context) (bool, error) {
				<-stuck
				return true, nil
			})
			return err
		}
		time.Sleep(time.Hour) //nolint:forbidigo // in a bubble: a quiet night is no stall
		var all sync.WaitGroup
		for range bounded.Most {
			all.Go(func() { _ = call() })
		}
		synctest.Wait()
		began := time.Now()
		err := call()
		require.ErrorIs(t, err, context.DeadlineExceeded, "the others may only be slow")
		require.Equal(t, time.Second, time.Since(began))
		all.Wait()

		time.Sleep(time.Millisecond) //nolint:forbidigo // in a bubble
		began = time.Now()
		require.ErrorIs(t, call(), bounded.ErrStalled)
		require.Zero(t, time.Since(began))

		stuck <- struct{}{}
		synctest.Wait()
		all.Go(func() { err = call() })
		synctest.Wait()
		close(stuck)
		all.Wait()
		require.NoError(t, err)
	})
}

// Where the engine is only slow, those who come later wait for their turn.
func TestDoTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := bounded.New(time.Second)
		var all sync.WaitGroup
		for range 3 * bounded.Most {
			all.Go(func() {
				_, err := bounded.Do(t.Context(), calls, func(context.Context) (bool, error) {
					time.Sleep(100 * time.Millisecond) //nolint:forbidigo // in a bubble
					return true, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}
