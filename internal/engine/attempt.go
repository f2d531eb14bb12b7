package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// phase is how far an attempt has come. What its error means for the data follows from it, see
// effectOf.
type phase uint8

const (
	unclaimed phase = iota // the ledger has no claim, and the op was not called
	claimed                // the ledger has the claim, and the op was not called
	called                 // the op was called
	aborted                // it was, and its transaction was not committed, for no fault of the op's
	committed              // the ledger has the outcome
	lost                   // the ledger could not be told, or another process closed the attempt
)

// An attempt is one call of one op, in either direction, through the middleware. With the record layer
// in the chain it is one attempt in the ledger: claimed before the op is called, closed by one outcome.
// It is the memory of the op's context, too, and so is never used again: what an op has left behind may
// still hold it. There is one for each op of a run, so what few of them need is behind a pointer.
type attempt struct {
	middleware.Call

	walk   *Walk
	step   *step
	parent context.Context
	next   func() int    // see exec.Walk.DoThen
	began  time.Duration // since the walk was made
	atCall func()        // to be called just before the op is; nil: nothing
	atEnd  func()        // and when it is not called any more, before the outcome is written

	token      store.Token     // of the claim; zero: there is none
	keyID      string          // the ID in the idempotency key
	records    *ledger.Records // what is written; nil when the attempt is over
	ledgerErr  error           // the ledger failed: nothing may be concluded from the op's own error
	generation int32           // of the claim
	retries    int32

	phase    phase
	outcome  store.State // as the ledger has it; meaningful when committed
	called   bool        // the function of the op
	apart    bool        // it is Transactional, and the database refuses it in a transaction
	once     bool        // it is a Once op that was called, and nothing says that it had no effect
	denied   bool        // it is one that Verify said had no effect
	started  bool        // the watchers were told that it has
	calls    int32       // of the op's function in this attempt
	reached  bool        // the call came through the middleware to the op
	saidSkip bool        // the op, when it was called last, asked to be skipped
	closing  bool        // the outcome was written, or is known not to be writable
	abroad   bool        // a worker makes it, see dispatch
	log      *attemptLog // nil: the op has not asked for its logger; guarded by mu

	mu       sync.Mutex // guards what follows: the op may ask from any goroutine
	running  bool       // the function of the op is being called
	saved    []byte
	progress *progress // nil: it has told of none
	resumed  *resumed  // nil: it is not Resumable
}

// progress is what the ledger has heard of an op's progress.
type progress struct {
	at    time.Time
	ended bool // it has heard that the end is reached
}

func (w *Walk) newAttempt(s *step, d store.Direction) *attempt {
	a := w.attempts.take(len(w.steps))
	e := s.known()
	a.Step, a.Run, a.Direction, a.Clock = s.plan, w.session.Run.ID, d, w.clock
	a.Doubt = d == store.Forward && e.State == store.Indeterminate
	a.walk, a.step, a.saved, a.keyID = w, s, e.Saved, s.plan.ID
	if s.plan.Delivery == store.Resumable {
		a.resumed = &resumed{}
		if e.Seq == 0 {
			a.resumed.point = opctx.Point{Done: e.Done, Total: e.Total}
		}
	}
	if began := w.keys[a.keyID]; began != "" {
		a.keyID = began
	}
	return a
}

// attemptContext is the op's context: it knows its attempt, and is the same piece of memory.
type attemptContext attempt

func (c *attemptContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }
func (c *attemptContext) Done() <-chan struct{}       { return c.parent.Done() }
func (c *attemptContext) Err() error                  { return c.parent.Err() }

func (c *attemptContext) Value(key any) any {
	switch key {
	case opctx.AttemptKey{}:
		return (*attempt)(c)
	case opctx.StoreKey{}:
		return c.walk.home
	case opctx.TxKey{}:
		return nil // one that is found here is that of an outer op
	}
	return c.parent.Value(key)
}

// questionContext is the context of an op's condition. It belongs to no attempt, also if the sequencer
// runs inside of another one's op, but knows the store.
type questionContext struct {
	context.Context
	store store.Store
	about question
}

func (c questionContext) Value(key any) any {
	switch key {
	case opctx.AttemptKey{}, opctx.TxKey{}:
		return nil
	case opctx.StoreKey{}:
		return c.store
	case opctx.SubjectKey{}:
		return c.about
	}
	return c.Context.Value(key)
}

// attemptOf is the attempt that a context belongs to.
func attemptOf(ctx context.Context, c *middleware.Call) (*attempt, error) {
	a, _ := opctx.Of(ctx).(*attempt)
	if a == nil || &a.Call != c {
		return nil, fmt.Errorf("%w: a middleware passes on another context than the one it got for %s, or another call", ErrInvalidStrategy, c.Step.ID)
	}
	return a, nil
}

// through sends the call through the chain. A middleware that panics fails the op, not the process; if
// there is one that could end its goroutine instead, the chain has one of its own.
func (a *attempt) through(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = a.close(ctx, &exec.PanicError{Value: v, Stack: string(debug.Stack())})
		}
	}()
	a.parent = ctx
	if a.walk.contains {
		err = a.walk.pool.Call((*attemptContext)(a), func(ctx context.Context) error { return a.walk.handler(ctx, &a.Call) })
	} else {
		err = a.walk.handler((*attemptContext)(a), &a.Call)
	}
	return a.close(ctx, err) // if it was claimed, and the record layer has not closed it
}

// record is the record layer: it writes ahead that an attempt begins, and afterwards what came of it.
func record(next middleware.Handler) middleware.Handler {
	return func(ctx context.Context, c *middleware.Call) error {
		a, err := attemptOf(ctx, c)
		if err != nil {
			return err
		}
		if err := a.claim(ctx); err != nil {
			return err
		}
		err = next(ctx, c)
		if a.atEnd != nil {
			a.atEnd()
		}
		return a.close(ctx, err)
	}
}

// claim opens the attempt in the ledger, unless that was done ahead. No op is called that might not
// have the time to stop before another process takes over.
func (a *attempt) claim(ctx context.Context) error {
	var err error
	if a.token.IsZero() {
		a.propose()
		err = a.walk.session.Claim(ctx, a.records)
	}
	if err == nil {
		err = a.walk.session.Ready()
	}
	if err != nil {
		a.step.deferOutcome(a.unmade())
		a.token = store.Token{} // the op is not called
		a.ledgerErr = fmt.Errorf("claim: %w", err)
		return a.ledgerErr
	}
	a.phase = claimed
	return nil
}

// propose makes the claim that opens the attempt.
func (a *attempt) propose() {
	e, run := a.step.known(), &a.walk.session.Run
	c := store.Claim{
		ID: a.Step.ID, Migration: a.Step.Kind == plan.Migration, Token: store.NewToken(), Direction: a.Direction, Run: run.ID, Delivery: a.kept(), Steered: a.Step.Delivery == store.Resumable,
		Generation: e.Generation, Attempt: e.Attempt + 1, Owner: run.Owner, Life: a.walk.session.Life(), Checksum: a.Step.Checksum,
	}
	if a.anew(e) {
		c.Generation++
		a.keyID = a.Step.ID
		a.setSaved(nil) // it belongs to what was done then
	}
	a.Attempt, a.token, a.generation = c.Attempt, c.Token, int32(c.Generation)
	a.records, _ = recordsPool.Get().(*ledger.Records)
	a.records.Claim[0] = c
}

// anew reports whether the attempt begins a generation: for the first time, or after the op was done or undone.
func (a *attempt) anew(e *store.Entry) bool {
	return a.Direction == store.Forward && !a.apart && (e.Generation == 0 || e.Seq > 0)
}

// recordsPool lends the memory of what an attempt writes for as long as it is under way. Without it a whole
// Run on memory allocates 256 bytes more a step, and costs 12 to 34 % more processor time (bench,
// Run/load=a).
var recordsPool = sync.Pool{New: func() any { return new(ledger.Records) }}

// recycle gives back the memory of what was written, when nobody reads it any more.
func (a *attempt) recycle() {
	if a.records != nil {
		recordsPool.Put(a.records)
		a.records = nil
	}
}

// close writes what came of the attempt, unless that is committed already. It returns the op's own
// error, and with it why the ledger could not be told.
func (a *attempt) close(ctx context.Context, own error) error {
	if a.token.IsZero() || a.phase == committed || a.closing {
		return own
	}
	a.closing = true
	if a.ledgerErr != nil {
		a.step.deferOutcome(a.unmade())
		return own
	}
	out := &a.records.Outcome[0]
	*out = a.outcomeOf(own)
	var ahead *step
	if own == nil {
		ahead = a.reserve()
	}
	taken, err := a.walk.session.Settle(ctx, a.records, ahead.proposed())
	ahead.reserved(taken)
	if err != nil {
		a.step.deferOutcome(*out)
		a.phase = lost
		a.ledgerErr = fmt.Errorf("%w (%s, attempt %d): %w", ErrOutcomeUnrecorded, out.State, a.Attempt, err)
		return errors.Join(own, a.ledgerErr)
	}
	a.phase, a.outcome = committed, out.State
	return own
}

// call is the innermost handler: it calls the op.
func call(ctx context.Context, c *middleware.Call) error {
	a, err := attemptOf(ctx, c)
	if err != nil {
		return err
	}
	w, task := a.walk, a.step.task
	a.reached, a.saidSkip = true, false
	if !a.started {
		a.started = true
		if w.watchers != nil || w.tell != nil {
			w.announce(middleware.Event{Kind: middleware.EventStarted, ID: c.Step.ID, Direction: c.Direction, Attempt: c.Attempt})
		}
	}
	defer a.watchOverdue(ctx)()
	fn := task.Run
	if c.Direction == store.Rollback {
		fn = task.Rollback
	} else if c.Doubt && task.Verify != nil {
		ask, cancel := context.WithTimeout(ctx, verifyTimeout)
		defer cancel()
		applied, err := w.pool.Ask(ask, task.Verify)
		if err != nil {
			return &questionError{verify, w.redact.error(err)}
		}
		if applied {
			return nil
		}
	}
	a.phase, a.called = called, true
	a.once = c.Direction == store.Forward && c.Step.Delivery == store.Once
	err = a.do(ctx, fn)
	if verdict.IsNotApplied(err) || a.saidSkip {
		a.once = false
	}
	if a.once && err != nil && task.Verify != nil {
		return a.verify(ctx, err)
	}
	return err
}

// verifyTimeout bounds the question whether an attempt that failed took effect after all.
const verifyTimeout = 30 * time.Second

// verify asks a Once op that failed whether it took effect, also when the run was told to stop: nil if
// it did, a NotApplied error if it did not.
func (a *attempt) verify(ctx context.Context, own error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), verifyTimeout)
	defer cancel()
	applied, err := a.walk.pool.Ask(ctx, a.step.task.Verify)
	switch {
	case err != nil:
		return &questionError{verify, errors.Join(a.walk.redact.error(err), own)}
	case applied:
		return nil
	default:
		a.once, a.denied = false, true
		return verdict.NotApplied(own)
	}
}

// do calls the function of the op, in a transaction if it is Transactional and the database lets it.
func (a *attempt) do(ctx context.Context, fn func(context.Context) error) error {
	if a.delivery() == store.Transactional && !a.token.IsZero() {
		err := a.atomically(ctx, fn)
		if !a.needsApart(ctx, err) {
			return err
		}
		if err := a.reopen(ctx, err); err != nil {
			return err
		}
	}
	return a.invoke(ctx, fn)
}

// invoke calls the function of the op in a goroutine of the pool.
func (a *attempt) invoke(ctx context.Context, fn func(context.Context) error) error {
	if f := a.atCall; f != nil {
		a.atCall = nil
		f()
	}
	a.setRunning(true)
	defer a.setRunning(false)
	err := a.walk.redact.error(a.walk.pool.Call(ctx, fn))
	_, a.saidSkip = verdict.SkipReason(err)
	return a.unended(err)
}

// atomically calls the op in a transaction of the store that also holds the outcome, and the claim of
// the next step if there is one.
func (a *attempt) atomically(ctx context.Context, fn func(context.Context) error) error {
	var own error
	before := a.Saved()
	var ahead *step
	refused, err := a.walk.session.Atomic(ctx, a.records, func(tx context.Context) (store.Batch, error) {
		if own = a.invoke(tx, fn); own != nil {
			a.setSaved(before)
			return store.Batch{}, own
		}
		a.records.Outcome[0] = a.outcomeOf(nil)
		ahead = a.reserve()
		return store.Batch{Outcomes: a.records.Outcome[:], Claims: ahead.proposed()}, nil
	})
	written := !slices.Contains(refused, a.Step.ID)
	ahead.reserved(err == nil && written && len(refused) == 0)
	switch {
	// What is committed without the lease refuses the claim beside it; else the lease is only why the
	// context ended, and nothing is committed.
	case written && (err == nil || errors.Is(err, store.ErrLeaseLost) && own == nil && len(refused) > 0):
		a.phase, a.outcome = committed, a.records.Outcome[0].State
		return nil
	case own != nil && !errors.Is(err, store.ErrTxBroken) && !errors.Is(err, store.ErrFenced) && !errors.Is(err, store.ErrUnknownOutcome):
		return err // the op's own; it is not compared, because not every error can be
	case err == nil || errors.Is(err, store.ErrFenced):
		a.phase, a.ledgerErr = lost, store.ErrFenced
		return store.ErrFenced
	case errors.Is(err, store.ErrUnknownOutcome):
		a.phase, a.ledgerErr = lost, err
	case !errors.Is(err, store.ErrTxBroken):
		a.phase = aborted
	}
	return err
}
