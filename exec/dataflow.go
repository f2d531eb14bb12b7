package exec

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/indexset"
)

// Dataflow does each step as soon as its own After have settled, at most n at a time, whatever
// wave it is in. Of the steps that are ready, the first in plan order starts first. n is as for
// [Parallel].
func Dataflow(n int) seq.Executor {
	n = width(n)
	return seq.ExecutorFunc(func(ctx context.Context, walk *seq.Walk) error {
		f := newFlow(walk.Plan().Steps)
		var group errgroup.Group
		for range min(n, len(walk.Plan().Steps)) {
			group.Go(func() error { return f.work(ctx, walk) })
		}
		return group.Wait()
	})
}

// flow is the state of a dataflow: who waits for whom, and who is ready.
type flow struct {
	next func(i int) []int // who waits for step i

	mu      sync.Mutex
	wake    sync.Cond
	waiting []int // how many steps each waits for
	ready   indexset.Set
	left    int // steps that have not been handed out
	stopped bool
}

func newFlow(steps []seq.Step) *flow {
	f := &flow{left: len(steps), ready: indexset.New(len(steps))}
	f.wake.L = &f.mu
	f.next, f.waiting = seq.Dependents(steps)
	for i, n := range f.waiting {
		if n == 0 {
			f.ready.Add(i)
		}
	}
	return f
}

// work does steps until none is left or one failed.
func (f *flow) work(ctx context.Context, walk *seq.Walk) error {
	for done := -1; ; {
		i, ok := f.take(done)
		if !ok {
			return nil
		}
		if err := walk.Do(ctx, i); err != nil {
			f.stop()
			return err
		}
		done = i
	}
}

// take notes that a step is done (-1: none) and waits for one that is ready.
func (f *flow) take(done int) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if done >= 0 {
		freed := 0
		for _, j := range f.next(done) {
			if f.waiting[j]--; f.waiting[j] == 0 {
				f.ready.Add(j)
				freed++
			}
		}
		for ; freed > 1; freed-- { // the first is for this worker itself
			f.wake.Signal()
		}
	}
	for {
		if f.stopped || f.left == 0 {
			f.wake.Broadcast()
			return 0, false
		}
		if i, ok := f.ready.TakeFirst(); ok {
			f.left--
			return i, true
		}
		f.wake.Wait()
	}
}

func (f *flow) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.wake.Broadcast()
}
