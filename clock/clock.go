// Package clock is the time that a sequencer lives by: the wall clock in production, one that a
// test moves by hand in tests.
//
// It is a small interface over [github.com/benbjohnson/clock], so that any other clock fits.
package clock

import (
	"context"
	"time"

	bclock "github.com/benbjohnson/clock"
)

// A Clock tells the time and calls back later. Its methods are safe for concurrent use.
type Clock interface {
	// Now is the current time of this clock.
	Now() time.Time
	// AfterFunc calls f in its own goroutine once d has passed, at once if d is not positive.
	// stop prevents the call and reports whether it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Wall is the clock of the machine.
func Wall() Clock { return wrapped{bclock.New()} }

// Sleep waits until d has passed on c, or until ctx ends, whose cause it then returns.
// A d that is not positive returns at once.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	woken := make(chan struct{})
	stop := c.AfterFunc(d, func() { close(woken) })
	defer stop()
	select {
	case <-woken:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type wrapped struct{ clock bclock.Clock }

func (w wrapped) Now() time.Time { return w.clock.Now() }

func (w wrapped) AfterFunc(d time.Duration, f func()) func() bool {
	if d <= 0 {
		go f()
		return func() bool { return false }
	}
	return w.clock.AfterFunc(d, f).Stop
}
