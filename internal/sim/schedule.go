package sim

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// parked is a goroutine that waits to be let go.
type parked struct {
	who   *replica
	kind  step
	id    string
	rows  []string // that it is about to write; it waits while another transaction locks one
	at    time.Time
	slow  bool // was slowed down already
	let   chan struct{}
	fate  fate
	alive func() bool // false: its context has ended, so it waits for no lock
	ready func() bool // what it waits for has come; nil: it waits for nothing
}

// step says what a goroutine is about to do.
type step string

// The steps.
const (
	stepLoad    step = "load"
	stepHistory step = "history"
	stepRuns    step = "runs"
	stepAcquire step = "acquire"
	stepRenew   step = "renew"
	stepRelease step = "release"
	stepWrite   step = "write"
	stepBegin   step = "begin"  // a transaction
	stepCommit  step = "commit" // it
	stepOp      step = "op"     // inside an op
	stepDo      step = "do"     // an executor starts a step
	stepLife    step = "life"   // a replica starts or has returned
	stepControl step = "read a request"
	stepAsk     step = "ask"
	stepAnswer  step = "answer"
	stepRevoke  step = "revoke"
	stepLives   step = "who lives"
	stepHear    step = "hear" // that the run is to end
	stepMail    step = "mail" // the transport of a fleet
	stepTake    step = "take" // an order
)

// stored reports whether the step is a call of the store, and whether it writes.
func (s step) stored() (call, writes bool) {
	switch s {
	case stepLoad, stepHistory, stepRuns, stepBegin, stepControl, stepLives:
		return true, false
	case stepAcquire, stepRenew, stepRelease, stepWrite, stepCommit, stepAsk, stepAnswer, stepRevoke:
		return true, true
	default:
		return false, false
	}
}

// yield parks the caller until the scheduler lets it go, and says what happens to it then. A
// dead replica is not parked, and may not do anything.
func (r *replica) yield(kind step, id string, rows []string, alive func() bool) fate {
	return r.park(&parked{kind: kind, id: id, rows: rows, alive: alive})
}

// awaits is yield for who waits until something is ready.
func (r *replica) awaits(kind step, id string, ready func() bool) fate {
	return r.park(&parked{kind: kind, id: id, ready: ready})
}

func (r *replica) park(p *parked) fate {
	w := r.world
	if r.gone() {
		return fate{dead: true}
	}
	p.who, p.let = r, make(chan struct{})
	w.mu.Lock()
	w.parked = append(w.parked, p)
	w.mu.Unlock()
	w.notify()
	<-p.let
	if r.gone() {
		return fate{dead: true}
	}
	return p.fate
}

// notify wakes the scheduler when it waits for something to happen.
func (w *World) notify() {
	select {
	case w.arrived <- struct{}{}:
	default:
	}
}

// maxEvents bounds one seed; what needs more makes no progress.
const maxEvents = 6000

// most is how many events this world may have: who works renews two leases and reads each second, who
// waits for workers asks the ledger.
func (w *World) most() int {
	if w.background || w.mail != nil {
		return 2 * maxEvents
	}
	return maxEvents
}

// schedule lets one goroutine go at a time until every life is over.
func (w *World) schedule() {
	for {
		w.wait()
		w.tick()
		if w.bury() {
			continue
		}
		if w.done.Load() {
			return
		}
		if w.violation != nil || w.events > w.most() {
			w.stop()
			continue
		}
		ready := w.ready()
		if len(ready) == 0 {
			w.idle()
			continue
		}
		w.events++
		if w.disturb() {
			continue
		}
		p := ready[w.rng.IntN(len(ready))]
		if w.fate(p) {
			w.leave(p)
			close(p.let)
		}
	}
}

// tick lets a moment pass in a world with a fleet, so that no two steps happen at the same time: then those who
// try again after the same pause do not wake side by side.
func (w *World) tick() {
	if w.mail != nil {
		_ = clock.Sleep(context.Background(), w.clock, 1)
		w.wait()
	}
}

// stop ends the world before its time.
func (w *World) stop() {
	w.violate(25, "still busy after %d events", w.events)
	w.over.Store(true)
	w.end()
	if !w.bury() {
		w.idle()
	}
}

// bury lets those go whose replica is dead: they find out by themselves. It reports whether there
// were any.
func (w *World) bury() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.parked)
	w.parked = slices.DeleteFunc(w.parked, func(p *parked) bool {
		if p.who.gone() {
			close(p.let)
			return true
		}
		return false
	})
	return len(w.parked) < before
}

func (w *World) leave(p *parked) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parked = slices.DeleteFunc(w.parked, func(q *parked) bool { return q == p })
}

// waiting is who is parked.
func (w *World) waiting() []*parked {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.parked)
}

// ready is who can move now, in an order that does not depend on who came first.
func (w *World) ready() []*parked {
	now := w.clock.Now()
	w.db.expireIdle(w, now)
	var ready []*parked
	for _, p := range w.waiting() {
		waits := p.alive == nil || p.alive()
		if waits && p.at.After(now) || p.who.pausedUntil.After(now) {
			continue
		}
		if waits && (w.db.blocked(p.who, p.rows) || w.heldUp(p)) || p.ready != nil && !p.ready() {
			continue
		}
		ready = append(ready, p)
	}
	slices.SortStableFunc(ready, func(a, b *parked) int {
		return cmp.Or(cmp.Compare(a.who.number, b.who.number), cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
	return ready
}

// idle lets time pass until somebody arrives or something ends.
func (w *World) idle() {
	now := w.clock.Now()
	next := time.Minute
	soon := func(at time.Time) {
		if d := at.Sub(now); d > 0 && d < next {
			next = d
		}
	}
	for _, p := range w.waiting() {
		soon(p.at)
		soon(p.who.pausedUntil)
	}
	for _, t := range w.db.open {
		soon(t.touched.Add(w.idleLimit()))
	}
	if w.mail != nil {
		w.mail.next(soon)
	}
	stop := w.clock.AfterFunc(next, w.notify)
	defer stop()
	<-w.arrived
}
