package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// An operation that calls an API which is down at first. One attempt stands in the ledger, however often
// it was tried.
func ExampleRetry() {
	tries := 0
	report, err := seq.New(store.NewMemory(), seq.Op{ID: "2024_01_15_120000_call", Run: func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("503")
		}
		return nil
	}}).Use(middleware.Retry(5, time.Nanosecond)).Run(context.Background())
	step := report.Step("2024_01_15_120000_call")
	fmt.Println(err, step.State, "attempt", step.Attempt, "retries", step.Retries)
	// Output: <nil> succeeded attempt 1 retries 2
}

// A limit for each attempt: Timeout stands inside Retry.
func ExampleTimeout() {
	_, err := seq.New(store.NewMemory(), seq.Op{ID: "2024_01_15_120000_hangs", Run: func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}}).Use(middleware.Timeout(time.Nanosecond)).Run(context.Background())
	fmt.Println(errors.Is(err, middleware.ErrTimeout))
	// Output: true
}

// A failed run undoes what it did, whichever strategy it has.
func ExampleSaga() {
	undone := func(context.Context) error { fmt.Println("undone"); return nil }
	report, _ := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_create", Run: func(context.Context) error { return nil }, Rollback: undone},
		seq.Op{ID: "2024_01_15_120100_fill", Run: func(context.Context) error { return errors.New("out of disk") }},
	).Use(strategies.Sequential(), middleware.Saga()).Run(context.Background())
	fmt.Println(report.State)
	// Output:
	// undone
	// rolled-back
}

// One's own middleware: it surrounds each attempt, and hears of what happens.
func ExampleMiddleware() {
	_, err := seq.New(store.NewMemory(), seq.Op{ID: "2024_01_15_120000_fill", Run: func(context.Context) error { return nil }}).Use(middleware.Middleware{
		Name:  "example",
		Layer: middleware.LayerCall,
		Step: func(next middleware.Handler) middleware.Handler {
			return func(ctx context.Context, call *middleware.Call) error {
				fmt.Println("attempt", call.Attempt, "at", call.Step.ID)
				return next(ctx, call)
			}
		},
		Watch: func(e middleware.Event) {
			if e.Kind == middleware.EventSettled {
				fmt.Println(e.ID, e.State)
			}
		},
	}).Run(context.Background())
	fmt.Println(err)
	// Output:
	// attempt 1 at 2024_01_15_120000_fill
	// 2024_01_15_120000_fill succeeded
	// <nil>
}
