package seq

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/errtext"
	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// What can be wrong before anything runs.
var (
	// ErrInvalidID means that an ID breaks the rules of [ParseID].
	ErrInvalidID = ident.ErrInvalid
	// ErrInvalidOp means that an op cannot work: no Run, a duplicate ID, a schedule that panics.
	ErrInvalidOp = engine.ErrInvalidOp
	// ErrUnknownDependency means that an op depends on an ID that nobody knows.
	ErrUnknownDependency = engine.ErrUnknownDependency
	// ErrCycle means that ops depend on each other in a circle. See [plan.CycleError].
	ErrCycle = plan.ErrCycle
	// ErrInvalidPlan means that a planner returned something that cannot be walked, or that an
	// executor did not walk it.
	ErrInvalidPlan = plan.ErrInvalid
	// ErrInvalidStrategy means that the parts of a sequencer cannot keep their promise together.
	ErrInvalidStrategy = engine.ErrInvalidStrategy
	// ErrNoEnvironment means that an op is for certain environments only, and the sequencer was not told
	// which one this is. See [InEnvironment].
	ErrNoEnvironment = engine.ErrNoEnvironment
	// ErrInvalidOption means that an option has a value that it cannot have, or that a call does not
	// take it.
	ErrInvalidOption = engine.ErrInvalidOption
	// ErrPlanChanged means that the plan is not the one that was expected. See [Expect].
	ErrPlanChanged = engine.ErrPlanChanged
	// ErrDrift means that code and ledger differ in a way that the policy forbids. See [Drift].
	ErrDrift = engine.ErrDrift
	// ErrNotReady means that an op cannot run on the database as it is. See the Inspect of an [Op].
	ErrNotReady = engine.ErrNotReady
	// ErrPoolTooSmall means that an op would need more connections at a time than the ledger's database
	// may open, so that the lease could not be renewed while it runs: see [store.Pooled].
	ErrPoolTooSmall = store.ErrPoolTooSmall
	// ErrNotReversible means that an op has no Rollback where one is needed.
	ErrNotReversible = plan.ErrNotReversible
)

var mistakes = []error{ErrInvalidOp, ErrInvalidID, ErrUnknownDependency, ErrCycle, ErrInvalidPlan, ErrInvalidStrategy, ErrNoEnvironment}

// IsMistake reports whether an error is one of the code: its ops, its strategy or what that plans are not
// as they must be, so that no waiting helps.
func IsMistake(err error) bool {
	return slices.ContainsFunc(mistakes, func(mistake error) bool { return errors.Is(err, mistake) })
}

// What can happen to a run.
var (
	// ErrIndeterminate means that a Once op died in the middle and only a person can say
	// whether it took effect.
	ErrIndeterminate = engine.ErrIndeterminate
	// ErrRollbackFailed means that the effect of an op is still there although it should have
	// been undone.
	ErrRollbackFailed = engine.ErrRollbackFailed
	// ErrPoisoned means that an op killed its process too often to be tried again.
	ErrPoisoned = engine.ErrPoisoned
	// ErrOutcomeUnrecorded means that an op ran and the ledger could not be told.
	ErrOutcomeUnrecorded = engine.ErrOutcomeUnrecorded
	// ErrPanic means that an op, or a part of the strategy, panicked or ended its goroutine. See
	// [exec.PanicError].
	ErrPanic = exec.ErrPanic
	// ErrExhausted means that an op failed as often as its MaxFailures allows: no run calls it until
	// Retry, or [RetryFailed].
	ErrExhausted = engine.ErrExhausted
	// ErrPermanent means that an op failed with [Permanent]: no run of the same binary calls it until
	// Retry, or [RetryFailed].
	ErrPermanent = engine.ErrPermanent
	// ErrFailedElsewhere means that this process waited for the lease while another one, of the same
	// binary, failed at the same work: Run returns that failure and calls nothing. The next start tries
	// again, and so does [RetryFailed] at once.
	ErrFailedElsewhere = engine.ErrFailedElsewhere
	// ErrNotInTx is what Run or Rollback of a Transactional op answers with, wrapped, when the database
	// refuses to do it in a transaction. The transaction is undone, so the attempt had no effect and is
	// closed as such; then a new attempt is claimed, as Repeatable, and the function is called once more,
	// without a transaction. If the function ended its transaction itself, it is an ordinary error.
	ErrNotInTx = engine.ErrNotInTx
	// ErrNeedsPerson means that no run will do an op before somebody looks: it is in doubt, killed its
	// process or failed too often, or could not be undone. [Sequencer.Wait] returns it at once.
	ErrNeedsPerson = engine.ErrNeedsPerson
	// ErrReentrant means that an op, or its condition, called what waits for the lease of the very run
	// that waits for the op: it could never succeed. Previews and Status may be called, and everything
	// of a sequencer on another ledger.
	ErrReentrant = errors.New("called from inside a run on the same ledger, which holds its lease")
	// ErrNotInOp means that a function was called outside of an op's Run or Rollback, or with
	// another context than theirs.
	ErrNotInOp = errors.New("not called with the context of an op")
)

// Effect says what an error means for the data: see [store.Effect].
type Effect = store.Effect

// The effects that a failed attempt can have had.
const (
	EffectUnknown = store.EffectUnknown // all, some or nothing of its work is there
	EffectNone    = store.EffectNone    // nothing is there: it never started, or its transaction was undone
	EffectApplied = store.EffectApplied // its work is done and there
)

// An OpError says which op failed, in which phase, and what that means for its effect.
type OpError struct {
	ID        string
	Direction Direction
	Effect    Effect
	Err       error
}

func (e *OpError) Error() string {
	return fmt.Sprintf("%s %s: %s (effect %s)", e.Direction, e.ID, errtext.Of(e.Err), e.Effect)
}

func newOpError(id string, d Direction, effect Effect, err error) error {
	return &OpError{ID: id, Direction: d, Effect: effect, Err: err}
}

// MarshalText is the error's text, so that JSON has it.
func (e *OpError) MarshalText() ([]byte, error) { return []byte(store.ErrorText(e)), nil }

// Is reports whether target is [ErrRollbackFailed], for an error of Rollback.
func (e *OpError) Is(target error) bool {
	return e.Direction == Rollback && target == ErrRollbackFailed
}

// Unwrap is the op's own error.
func (e *OpError) Unwrap() error { return e.Err }

// A RunError is what Run and Rollback return when a run did not succeed. It wraps an [OpError]
// for every op that failed, of either direction.
type RunError struct {
	Run       string
	Strategy  string
	State     RunState
	NotUndone []string // IDs that a rollback should have undone and could not
	Errs      []error
}

func (e *RunError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s run %s", e.Strategy, e.State)
	for i, err := range e.Errs {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		b.WriteString(err.Error())
	}
	if len(e.NotUndone) > 0 {
		fmt.Fprintf(&b, " (not undone: %s)", strings.Join(e.NotUndone, ", "))
	}
	return b.String()
}

// Unwrap is the list of all errors of the run.
func (e *RunError) Unwrap() []error { return e.Errs }

// Permanent marks an error that trying again will not cure: middleware.Retry stops at it, and later runs
// of the same binary do not call the op, see [ErrPermanent]. It wraps err, and is nil if err is.
func Permanent(err error) error { return verdict.Permanent(err) }

// Skip is the error that settles a step as skipped, with this reason, instead of failing it. Only the
// reason is kept: it fails nothing, and starts no rollback.
//
//   - From an op's ShouldRun or Run it says that there is nothing to do. What depends on the op runs; the
//     next run asks it again. The transaction of a Transactional op is undone; any other op should return
//     it before it has changed anything, because what it did stays and is not undone.
//   - From a middleware it keeps the op from being called. What depends on the op is skipped too; the next
//     run looks again. A middleware that has called the op cannot skip it any more, and one that hands on
//     what the op returned should wrap it with %w.
//
// From a Rollback, or around one, it is an error like any other: what was done is not undone by it. An
// empty reason becomes one that says so. See also [Sequencer.Skip], with which a person waives an op.
func Skip(reason string) error { return verdict.Skip(reason) }

// SkipReason is the reason that was given to [Skip], if err or an error it wraps came from that.
func SkipReason(err error) (reason string, ok bool) { return verdict.SkipReason(err) }

// NotApplied marks an error of an op that had no effect: nothing of its work is there. It is what lets a
// [Once] op be called again; without it an error leaves such an op [Indeterminate], because a request
// that timed out may have arrived. It wraps err, and is nil if err is.
func NotApplied(err error) error { return verdict.NotApplied(err) }

// IsPermanent reports whether err, or an error it wraps, came from [Permanent].
func IsPermanent(err error) bool { return verdict.IsPermanent(err) }
