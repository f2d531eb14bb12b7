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
	strategy  string
	tolerates bool

	steps []stepState
	needs [][]int // indices of what the op declared to depend on

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

// stepState is what a walk knows of a step. Whoever moved status to busy owns the rest.
type stepState struct {
	status   atomic.Uint32 // idle, busy or settled
	state    State
	reason   string
	err      error   // of the last attempt, also if tolerated
	failed   bool    // and was not allowed to
	stop     error   // what Do answers
	entry    Entry   // as the ledger has it
	untold   Outcome // of an attempt that the ledger may take for open; no token: there is none
	call     Call
	next     func() int // see DoThen
	due      time.Time  // its own time or that of what it waits for
	started  time.Time
	finished time.Time
}

const (
	idle uint32 = iota
	busy
	settled
	reserving // a claim for it is being written
	reserved  // it is claimed, and whoever had it claimed does it next
)

// NewWalk returns a walk over a plan that records nothing and calls do for each step, for tests
// and benchmarks of executors. Dependencies are honoured as in a real run.
func NewWalk(plan *Plan, do Handler) *Walk {
	w := &Walk{plan: plan, handler: do, clock: clock.Wall()}
	w.prepare(nil)
	return w
}

// prepare lays out the state of the steps.
func (w *Walk) prepare(entries map[string]*Entry) {
	w.steps = make([]stepState, len(w.plan.Steps))
	var index map[string]int
	for i := range w.plan.Steps {
		step := &w.plan.Steps[i]
		w.steps[i].entry.ID = step.Op.ID
		if e := entries[step.Op.ID]; e != nil {
			w.steps[i].entry = *e
		}
		w.steps[i].due = step.NotBefore
		if len(step.Op.DependsOn) == 0 {
			continue
		}
		if index == nil {
			index = make(map[string]int, len(w.plan.Steps))
			for j := range w.plan.Steps {
				index[w.plan.Steps[j].Op.ID] = j
				for _, old := range w.plan.Steps[j].Op.RenamedFrom {
					index[old] = j
				}
			}
			w.needs = make([][]int, len(w.plan.Steps))
		}
		for _, id := range step.Op.DependsOn {
			if j, planned := index[id]; planned {
				w.needs[i] = append(w.needs[i], j)
				if d := w.steps[j].due; d.After(w.steps[i].due) {
					w.steps[i].due = d
				}
			}
		}
	}
}

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
func (w *Walk) Do(ctx context.Context, i int) error {
	if i < 0 || i >= len(w.steps) {
		return fmt.Errorf("%w: the executor asks for step %d of %d", ErrInvalidPlan, i, len(w.steps))
	}
	s, step := &w.steps[i], &w.plan.Steps[i]
	ahead := s.status.CompareAndSwap(reserved, busy)
	if !ahead && !s.status.CompareAndSwap(idle, busy) {
		if s.status.Load() == settled {
			return s.stop
		}
		return fmt.Errorf("%w: the executor does %s twice at a time", ErrInvalidPlan, step.Op.ID)
	}
	if ctx.Err() != nil {
		w.rest(ctx, s, ahead)
		return fmt.Errorf("%s not started: %w", step.Op.ID, context.Cause(ctx))
	}
	if why := w.halted.Load(); why != nil {
		s.reason = "not started: " + *why
		w.rest(ctx, s, ahead)
		return nil
	}
	state, reason, err := w.gate(ctx, i)
	if state == Pending && err == nil {
		state, err = w.attempt(ctx, i)
	}
	w.settle(i, state, reason, err)
	return s.stop
}

// rest leaves a step as it was, not started.
func (w *Walk) rest(ctx context.Context, s *stepState, claimed bool) {
	if claimed {
		w.giveBack(ctx, s)
	}
	s.status.Store(idle)
}

// gate decides what becomes of a step that will not run now; Pending means that it will.
func (w *Walk) gate(ctx context.Context, i int) (State, string, error) {
	s, step := &w.steps[i], &w.plan.Steps[i]
	for _, j := range step.After {
		if w.steps[j].status.Load() != settled {
			return Failed, "", fmt.Errorf("%w: the executor does it before %s has settled", ErrInvalidPlan, w.plan.Steps[j].Op.ID)
		}
	}
	if step.Skip != "" {
		return Skipped, step.Skip, nil
	}
	if w.needs != nil {
		for _, j := range w.needs[i] {
			dep := w.plan.Steps[j].Op.ID
			switch need := &w.steps[j]; {
			case need.satisfied():
			case need.state == Scheduled:
				return Scheduled, "waits for " + dep, nil
			default:
				return Skipped, fmt.Sprintf("depends on %s, which is %s", dep, need.state), nil
			}
		}
	}
	if !step.NotBefore.IsZero() && step.NotBefore.After(w.clock.Now()) {
		return Scheduled, "due at " + step.NotBefore.UTC().Format(time.RFC3339), nil
	}
	if err := doubt(step.Op, &s.entry); err != nil {
		return Failed, "", err
	}
	if step.Op.ShouldRun != nil {
		yes, err := ask(ctx, step.Op.ShouldRun)
		if err != nil {
			return Failed, "", &phaseError{"condition", err}
		}
		if !yes {
			return Skipped, conditionFalse, nil
		}
	}
	return Pending, "", nil
}

// satisfied reports whether what depends on the step may start.
func (s *stepState) satisfied() bool {
	return s.state == Succeeded || s.state == Skipped && s.reason == conditionFalse
}

const conditionFalse = "its condition is false"

// attempt makes one call of the op through the middleware.
func (w *Walk) attempt(ctx context.Context, i int) (State, error) {
	s := &w.steps[i]
	if s.call.claim.Token.IsZero() { // else it was claimed ahead
		s.call = Call{
			Step: &w.plan.Steps[i], Direction: Forward, Doubt: s.entry.State == Indeterminate,
			walk: w, state: s, saved: s.entry.Saved,
		}
	}
	if w.journal != nil || w.announcer != nil {
		s.started = w.clock.Now()
	}
	err := w.through(ctx, &s.call)
	switch {
	case s.call.broken != nil && s.call.claim.Token.IsZero():
		return Failed, err // never called
	case s.call.broken != nil, unverified(err):
		return Indeterminate, err
	case err == nil:
		return Succeeded, nil
	case s.call.tolerable():
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
	c.ctx = callContext{ctx, c}
	return w.handler(&c.ctx, c)
}

// settle notes what became of a step.
func (w *Walk) settle(i int, state State, reason string, err error) {
	s, step := &w.steps[i], &w.plan.Steps[i]
	s.state, s.reason, s.err = state, reason, err
	if !s.started.IsZero() {
		s.finished = w.clock.Now()
	}
	if state == Failed && step.Op.AllowedToFail && w.tolerates && s.call.broken == nil {
		s.state = Tolerated // a condition that cannot be answered, say
	}
	if err != nil {
		s.err = &OpError{ID: step.Op.ID, Direction: Forward, Effect: s.call.effect(s.entry.State, err), Err: err}
	}
	if s.state == Failed || s.state == Indeterminate {
		s.failed = true
		w.fail(s.err)
		if step.Op.Kind == Migration {
			why := fmt.Sprintf("migration %s failed", step.Op.ID)
			w.halted.CompareAndSwap(nil, &why)
		}
		if !w.keepGoing.Load() {
			s.stop = s.err
		}
	}
	w.announce(Event{
		Kind: EventSettled, ID: step.Op.ID, Attempt: s.call.Attempt, State: s.state, Reason: reason, Err: s.err,
	})
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
