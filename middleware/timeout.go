package middleware

import (
	"context"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/internal/timelimit"
)

// ErrTimeout is the cause of a context that [Timeout] or an op's own Timeout ended, and matches what the
// op's error then becomes. It matches context.DeadlineExceeded.
var ErrTimeout = timelimit.ErrTimeout

// Timeout ends the op's context after d on the run's clock, in either direction. What counts is the
// op's own time: not how long it waits for its turn at a database that has one writer. (The context has
// no Deadline, because that would be one of the wall clock.) Inside [Retry]
// it bounds each attempt, outside all of them. An op that does not heed its context is waited
// for all the same: it is never run twice at a time, and never left behind. What an op returns
// late, without an error, is a success.
//
// An op that has a Timeout of its own goes by that alone, which bounds each call.
func Timeout(d time.Duration) Middleware {
	m := Middleware{Name: "timeout", Layer: LayerCall}
	if d <= 0 {
		m.Err = fmt.Errorf("%w: timeout of %s", ErrRange, d)
		return m
	}
	m.Step = func(next Handler) Handler {
		return func(ctx context.Context, call *Call) error {
			if call.Step.Timeout > 0 { // the engine sees to it
				return next(ctx, call)
			}
			return timelimit.Within(ctx, call.Clock, d, func(ctx context.Context) error { return next(ctx, call) })
		}
	}
	return m
}
