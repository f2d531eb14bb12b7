package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/sequencer-go/seq/store"
)

// lookBack is how many runs may have started after one whose process died, so that it is still found.
const lookBack = 100

// NewRunID is random; runs are ordered by when they started.
func NewRunID() string { return store.NewToken().String() }

// RunOf is the run with this ID; false if there is none, or it cannot be read.
func (s *Session) RunOf(ctx context.Context, id string) (store.Run, bool) {
	r, known, err := s.store.LookupRun(ctx, id)
	return r, known && err == nil
}

// UnfinishedRuns are the runs in one of these states, the latest first. None of them is under way: the
// lease is ours.
func (s *Session) UnfinishedRuns(ctx context.Context, states ...store.RunState) ([]store.Run, error) {
	runs, err := s.store.Runs(ctx, store.Page{Limit: lookBack})
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	return slices.DeleteFunc(runs, func(r store.Run) bool { return !slices.Contains(states, r.State) }), nil
}

// Abandon closes runs whose process died, but for the session's own.
func (s *Session) Abandon(runs []store.Run) error {
	for _, r := range runs {
		if r.ID == s.Run.ID {
			continue
		}
		r.State = store.RunAbandoned
		if _, err := s.write(store.Batch{Run: &r}); err != nil {
			return fmt.Errorf("close the run %s: %w", r.ID, err)
		}
	}
	return nil
}
