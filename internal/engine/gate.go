package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

const conditionFalse = "its condition is false"

// gate decides what becomes of a step that will not run now; Pending means that it will.
func (w *Walk) gate(ctx context.Context, s *step) (store.State, string, error) {
	free := s.plain
	for _, j := range s.after {
		before := &w.steps[j]
		if before.status.Load() != settled {
			return store.Failed, "", fmt.Errorf("%w: the executor does it before %s has settled", plan.ErrInvalid, before.plan.ID)
		}
		free = free && before.satisfied()
	}
	if free {
		return store.Pending, "", nil
	}
	if s.plan.Skip != "" {
		return store.Skipped, s.plan.Skip, nil
	}
	for _, j := range s.needs() {
		switch need := &w.steps[j]; {
		case need.satisfied():
		case need.state == store.Scheduled:
			return store.Scheduled, "waits for " + need.plan.ID, nil
		default:
			return store.Skipped, fmt.Sprintf("depends on %s, which is %s", need.plan.ID, need.state), nil
		}
	}
	if at := s.plan.NotBefore; !at.IsZero() && at.After(w.clock.Now()) {
		return store.Scheduled, dueAt(at), nil
	}
	if err := refusal(s.task, s.known()); err != nil {
		return store.Failed, "", err
	}
	if s.task.ShouldRun != nil {
		yes, err := w.pool.Ask(questionContext{ctx, w.session.Store()}, s.task.ShouldRun)
		if err != nil {
			return store.Failed, "", &questionError{condition, err}
		}
		if !yes {
			return store.Skipped, conditionFalse, nil
		}
	}
	return store.Pending, "", nil
}

func dueAt(at time.Time) string { return "due at " + at.UTC().Format(time.RFC3339) }

// notKnown is why nobody but a newer version of this library may touch an op.
func notKnown(e *store.Entry) string {
	return "the ledger has the " + e.Unknown + ", of a newer version of this library"
}

// refusal is why an op must not be called, going by what the ledger says of it; nil if it may.
func refusal(t *Task, e *store.Entry) error {
	switch {
	case e.State == store.UnknownState:
		return fmt.Errorf("%w: %s", store.ErrUnknownValue, notKnown(e))
	case e.State.Open():
		return fmt.Errorf("%w: the ledger says that attempt %d is open, and has no way to close it", ErrIndeterminate, e.Attempt)
	case e.State == store.RollbackFailed || e.State == store.RollbackPending:
		why, _, _ := strings.Cut(e.Error, "\n")
		return fmt.Errorf("%w: %s; call Rollback to try again, or Resolve", ErrRollbackFailed, why)
	case e.State == store.Indeterminate && e.Delivery == store.Once && t.Verify == nil:
		why, _, _ := strings.Cut(e.Error, "\n")
		return fmt.Errorf("%w: attempt %d (%s); give the op a Verify, or call Resolve", ErrIndeterminate, e.Attempt, why)
	case e.Crashes >= ledger.MaxCrashes:
		return fmt.Errorf("%w: %d times in a row; mend it, then call Resolve", ErrPoisoned, e.Crashes)
	default:
		return nil
	}
}
