package exec

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sequencer-go/seq/internal/graph/indexset"
	"github.com/sequencer-go/seq/plan"
)

// flow is the state of a dataflow: who waits for whom, and who is ready. A step is known by its place
// in turn, which is the order in which all would start if they were ready.
type flow struct {
	next  func(i int) []int // who waits for step i
	turn  []int32           // the step at each place; nil: they stand in plan order
	place []int32           // of each step

	// Those that wait for nothing are handed out by counting while nothing else is ready. A lock for
	// each of them is what workers with short steps would spend their time on.
	first []int32      // their places, in turn
	given atomic.Int64 // how many of them have been handed out, or more
	some  atomic.Bool  // whether others are ready

	start   func()       // starts another worker
	room    atomic.Int32 // how many may still be started
	stopped atomic.Bool

	mu      sync.Mutex
	wake    sync.Cond
	waiting []int        // how many steps each waits for
	ready   indexset.Set // of places, without first
	many    int          // how many are in it
	left    int          // steps, without first, that have not been handed out
	idle    int          // how many workers wait, and have not been told to wake up
}

func newFlow(steps []plan.Step) *flow {
	f := &flow{ready: indexset.New(len(steps))}
	f.wake.L = &f.mu
	f.next, f.waiting = plan.Dependents(steps)
	f.inTurn()
	for at := range steps {
		if f.waiting[f.step(at)] == 0 {
			f.first = append(f.first, int32(at))
		}
	}
	f.left = len(steps) - len(f.first)
	return f
}

// inTurn sorts the steps, those with the longest chain behind them first, by counting.
func (f *flow) inTurn() {
	behind := make([]int32, len(f.waiting)) // the length of the longest chain behind each step
	longest := int32(0)
	for i := range slices.Backward(behind) {
		for _, j := range f.next(i) {
			behind[i] = max(behind[i], behind[j]+1)
		}
		longest = max(longest, behind[i])
	}
	if longest == 0 {
		return
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

func (f *flow) step(at int) int {
	if f.turn == nil {
		return at
	}
	return int(f.turn[at])
}

func (f *flow) placeOf(i int) int {
	if f.place == nil {
		return i
	}
	return int(f.place[i])
}

// take notes that step done has settled (-1: none) and waits for one that is ready.
func (f *flow) take(done int) (i int, ok bool) {
	var waiting []int
	if done >= 0 {
		waiting = f.next(done)
	}
	if len(waiting) == 0 && !f.some.Load() && !f.stopped.Load() {
		if n := int(f.given.Add(1)); n <= len(f.first) {
			if n < len(f.first) {
				f.startWorker()
			}
			return f.step(int(f.first[n-1])), true
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range waiting {
		if f.waiting[j]--; f.waiting[j] == 0 {
			f.ready.Add(f.placeOf(j))
			f.many++
		}
	}
	i, ok = f.pop()
	if ok && (f.many > 0 || f.given.Load() < int64(len(f.first))) {
		f.wakeOne() // there is more, and whoever takes that sees to the rest
	}
	f.publishReady()
	return i, ok
}

// publishReady lets take see without the lock whether others than the first are ready.
func (f *flow) publishReady() {
	if some := f.many > 0; some != f.some.Load() {
		f.some.Store(some)
	}
}

// pop takes the first of those that are ready, when there are any.
func (f *flow) pop() (i int, ok bool) {
	for !f.stopped.Load() {
		at, found := f.ready.First()
		n := f.given.Load()
		more := n < int64(len(f.first))
		switch {
		case more && (!found || int(f.first[n]) < at):
			if f.given.CompareAndSwap(n, n+1) {
				return f.step(int(f.first[n])), true
			}
		case found:
			f.ready.Remove(at)
			f.many--
			f.left--
			return f.step(at), true
		case f.left > 0:
			f.publishReady()
			f.idle++
			f.wake.Wait()
		default:
			f.wake.Broadcast()
			return 0, false
		}
	}
	return 0, false
}

// wakeOne wakes a worker that waits, or starts another.
func (f *flow) wakeOne() {
	if f.idle == 0 {
		f.startWorker()
		return
	}
	f.idle--
	f.wake.Signal()
}

// startWorker starts another worker, if there may be one.
func (f *flow) startWorker() {
	if f.room.Load() > 0 && f.room.Add(-1) >= 0 {
		f.start()
	}
}

func (f *flow) stop() {
	f.stopped.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake.Broadcast()
}
