package middleware

import (
	"context"

	"github.com/sequencer-go/seq"
)

// Await blocks the run until steps that are not due have had their turn as well. While it waits
// it holds no lease; what another process does meanwhile counts as done.
func Await() seq.Middleware {
	return seq.Middleware{Name: "await", Layer: seq.LayerWait, Run: func(next seq.Executor) seq.Executor {
		return seq.ExecutorFunc(func(ctx context.Context, walk *seq.Walk) error {
			for {
				if err := next.Execute(ctx, walk); err != nil {
					return err
				}
				at, more := walk.Due()
				if !more {
					return nil
				}
				if err := walk.Suspend(ctx, at); err != nil {
					return err
				}
			}
		})
	}}
}
