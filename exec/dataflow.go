package exec

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/indexset"
)

// Dataflow does each step as soon as its own After have settled, at most n at a time, whatever
// wave it is in. Of the steps that are ready, the one with the longest chain of others waiting
// behind it starts first, because that chain may decide when the run ends (Hu, Parallel sequencing
// and assembly line problems, 1961); of equal ones, and always when n is 1, the first in plan
// order. n is as for [Parallel].
func Dataflow(n int) seq.Executor {
	n = width(n)
	return seq.ExecutorFunc(func(ctx context.Context, walk *seq.Walk) error {
		f := newFlow(walk.Plan().Steps, n > 1)
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
	waiting []int        // how many steps each waits for
	ready   indexset.Set // of places in turn
	turn    []int        // the steps in the order in which they start, if all are ready
	place   []int        // of each step in turn
	left    int          // steps that have not been handed out
	stopped bool
}

func newFlow(steps []seq.Step, longestFirst bool) *flow {
	f := &flow{left: len(steps), ready: indexset.New(len(steps))}
	f.wake.L = &f.mu
	f.next, f.waiting = seq.Dependents(steps)
	behind := make([]int, len(steps)) // the length of the longest chain behind each step
	if longestFirst {
		for i := range slices.Backward(steps) {
			for _, j := range f.next(i) {
				behind[i] = max(behind[i], behind[j]+1)
			}
		}
	}
	f.inTurn(behind)
	for i, n := range f.waiting {
		if n == 0 {
			f.ready.Add(f.place[i])
		}
	}
	return f
}

// inTurn sorts the steps, those with the longest chain behind them first, by counting.
func (f *flow) inTurn(behind []int) {
	f.turn, f.place = make([]int, len(behind)), make([]int, len(behind))
	longest := 0
	for _, n := range behind {
		longest = max(longest, n)
	}
	next := make([]int, longest+2)
	for _, n := range behind {
		next[longest-n+1]++
	}
	for k := range longest {
		next[k+1] += next[k]
	}
	for i, n := range behind {
		at := next[longest-n]
		next[longest-n]++
		f.turn[at], f.place[i] = i, at
	}
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
				f.ready.Add(f.place[j])
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
		if at, ok := f.ready.TakeFirst(); ok {
			f.left--
			return f.turn[at], true
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
