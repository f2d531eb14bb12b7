package seq

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// A Walk is one run on its way through a plan. It is the only thing that calls an op: executors
// say when, a saga says undo, so every capability of an op means the same under all of them.
// Its methods are safe for concurrent use.
type Walk struct {
	plan      *Plan
	handler   Handler
	clock     clock.Clock
	journal   *journal // nil: nothing is recorded
	announcer announcer
	hands     hands
	strategy  string
	tolerates bool
	made      time.Time

	steps []stepState
	needs [][]int     // what each op declared to depend on, unless the plan's steps know
	dues  []time.Time // when each is due, by itself or by what it waits for; nil: all at once
	calls blocks[Call]

	again func(context.Context) error // goes on after a wait
	past  []*stepState                // steps that had their turn before it
	place map[string]int              // where they stood in the first plan; nil before

	ledger  func(context.Context) (*planning, error) // reads it anew; nil without
	earlier []*stepState                             // to be undone, and not a step of the plan
	asked   map[string]bool                          // what Rollback is to undo; nil: what the run did

	halted    atomic.Pointer[string] // why no step starts any more
	keepGoing atomic.Bool

	suspended bool // the lease is given back, see Suspend
	left      bool // as if the process had died: the run's line in the ledger stays as it is

	mu       sync.Mutex
	failures []error
	reversal *reversal // after Reverse
}

// timed reports whether anybody wants to know what steps take.
func (w *Walk) timed() bool { return w.journal != nil || w.announcer != nil }

// Plan is what is walked. It must not be changed.
func (w *Walk) Plan() *Plan { return w.plan }

// Clock is the clock that the run lives by.
func (w *Walk) Clock() clock.Clock { return w.clock }

// KeepGoing makes Do answer nil also for a step that failed, so that an executor goes on with
// the others. What depends on the failed step is skipped all the same. Err has the failures.
func (w *Walk) KeepGoing() { w.keepGoing.Store(true) }

// Err is every failure so far that was not allowed, joined; nil if there is none.
func (w *Walk) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.failures...)
}

// Do does step i and returns when it has settled: nil if it succeeded, was skipped, is not due,
// or failed and is allowed to; else why no further step should start. A step that has settled is
// not done again; Do answers as it did then. All of its After must have settled before.
func (w *Walk) Do(ctx context.Context, i int) error { return w.do(ctx, i, nil) }

func (w *Walk) do(ctx context.Context, i int, next func() int) error {
	if i < 0 || i >= len(w.steps) {
		return fmt.Errorf("%w: the executor asks for step %d of %d", ErrInvalidPlan, i, len(w.steps))
	}
	s := &w.steps[i]
	fresh := s.status.CompareAndSwap(idle, busy)
	ahead := !fresh && s.status.CompareAndSwap(reserved, busy)
	if !fresh && !ahead {
		if s.status.Load() == settled {
			return s.answer()
		}
		return fmt.Errorf("%w: the executor does %s twice at a time", ErrInvalidPlan, s.step.Op.ID)
	}
	if ctx.Err() != nil {
		s.rest(ahead)
		return fmt.Errorf("%s not started: %w", s.step.Op.ID, context.Cause(ctx))
	}
	if why := w.halted.Load(); why != nil {
		s.say("not started: "+*why, nil)
		s.rest(ahead)
		return nil
	}
	state, reason, err := w.gate(ctx, i)
	if state == Pending && err == nil {
		state, err = w.attempt(ctx, s, next)
	}
	w.settle(s, state, reason, err)
	return s.answer()
}

// gate decides what becomes of a step that will not run now; Pending means that it will.
func (w *Walk) gate(ctx context.Context, i int) (State, string, error) {
	s := &w.steps[i]
	free := s.plain
	for _, j := range s.after {
		before := &w.steps[j]
		if before.status.Load() != settled {
			return Failed, "", fmt.Errorf("%w: the executor does it before %s has settled", ErrInvalidPlan, before.step.Op.ID)
		}
		free = free && before.satisfied()
	}
	if free {
		return Pending, "", nil
	}
	step := s.step
	if step.Skip != "" {
		return Skipped, step.Skip, nil
	}
	for _, j := range w.needsOf(i) {
		switch need := &w.steps[j]; {
		case need.satisfied():
		case need.state == Scheduled:
			return Scheduled, "waits for " + need.step.Op.ID, nil
		default:
			return Skipped, fmt.Sprintf("depends on %s, which is %s", need.step.Op.ID, need.state), nil
		}
	}
	if !step.NotBefore.IsZero() && step.NotBefore.After(w.clock.Now()) {
		return Scheduled, "due at " + step.NotBefore.UTC().Format(time.RFC3339), nil
	}
	if err := doubt(step.Op, s.known()); err != nil {
		return Failed, "", err
	}
	if step.Op.ShouldRun != nil {
		yes, err := w.hands.ask(ctx, step.Op.ShouldRun)
		if err != nil {
			return Failed, "", &phaseError{"condition", err}
		}
		if !yes {
			return Skipped, conditionFalse, nil
		}
	}
	return Pending, "", nil
}

const conditionFalse = "its condition is false"

// attempt makes one call of the op through the middleware.
func (w *Walk) attempt(ctx context.Context, s *stepState, next func() int) (State, error) {
	c := s.call
	if c == nil { // else it was claimed ahead
		c = w.newCall(s, Forward)
		s.call = c
	}
	c.next = next
	if w.timed() {
		c.began = w.clock.Now().Sub(w.made)
	}
	err := w.through(ctx, c)
	switch {
	case c.broken != nil && c.token.IsZero():
		return Failed, err // never called
	case c.broken != nil, unverified(err):
		return Indeterminate, err
	case err == nil:
		return Succeeded, nil
	case c.tolerable():
		return Tolerated, err
	default:
		return Failed, err
	}
}

// through sends a call through the chain. A middleware that panics fails the op, not the process.
func (w *Walk) through(ctx context.Context, c *Call) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.close(ctx, &PanicError{Value: v, Stack: string(debug.Stack())})
		}
	}()
	c.parent = ctx
	return w.handler((*callContext)(c), c)
}

// settle notes what became of a step.
func (w *Walk) settle(s *stepState, state State, reason string, err error) {
	c, op := s.call, s.step.Op
	s.state = state
	if c != nil {
		s.attempt, s.retries = int32(c.Attempt), c.retries
		if w.timed() {
			s.took = w.clock.Now().Sub(w.made) - c.began
		}
		if w.journal == nil && c.saved != nil {
			s.entry = &store.Entry{ID: op.ID, Saved: c.saved} // for its Rollback
		}
		c.file()
		s.call = nil
	}
	if state == Failed && op.AllowedToFail && w.tolerates && (c == nil || c.broken == nil) {
		s.state = Tolerated // a condition that cannot be answered, say
	}
	if err != nil {
		err = &OpError{ID: op.ID, Direction: Forward, Effect: c.effect(s.known().State, err), Err: err}
	}
	s.say(reason, err)
	if s.state == Failed || s.state == Indeterminate {
		s.failed = true
		w.fail(err)
		if op.Kind == Migration {
			why := fmt.Sprintf("migration %s failed", op.ID)
			w.halted.CompareAndSwap(nil, &why)
		}
		s.stops = !w.keepGoing.Load()
	}
	if w.announcer != nil {
		w.announce(Event{
			Kind: EventSettled, ID: op.ID, Attempt: int(s.attempt), State: s.state, Reason: reason, Err: err,
		})
	}
	s.status.Store(settled)
}

func (w *Walk) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, err)
}

// announce fills in what all events of a run share.
func (w *Walk) announce(e Event) {
	if w.announcer == nil {
		return
	}
	e.Time, e.Strategy = w.clock.Now(), w.strategy
	if w.journal != nil {
		e.Run = w.journal.run.ID
	}
	w.announcer.announce(e)
}
