package console

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// A page is asked for once a second, by many, so each read of the ledger beyond a snapshot is bounded and
// shared. They are here, in history.go and in runattempts.go.

const (
	runsListed     = 1000             // the latest
	attemptsOfRun  = 5000             // kept of one run
	attemptsOfRead = 1000             // of a run, in one query
	attemptsOfOp   = 500              // the latest, on its page
	attemptsOfList = 8                // the latest of an op, to find one that has ended
	attemptsKept   = 50_000           // of all histories that are kept
	runsKept       = 16               // whose attempts are kept
	keptFor        = 10 * time.Minute // at most, because a prune changes nothing else that is seen
	attemptsOfPage = 50               // shown at a time
	tookFor        = time.Second      // that a page waits for durations
	tookTurns      = 8                // pages that may wait for them
)

// shared calls read, and waits for it no longer than ctx lasts: a store that never answers holds up
// one goroutine, not the request.
func shared[T any](ctx context.Context, read func(ctx context.Context) (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	done := make(chan answer, 1)
	go func() {
		a := answer{err: fmt.Errorf("%w: the reading did not return", seq.ErrPanic)}
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("%w: %v", seq.ErrPanic, p)
			}
			done <- a
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		a.v, a.err = read(ctx)
	}()
	select {
	case a := <-done:
		return a.v, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// latestRuns are the latest runs, the newest first.
func (c *console) latestRuns(ctx context.Context, limit int) ([]store.Run, error) {
	return c.seq.Store().Runs(ctx, store.Page{Limit: limit})
}

// olderRuns are as many of the latest runs as somebody may look for, read once for each snapshot.
func (c *console) olderRuns(ctx context.Context, s *snapshot) ([]store.Run, error) {
	return s.older(func() ([]store.Run, error) {
		return shared(ctx, func(ctx context.Context) ([]store.Run, error) { return c.latestRuns(ctx, runsListed) })
	})
}

// lookupRun finds a run by its ID, nil if the ledger does not know it.
func (c *console) lookupRun(ctx context.Context, s *snapshot, id string) (*store.Run, error) {
	if i := slices.IndexFunc(s.Runs, func(r store.Run) bool { return r.ID == id }); i >= 0 {
		return &s.Runs[i], nil
	}
	return shared(ctx, func(ctx context.Context) (*store.Run, error) {
		run, known, err := c.seq.Store().LookupRun(ctx, id)
		if err != nil || !known {
			return nil, err
		}
		return &run, nil
	})
}
