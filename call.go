package seq

import (
	"context"
	"errors"
	"github.com/sequencer-go/seq/internal/errtext"
	"github.com/sequencer-go/seq/store"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// A Call is one step being done or undone, as middleware sees it. With Record around it, one
// call is one attempt in the ledger, however often middleware calls next.
type Call struct {
	Step      *Step
	Attempt   int // number in the ledger; 0 if nothing is recorded
	Direction Direction
	Doubt     bool // an earlier attempt was cut off: its effect may be there

	// What the ledger and the call have come to.
	became    State // as the ledger has been told
	started   bool  // the op was called
	closed    bool  // the outcome is committed
	untouched bool  // its transaction was not committed, for no fault of the op's

	retries int32
	nth     int32 // generation of the claim
	walk    *Walk
	state   *stepState
	next    func() int    // see DoThen
	began   time.Duration // since the walk was made
	token   store.Token   // of the claim; zero: there is none
	paper   *paper        // what is said to the ledger, while the call is under way
	saved   []byte
	told    atomic.Int64    // when the ledger last heard of progress
	broken  error           // the ledger failed; nothing may be concluded from the op's own error
	parent  context.Context // of the op's
}

// newCall is a call of a step that nobody has made. Calls come in blocks, which saves allocations,
// and are never used again, because what an op has left behind may still hold one.
func (w *Walk) newCall(s *stepState, d Direction) *Call {
	c := w.calls.take(len(w.steps))
	e := s.known()
	c.Step, c.Direction, c.walk, c.state, c.saved = s.step, d, w, s, e.Saved
	c.Doubt = d == Forward && e.State == Indeterminate
	return c
}

// callContext is the op's context: it knows its call, and is the same piece of memory.
type callContext Call

func (c *callContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }
func (c *callContext) Done() <-chan struct{}       { return c.parent.Done() }
func (c *callContext) Err() error                  { return c.parent.Err() }

type callKey struct{}

func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return (*Call)(c)
	}
	return c.parent.Value(key)
}

// callOf is the call that a context belongs to, nil if to none.
func callOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Retrying tells the run's watchers that the call failed and will be made again after delay.
func (c *Call) Retrying(err error, delay time.Duration) {
	c.retries++
	c.walk.announce(Event{
		Kind: EventRetrying, ID: c.Step.Op.ID, Direction: c.Direction, Attempt: c.Attempt, Err: err, Delay: delay,
	})
}

// Run is the ID of the run that the call belongs to, "" if nothing is recorded.
func (c *Call) Run() string {
	if c.walk == nil || c.walk.journal == nil {
		return ""
	}
	return c.walk.journal.run.ID
}

// Clock is the clock that the run lives by.
func (c *Call) Clock() clock.Clock { return c.walk.Clock() }

// invoke is the innermost handler: it calls the op.
func invoke(ctx context.Context, c *Call) error {
	op := c.Step.Op
	if !c.started {
		c.started = true
		if c.walk.announcer != nil {
			c.walk.announce(Event{Kind: EventStarted, ID: op.ID, Direction: c.Direction, Attempt: c.Attempt})
		}
	}
	defer c.overdue(ctx)()
	fn := op.Run
	if c.Direction == Rollback {
		fn = op.Rollback
	} else if c.Doubt && op.Verify != nil {
		applied, err := c.walk.hands.ask(ctx, op.Verify)
		if err != nil {
			return &phaseError{verifying, err}
		}
		if applied {
			return nil
		}
	}
	if op.Delivery == Transactional && c.walk.journal != nil {
		return c.atomically(ctx, fn)
	}
	return c.walk.hands.protect(ctx, fn)
}

// atomically calls the op in a transaction that also holds the outcome.
func (c *Call) atomically(ctx context.Context, fn func(context.Context) error) error {
	j, op := c.walk.journal, c.Step.Op
	var own error
	before := c.saved
	var ahead *stepState
	refused, err := j.store.Atomic(ctx, j.current(), c.paper.claim[0], func(tx context.Context) (store.Batch, error) {
		if own = c.walk.hands.protect(tx, fn); own != nil {
			c.saved = before
			return store.Batch{}, own
		}
		c.paper.end[0] = c.outcome(nil)
		ahead = c.reserve()
		return store.Batch{Outcomes: c.paper.end[:], Claims: ahead.proposed()}, nil
	})
	j.hear()
	written := !slices.Contains(refused, op.ID)
	ahead.reserved(err == nil && written && len(refused) == 0)
	switch {
	// What is committed without the lease refuses the claim beside it; else the lease is only why the
	// context ended, and nothing is.
	case written && (err == nil || errors.Is(err, ErrLeaseLost) && own == nil && len(refused) > 0):
		c.closed = true
		return nil
	case own != nil && errors.Is(err, own):
		return err
	case err == nil || errors.Is(err, ErrFenced):
		c.broken = ErrFenced
		return ErrFenced
	case errors.Is(err, ErrUnknownOutcome):
		c.broken = err
	default:
		c.untouched = !errors.Is(err, ErrTxBroken)
	}
	return err
}

// contain calls fn, a part that may be the user's, and makes an error of its panic.
func contain(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: string(debug.Stack())}
		}
	}()
	return fn()
}

const verifying = "verify"

// phaseError names the question that an op could not answer.
type phaseError struct {
	phase string
	err   error
}

func (e *phaseError) Error() string { return e.phase + ": " + errtext.Of(e.err) }
func (e *phaseError) Unwrap() error { return e.err }
