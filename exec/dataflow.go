package exec

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sequencer-go/seq/plan"
)

// Dataflow does each step as soon as its own After have settled, at most n at a time, whatever
// wave it is in. Of the steps that are ready, the one with the longest chain of others waiting
// behind it starts first, because that chain may decide when the run ends (Hu, Parallel sequencing
// and assembly line problems, 1961); of equal ones, and always when n is 1, the first in plan
// order. n is as for [Parallel].
func Dataflow(n int) Executor {
	n = width(n)
	return Func(func(ctx context.Context, walk Walk) error {
		steps := walk.Plan().Steps
		if n == 1 || chain(steps) {
			return Serial().Execute(ctx, walk)
		}
		f := newFlow(steps)
		var workers errgroup.Group
		work := func() error {
			for i, ok := f.take(-1); ok; i, ok = f.take(i) {
				if err := walk.Do(ctx, i); err != nil {
					f.stop()
					return err
				}
			}
			return nil
		}
		f.room.Store(int32(min(n, len(steps)) - 1)) // but for the one that starts here
		f.start = func() { workers.Go(work) }
		f.start()
		return workers.Wait()
	})
}

// chain reports whether each step waits for the one before: then there is never a choice.
func chain(steps []plan.Step) bool {
	for i := 1; i < len(steps); i++ {
		if !slices.Contains(steps[i].After, i-1) {
			return false
		}
	}
	return true
}
