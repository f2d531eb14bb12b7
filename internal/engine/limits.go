package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sequencer-go/seq/store"
)

// What keeps an op from being called, going by what the ledger says of it. Package seq exports and
// documents them.
var (
	ErrExhausted       = errors.New("failed too often")
	ErrPermanent       = errors.New("failed for good")
	ErrFailedElsewhere = errors.New("it failed in another process just now")
)

// DefaultMaxCrashes is how many processes in a row an op may take down before it is left to a person.
const DefaultMaxCrashes = 3

// DefaultToleratedFailures is how many attempts at an op that is allowed to fail may fail before runs
// leave it alone.
const DefaultToleratedFailures = 5

// limits is what decides whether an op may be called once more.
type limits struct {
	maxCrashes  int
	binary      string // of this process
	retryFailed bool   // failures do not count, doubt does
}

// refusal is why an op must not be called, going by what the ledger says of it; nil if it may.
func (l limits) refusal(t *Task, e *store.Entry) error {
	switch why, _, _ := strings.Cut(e.Error, "\n"); {
	case e.State == store.UnknownState:
		return fmt.Errorf("%w: %s", store.ErrUnknownValue, notKnown(e))
	case e.State.Open():
		return fmt.Errorf("%w: the ledger says that attempt %d is open, and has no way to close it", ErrIndeterminate, e.Attempt)
	case e.State == store.RollbackFailed || e.State == store.RollbackPending:
		return fmt.Errorf("%w: %s; call Rollback to try again, or Resolve", ErrRollbackFailed, why)
	case e.State == store.Indeterminate && e.Delivery == store.Once && t.Verify == nil:
		return fmt.Errorf("%w: attempt %d (%s); give the op a Verify, or call Resolve", ErrIndeterminate, e.Attempt, why)
	case l.maxCrashes > 0 && e.Crashes >= l.maxCrashes:
		return fmt.Errorf("%w: %d times in a row; mend it, then call Resolve", ErrPoisoned, e.Crashes)
	case e.State != store.Failed && e.State != store.Tolerated || l.retryFailed:
		return nil
	case e.Permanent && e.Binary == l.binary:
		return fmt.Errorf("%w: %s; mend it and deploy that, or call Retry", ErrPermanent, why)
	case t.bound() > 0 && e.Failures >= t.bound():
		return fmt.Errorf("%w: %d of %d attempts (%s); mend it, then call Retry", ErrExhausted, e.Failures, t.bound(), why)
	default:
		return nil
	}
}

// bound is how many attempts at a task may fail in all; 0 for any number.
func (t *Task) bound() int {
	switch {
	case t.MaxFailures == 0 && t.AllowedToFail:
		return DefaultToleratedFailures
	case t.MaxFailures == 0 && t.Background:
		return DefaultBackgroundFailures
	}
	return t.MaxFailures
}

// notKnown is why nobody but a newer version of this library may touch an op.
func notKnown(e *store.Entry) string {
	return "the ledger has the " + e.Unknown + ", of a newer version of this library"
}
