package seq

import (
	"context"
	"fmt"
	"github.com/sequencer-go/seq/store"
	"strings"
)

// maxCrashes is how many processes in a row an op, or its rollback, may take down before it is left
// alone.
const maxCrashes = 3

// doubt is why an op must not be called, going by what the ledger says of it; nil if it may.
func doubt(op *Op, e *store.Entry) error {
	switch {
	case e.State == store.UnknownState:
		return fmt.Errorf("%w: %s", ErrUnknownValue, notKnown(e))
	case e.State.Open():
		return fmt.Errorf("%w: the ledger says that attempt %d is open, and has no way to close it", ErrIndeterminate, e.Attempt)
	case e.State == RollbackFailed || e.State == RollbackPending:
		why, _, _ := strings.Cut(e.Error, "\n")
		return fmt.Errorf("%w: %s; call Rollback to try again, or Resolve", ErrRollbackFailed, why)
	case e.State == Indeterminate && e.Delivery == Once && op.Verify == nil:
		return fmt.Errorf("%w: its process died in attempt %d; give the op a Verify, or call Resolve", ErrIndeterminate, e.Attempt)
	case e.Crashes >= maxCrashes:
		return fmt.Errorf("%w: %d times in a row; mend it, then call Resolve", ErrPoisoned, e.Crashes)
	default:
		return nil
	}
}

// notKnown is why nobody but a newer version of this library may touch an op.
func notKnown(e *store.Entry) string {
	return "the ledger has the " + e.Unknown + ", of a newer version of this library"
}

// entries reads the ledger under the lease, after it has closed what the dead left open.
func (j *journal) entries(ctx context.Context) (map[string]*store.Entry, error) {
	entries, err := byName(j.store.Load(ctx))
	if err != nil {
		return nil, err
	}
	recovered, err := j.recover(ctx, entries)
	if err == nil && recovered {
		entries, err = byName(j.store.Load(ctx))
	}
	return entries, err
}

// recover closes the attempts of owners who died: whoever holds the lease now knows that they
// no longer run. It reports whether there were any.
func (j *journal) recover(ctx context.Context, entries map[string]*store.Entry) (bool, error) {
	lease := j.current()
	var batch store.Batch
	for _, e := range entries {
		if !e.State.Open() || e.Lease != lease.Name || e.Life == "" && e.Fence >= lease.Epoch {
			continue
		}
		out := store.Outcome{ID: e.ID, Token: e.Token, Lost: true, State: Indeterminate, Error: "its process died"}
		switch {
		case e.State == RollingBack:
			died, err := j.deaths(ctx, e)
			if err != nil {
				return false, fmt.Errorf("recover: %w", err)
			}
			out.State = RollbackPending
			if died >= maxCrashes { // the others' turn; Rollback tries again
				out.State, out.Error = RollbackFailed, fmt.Sprintf("its process died, %d times in a row", died)
			}
		case e.Delivery == Transactional:
			out.State = Pending // its transaction was never committed
		}
		batch.Outcomes = append(batch.Outcomes, out)
	}
	if len(batch.Outcomes) == 0 {
		return false, nil
	}
	if _, err := j.write(batch); err != nil { // one that is refused was closed by its owner
		return false, fmt.Errorf("recover: %w", err)
	}
	for i := range batch.Outcomes {
		o := &batch.Outcomes[i]
		j.tell(Event{Kind: EventRecovered, ID: o.ID, State: o.State, Reason: o.Error})
	}
	return true, nil
}

// deaths is how many processes in a row died undoing an op, with the one whose attempt is open. Those
// that died doing it before are not the fault of its rollback.
func (j *journal) deaths(ctx context.Context, e *store.Entry) (int, error) {
	if e.Crashes+1 < maxCrashes {
		return e.Crashes + 1, nil
	}
	died := 0
	history, err := j.store.History(ctx, e.ID, store.Page{Limit: maxCrashes + 1})
	for _, a := range history {
		if a.Direction != Rollback || !a.Lost && !a.State.Open() {
			break
		}
		died++
	}
	return died, err
}
