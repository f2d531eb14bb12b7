package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/sequencer-go/seq/store"
)

// NewRunID is random; runs are ordered by when they started.
func NewRunID() string { return store.NewToken().String() }

// RunOf is the run with this ID; false if there is none, or it cannot be read.
func (s *Session) RunOf(ctx context.Context, id string) (store.Run, bool) {
	r, known, err := s.store.LookupRun(ctx, id)
	return r, known && err == nil
}

// UnfinishedRuns are the runs under the lease of the session that are not over, the latest first. None of
// them is under way, but for those that wait for their time: the lease is ours.
func (s *Session) UnfinishedRuns(ctx context.Context) ([]store.Run, error) {
	runs, err := s.store.UnfinishedRuns(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	return slices.DeleteFunc(runs, func(r store.Run) bool { return r.Lease != "" && s.name != "" && r.Lease != s.name }), nil
}

// CloseDead writes what became of runs whose process died, but for the session's own and those that only
// wait. A saga is interrupted: it stays unfinished, until somebody brings it to an end. Any other is
// abandoned, and so is one whose rollback others have ended.
func (s *Session) CloseDead(runs []store.Run) error {
	for _, r := range runs {
		switch {
		case r.ID == s.Run.ID, r.State == store.RunWaiting, r.State == store.RunInterrupted:
			continue
		case r.State == store.RunStarted && r.Saga:
			r.State, r.Error = store.RunInterrupted, "its process died, or lost the lease"
		default:
			r.State = store.RunAbandoned
		}
		if _, err := s.write(store.Batch{Run: &r}); err != nil {
			return fmt.Errorf("close the run %s: %w", r.ID, err)
		}
	}
	return nil
}
