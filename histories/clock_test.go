//go:build unix

package histories_test

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is a clock that all processes of a machine share, in ns.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	return now.Nano()
}

// clock is that of one process, for one round.
type clock struct {
	Base  time.Time // what a right one says when the round begins
	Began int64     // by the monotonic clock
	Ahead time.Duration
}

// now is in even milliseconds, and what expires does so at odd ones: at the very instant it may count or not.
func (c clock) now() time.Time { return c.at(monotonic()) }

func (c clock) at(instant int64) time.Time {
	shown := c.Base.Add(c.Ahead + time.Duration(instant-c.Began))
	return time.UnixMilli(shown.UnixMilli() &^ 1).UTC()
}

// after is when something expires.
func (c clock) after(now time.Time, life time.Duration) time.Time {
	return time.UnixMilli(now.Add(life).UnixMilli() | 1).UTC()
}
