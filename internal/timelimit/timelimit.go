// Package timelimit bounds a call on a clock that need not be the wall clock.
package timelimit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/internal/verdict"
)

// ErrTimeout is the cause of a context that [Within] ended. It matches context.DeadlineExceeded.
var ErrTimeout = fmt.Errorf("time-out: %w", context.DeadlineExceeded)

// timeoutError is what a call returned after its time was up.
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

// Within makes a call and ends its context after d. The time runs from when the op is called, if ctx is
// that of an attempt. It returns when the call has returned. A call that returns late without an error,
// or that skips its step, counts as in time.
func Within(ctx context.Context, c clock.Clock, d time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := func() bool { return true }
	defer func() { stop() }()
	start := func() { stop = c.AfterFunc(d, func() { cancel(ErrTimeout) }) }
	if a := opctx.Of(ctx); a != nil {
		a.AtCall(start)
	} else {
		start()
	}
	err := call(ctx)
	if _, skips := verdict.SkipReason(err); err != nil && !skips && errors.Is(context.Cause(ctx), ErrTimeout) {
		return &timeoutError{d, err}
	}
	return err
}
