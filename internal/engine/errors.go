package engine

import (
	"errors"

	"github.com/sequencer-go/seq/internal/errtext"
	"github.com/sequencer-go/seq/store"
)

// What can be wrong before anything runs. Package seq exports and documents them.
var (
	ErrInvalidOp         = errors.New("invalid op")
	ErrUnknownDependency = errors.New("unknown dependency")
	ErrInvalidStrategy   = errors.New("invalid strategy")
	ErrInvalidOption     = store.ErrInvalidOption
	ErrPlanChanged       = errors.New("the plan has changed")
	ErrDrift             = errors.New("code and ledger have drifted apart")
	ErrNotReady          = errors.New("not ready to run")
	ErrNoEnvironment     = errors.New("no environment is set")
)

// What can happen to a run. Package seq exports and documents them.
var (
	ErrIndeterminate     = errors.New("nobody knows whether it took effect")
	ErrRollbackFailed    = errors.New("rollback failed")
	ErrPoisoned          = errors.New("process died in it too often")
	ErrOutcomeUnrecorded = errors.New("outcome could not be recorded")
	ErrNotInTx           = errors.New("cannot run in a transaction")
)

// A questionError says which question an op could not answer: its condition, or Verify.
type questionError struct {
	question string
	err      error
}

const (
	condition = "condition"
	verify    = "verify"
)

func (e *questionError) Error() string { return e.question + ": " + errtext.Of(e.err) }
func (e *questionError) Unwrap() error { return e.err }

// unverified reports whether an op in doubt could not say what became of it: the doubt stays.
func unverified(err error) bool {
	if err == nil {
		return false
	}
	var q *questionError
	return errors.As(err, &q) && q.question == verify
}
