package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq"
)

// ErrTimeout is the cause of a context that [Timeout] ended. It matches
// context.DeadlineExceeded.
var ErrTimeout = fmt.Errorf("time-out: %w", context.DeadlineExceeded)

// Timeout ends the op's context after d on the run's clock, in either direction. Inside [Retry]
// it bounds each attempt, outside all of them. An op that does not heed its context is waited
// for all the same: it is never run twice at a time, and never left behind. What an op returns
// late, without an error, is a success.
func Timeout(d time.Duration) seq.Middleware {
	m := seq.Middleware{Name: "timeout", Layer: seq.LayerCall}
	if d <= 0 {
		m.Err = fmt.Errorf("%w: timeout of %s", ErrRange, d)
		return m
	}
	m.Step = func(next seq.Handler) seq.Handler {
		return func(ctx context.Context, call *seq.Call) error {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			stop := call.Clock().AfterFunc(d, func() { cancel(ErrTimeout) })
			defer stop()
			err := next(ctx, call)
			if err != nil && errors.Is(context.Cause(ctx), ErrTimeout) {
				return fmt.Errorf("%w after %s: %w", ErrTimeout, d, err)
			}
			return err
		}
	}
	return m
}
