package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/internal/opctx"
)

// ErrTimeout is the cause of a context that [Timeout] ended, and matches what the op's error then
// becomes. It matches context.DeadlineExceeded.
var ErrTimeout = fmt.Errorf("time-out: %w", context.DeadlineExceeded)

// timeoutError is what an op returned after its time was up.
type timeoutError struct {
	after time.Duration
	err   error
}

func (e *timeoutError) Error() string {
	if errors.Is(e.err, context.Canceled) || errors.Is(e.err, ErrTimeout) {
		return fmt.Sprintf("time-out after %s", e.after)
	}
	return fmt.Sprintf("time-out after %s: %v", e.after, e.err)
}

func (e *timeoutError) Unwrap() []error { return []error{ErrTimeout, e.err} }

// Timeout ends the op's context after d on the run's clock, in either direction. What counts is the
// op's own time: not how long it waits for its turn at a database that has one writer. (The context has
// no Deadline, because that would be one of the wall clock.) Inside [Retry]
// it bounds each attempt, outside all of them. An op that does not heed its context is waited
// for all the same: it is never run twice at a time, and never left behind. What an op returns
// late, without an error, is a success.
func Timeout(d time.Duration) Middleware {
	m := Middleware{Name: "timeout", Layer: LayerCall}
	if d <= 0 {
		m.Err = fmt.Errorf("%w: timeout of %s", ErrRange, d)
		return m
	}
	m.Step = func(next Handler) Handler {
		return func(ctx context.Context, call *Call) error {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			stop := func() bool { return true }
			defer func() { stop() }()
			start := func() { stop = call.Clock.AfterFunc(d, func() { cancel(ErrTimeout) }) }
			if a := opctx.Of(ctx); a != nil {
				a.AtCall(start)
			} else {
				start()
			}
			err := next(ctx, call)
			if err != nil && errors.Is(context.Cause(ctx), ErrTimeout) {
				return &timeoutError{d, err}
			}
			return err
		}
	}
	return m
}
