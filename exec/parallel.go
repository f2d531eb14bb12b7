package exec

import (
	"context"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Parallel does the steps of a wave side by side, at most n at a time, and starts the next wave
// when all of them have settled. n < 1 means a default for work that mostly waits for a
// database: eight for each processor Go may use, at least 16.
func Parallel(n int) Executor {
	n = width(n)
	return Func(func(ctx context.Context, walk Walk) error {
		steps := walk.Plan().Steps
		for from := 0; from < len(steps); {
			to := from + 1
			for to < len(steps) && steps[to].Wave == steps[from].Wave {
				to++
			}
			if err := wave(ctx, walk, n, from, to); err != nil {
				return err
			}
			from = to
		}
		return nil
	})
}

// wave does the steps from up to, not including, to. Workers take them in plan order; a step that
// was taken is done, whatever becomes of one behind it.
func wave(ctx context.Context, walk Walk, n, from, to int) error {
	if to == from+1 {
		return walk.Do(ctx, from)
	}
	var next atomic.Int64
	var stop atomic.Bool
	next.Store(int64(from))
	var group errgroup.Group
	for range min(n, to-from) {
		group.Go(func() error {
			mine := -1 // the step that this worker took
			take := func() int {
				mine = -1
				if !stop.Load() {
					if i := int(next.Add(1)) - 1; i < to {
						mine = i
					}
				}
				return mine
			}
			for take(); mine >= 0; {
				i := mine
				if err := walk.DoThen(ctx, i, take); err != nil {
					stop.Store(true)
					return err
				}
				if mine == i { // not asked what comes next
					take()
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func width(n int) int {
	if n < 1 {
		return max(16, 8*runtime.GOMAXPROCS(0))
	}
	return n
}
