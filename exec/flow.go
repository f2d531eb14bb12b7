package exec

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sequencer-go/seq/internal/graph/indexset"
	"github.com/sequencer-go/seq/plan"
)

// flow is the state of one Execute of [Dataflow], shared by its workers: which steps wait for which, and
// which are ready. A step is known by its place in turn, the order in which all would start if all were
// ready.
type flow struct {
	next  func(i int) []int // who waits for step i
	turn  []int32           // the step at each place; nil: they stand in plan order
	place []int32           // of each step

	// Steps that wait for nothing are handed out by counting, without the lock, while no other step is
	// ready. With the lock for each, a walk of 10,000 of them that do nothing takes 1.6 times the processor
	// time on two processors (bench, Walk/load=a); a whole Run on memory 1 %.
	first      []int32      // their places, in turn
	firstTaken atomic.Int64 // how many of them have been handed out; may exceed their number
	anyReady   atomic.Bool  // whether ready holds a step; written under mu, read without

	start   func()       // starts another worker
	room    atomic.Int32 // how many may still be started; may fall below 0
	stopped atomic.Bool

	mu      sync.Mutex
	wake    sync.Cond    // a step has become ready, all are handed out, or stopped
	waiting []int        // for how many unsettled steps each step waits
	ready   indexset.Set // places of the steps that may start, without first
	count   int          // how many are in ready
	left    int          // steps, without first, that have not been handed out
	idle    int          // workers in wake.Wait that have not been signalled
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

// take tells that step done has settled (-1: none), and returns a step to do. It blocks while none is ready
// and some are still to come; ok is false when all are handed out, or the flow was stopped.
func (f *flow) take(done int) (i int, ok bool) {
	var waiting []int
	if done >= 0 {
		waiting = f.next(done)
	}
	if len(waiting) == 0 && !f.anyReady.Load() && !f.stopped.Load() {
		if n := int(f.firstTaken.Add(1)); n <= len(f.first) {
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
			f.count++
		}
	}
	i, ok = f.pop()
	if ok && (f.count > 0 || f.firstTaken.Load() < int64(len(f.first))) {
		f.wakeOne() // there is more, and whoever takes that sees to the rest
	}
	f.publishReady()
	return i, ok
}

// publishReady makes anyReady say what count does. The caller holds mu.
func (f *flow) publishReady() {
	if ready := f.count > 0; ready != f.anyReady.Load() { // a store would cost the readers a cache miss
		f.anyReady.Store(ready)
	}
}

// pop takes the step that comes first in turn, from first or from ready, and waits for one if need be.
// The caller holds mu; first is taken from without it, hence the compare-and-swap.
func (f *flow) pop() (i int, ok bool) {
	for !f.stopped.Load() {
		at, found := f.ready.First()
		n := f.firstTaken.Load()
		more := n < int64(len(f.first))
		switch {
		case more && (!found || int(f.first[n]) < at):
			if f.firstTaken.CompareAndSwap(n, n+1) {
				return f.step(int(f.first[n])), true
			}
		case found:
			f.ready.Remove(at)
			f.count--
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

// wakeOne wakes a worker that waits, or starts another. The caller holds mu.
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
