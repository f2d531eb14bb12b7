package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/sequencer-go/seq/store"
)

// maxRollbackCrashes is how many processes in a row a rollback may take down before it is left to a
// person.
const maxRollbackCrashes = 3

// ByID turns what a store's Load answers into a map.
func ByID(list []store.Entry, err error) (map[string]*store.Entry, error) {
	if err != nil {
		return nil, fmt.Errorf("load the ledger: %w", err)
	}
	entries := make(map[string]*store.Entry, len(list))
	for i := range list {
		entries[list[i].ID] = &list[i]
	}
	return entries, nil
}

// Entries reads the ledger under the lease, after it has closed the attempts that dead processes
// left open.
func (s *Session) Entries(ctx context.Context) (map[string]*store.Entry, error) {
	entries, err := ByID(s.store.Load(ctx))
	if err != nil {
		return nil, err
	}
	recovered, err := s.recover(ctx, entries)
	if err == nil && recovered {
		entries, err = ByID(s.store.Load(ctx))
	}
	return entries, err
}

// recover closes the open attempts of earlier holders of the lease: who holds it now knows that they
// no longer run. A Transactional op is pending again, because its transaction was never committed; of
// any other nobody knows the effect. It reports whether there were any.
func (s *Session) recover(ctx context.Context, entries map[string]*store.Entry) (bool, error) {
	lease := s.current()
	var batch store.Batch
	var living map[string]store.LeaseError
	for _, e := range entries {
		if !e.State.Open() || e.Lease != lease.Name || e.Life == "" && e.Fence >= lease.Epoch {
			continue
		}
		if e.Life != "" && living == nil {
			var err error
			if living, err = s.Living(ctx); err != nil {
				return false, fmt.Errorf("recover: %w", err)
			}
		}
		if _, lives := living[e.Life]; lives && e.Life != "" { // its worker goes on, and may have the row locked for long
			continue
		}
		out, err := s.lostOutcome(ctx, e)
		if err != nil {
			return false, err
		}
		batch.Outcomes = append(batch.Outcomes, out)
	}
	if len(batch.Outcomes) == 0 {
		return false, nil
	}
	refused, err := s.write(batch)
	if err != nil {
		return false, fmt.Errorf("recover: %w", err)
	}
	for _, o := range batch.Outcomes {
		if !slices.Contains(refused, o.ID) { // else its owner closed it in the meantime
			s.watch.Recovered(o)
		}
	}
	return true, nil
}

// lostOutcome is what closes the open attempt of a process that died.
func (s *Session) lostOutcome(ctx context.Context, e *store.Entry) (store.Outcome, error) {
	out := store.Outcome{ID: e.ID, Token: e.Token, Lost: true, State: store.Indeterminate, Error: "its process died"}
	switch {
	case e.State == store.RollingBack:
		died, err := s.deaths(ctx, e)
		if err != nil {
			return out, fmt.Errorf("recover: %w", err)
		}
		out.State = store.RollbackPending
		if died >= maxRollbackCrashes { // the others' turn; Rollback tries again
			out.State, out.Error = store.RollbackFailed, fmt.Sprintf("its process died, %d times in a row", died)
		}
	case e.Delivery == store.Transactional:
		out.State = store.Pending
	}
	return out, nil
}

// deaths is how many processes in a row died undoing an op, with the one whose attempt is open. Those
// that died doing it before are not the fault of its rollback.
func (s *Session) deaths(ctx context.Context, e *store.Entry) (int, error) {
	if e.Crashes+1 < maxRollbackCrashes {
		return e.Crashes + 1, nil
	}
	died := 0
	history, err := s.store.History(ctx, e.ID, store.Page{Limit: maxRollbackCrashes + 1})
	for _, a := range history {
		if a.Direction != store.Rollback || !a.Lost && !a.State.Open() {
			break
		}
		died++
	}
	return died, err
}
