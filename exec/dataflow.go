package exec

import (
	"cmp"
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
		var others errgroup.Group
		f.room = min(n, len(walk.Plan().Steps)) - 1
		f.start = func() { others.Go(func() error { return f.work(ctx, walk) }) }
		err := f.work(ctx, walk)
		return cmp.Or(err, others.Wait())
	})
}

// flow is the state of a dataflow: who waits for whom, and who is ready.
type flow struct {
	next func(i int) []int // who waits for step i

	mu      sync.Mutex
	wake    sync.Cond
	waiting []int        // how many steps each waits for
	ready   indexset.Set // of places in turn
	turn    []int32      // the steps in the order in which they start, if all are ready; nil: that of the plan
	place   []int32      // of each step in turn
	left    int          // steps that have not been handed out
	stopped bool

	start func() // another worker
	room  int    // how many may still be started
	idle  int    // how many wait, and have not been told to wake up
}

func newFlow(steps []seq.Step, longestFirst bool) *flow {
	f := &flow{left: len(steps), ready: indexset.New(len(steps))}
	f.wake.L = &f.mu
	f.next, f.waiting = seq.Dependents(steps)
	if longestFirst {
		f.inTurn()
	}
	for i, n := range f.waiting {
		if n == 0 {
			f.ready.Add(f.placeOf(i))
		}
	}
	return f
}

// inTurn sorts the steps, those with the longest chain behind them first, by counting.
func (f *flow) inTurn() {
	behind := make([]int32, f.left) // the length of the longest chain behind each step
	longest := int32(0)
	for i := range slices.Backward(behind) {
		for _, j := range f.next(i) {
			behind[i] = max(behind[i], behind[j]+1)
		}
		longest = max(longest, behind[i])
	}
	if longest == 0 {
		return // they are in turn
	}
	f.turn, f.place = make([]int32, len(behind)), behind
	next := make([]int32, longest+2)
	for _, n := range behind {
		next[longest-n+1]++
	}
	for k := range longest {
		next[k+1] += next[k]
	}
	for i, n := range behind {
		at := next[longest-n]
		next[longest-n]++
		f.turn[at], f.place[i] = int32(i), at
	}
}

// placeOf is the place of a step in turn.
func (f *flow) placeOf(i int) int {
	if f.place == nil {
		return i
	}
	return int(f.place[i])
}

// stepAt is the step at a place.
func (f *flow) stepAt(at int) int {
	if f.turn == nil {
		return at
	}
	return int(f.turn[at])
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
		for _, j := range f.next(done) {
			if f.waiting[j]--; f.waiting[j] == 0 {
				f.ready.Add(f.placeOf(j))
			}
		}
	}
	for {
		if f.stopped || f.left == 0 {
			f.wake.Broadcast()
			return 0, false
		}
		if at, ok := f.ready.TakeFirst(); ok {
			f.left--
			f.enlist()
			return f.stepAt(at), true
		}
		f.idle++
		f.wake.Wait()
	}
}

// enlist finds a worker for what else is ready, who will find the next.
func (f *flow) enlist() {
	switch {
	case f.ready.Empty():
	case f.idle > 0:
		f.idle--
		f.wake.Signal()
	case f.room > 0:
		f.room--
		f.start()
	}
}

func (f *flow) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.wake.Broadcast()
}
