package seq

import (
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/internal/enum"
	"github.com/sequencer-go/seq/internal/errtext"
	"github.com/sequencer-go/seq/store"
	"slices"
	"strings"
)

// What can be wrong before anything runs.
var (
	// ErrInvalidID means that an ID breaks the rules of [ParseID].
	ErrInvalidID = errors.New("invalid ID")
	// ErrInvalidOp means that an op cannot work: no Run, a duplicate ID, a schedule that panics.
	ErrInvalidOp = errors.New("invalid op")
	// ErrUnknownDependency means that an op depends on an ID that nobody knows.
	ErrUnknownDependency = errors.New("unknown dependency")
	// ErrCycle means that ops depend on each other in a circle. See [CycleError].
	ErrCycle = errors.New("dependency cycle")
	// ErrInvalidPlan means that a planner returned something that cannot be walked.
	ErrInvalidPlan = errors.New("invalid plan")
	// ErrInvalidStrategy means that the parts of a sequencer cannot keep their promise together.
	ErrInvalidStrategy = errors.New("invalid strategy")
	// ErrInvalidOption means that a run option has a value that it cannot have.
	ErrInvalidOption = errors.New("invalid option")
	// ErrPlanChanged means that the plan is not the one that was expected. See [Expect].
	ErrPlanChanged = errors.New("the plan has changed")
	// ErrDrift means that code and ledger differ in a way that the policy forbids. See [Drift].
	ErrDrift = errors.New("code and ledger have drifted apart")
	// ErrNotReversible means that an op has no Rollback where one is needed.
	ErrNotReversible = errors.New("not reversible")
)

var mistakes = []error{ErrInvalidOp, ErrInvalidID, ErrUnknownDependency, ErrCycle, ErrInvalidPlan, ErrInvalidStrategy}

// IsMistake reports whether an error is one of the code: its ops, its strategy or what that plans are not
// as they must be, so that no waiting helps.
func IsMistake(err error) bool {
	return slices.ContainsFunc(mistakes, func(mistake error) bool { return errors.Is(err, mistake) })
}

// What can happen to a run.
var (
	// ErrIndeterminate means that a Once op died in the middle and only a person can say
	// whether it took effect.
	ErrIndeterminate = errors.New("nobody knows whether it took effect")
	// ErrRollbackFailed means that the effect of an op is still there although it should have
	// been undone.
	ErrRollbackFailed = errors.New("rollback failed")
	// ErrPoisoned means that an op killed its process too often to be tried again.
	ErrPoisoned = errors.New("process died in it too often")
	// ErrOutcomeUnrecorded means that an op ran and the ledger could not be told.
	ErrOutcomeUnrecorded = errors.New("outcome could not be recorded")
	// ErrPanic means that an op panicked or ended its goroutine. See [PanicError].
	ErrPanic = errors.New("panic")
)

// A CycleError names the ops of a dependency cycle, in order, the first again at the end. It
// matches [ErrCycle].
type CycleError struct{ Path []string }

func (e *CycleError) Error() string {
	return fmt.Sprintf("%v: %s", ErrCycle, strings.Join(e.Path, " → "))
}

// Is reports whether target is [ErrCycle].
func (e *CycleError) Is(target error) bool { return target == ErrCycle }

// A PanicError is what an op's panic becomes. It matches [ErrPanic], and the value it panicked
// with if that is an error.
type PanicError struct {
	Value any    // nil if the op called runtime.Goexit
	Stack string // of the op's goroutine
}

func (e *PanicError) Error() string {
	if e.Value == nil {
		return "the op ended its goroutine (runtime.Goexit)"
	}
	return fmt.Sprintf("%v: %v", ErrPanic, e.Value)
}

// Is reports whether target is [ErrPanic].
func (e *PanicError) Is(target error) bool { return target == ErrPanic }

// Unwrap is the error that the op panicked with, if it was one.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Effect says what an error means for the data.
type Effect uint8

// The effects that a failed attempt can have had.
const (
	EffectUnknown Effect = iota // Run returned an error: all, some or nothing of its work is there
	EffectNone                  // nothing is there: it never started, or its transaction was undone
	EffectApplied               // its work is done and there
)

var effectNames = [...]string{"unknown", "none", "applied"}

// String is "unknown", "none" or "applied".
func (e Effect) String() string { return enum.Name(effectNames[:], e) }

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

// Permanent marks an error that trying again will not cure: middleware.Retry stops at it. It
// wraps err, and is nil if err is.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether err, or an error it wraps, came from [Permanent].
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }
