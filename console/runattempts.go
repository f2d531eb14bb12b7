package console

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq/store"
)

// runRecord is what a run did. It is shared, and read only.
type runRecord struct {
	Attempts []store.Attempt // in the order in which they started
	More     bool            // there are others, for which there was no room
}

// runRecords keeps what is known of the runs that somebody looked at.
type runRecords struct {
	mu    sync.Mutex
	byRun map[string]*keptRun
	order []string // the one used last at the end
}

// keptRun is what was read of one run.
type keptRun struct {
	turn   chan struct{} // holds something while one reads; others wait for it
	record runRecord
	of     *snapshot // that it was read for
	at     time.Time // of the reading
	over   bool      // the run is, so that the record stays as it is
}

func (r *runRecords) of(run string) *keptRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byRun == nil {
		r.byRun = map[string]*keptRun{}
	}
	if i := slices.Index(r.order, run); i >= 0 {
		r.order = slices.Delete(r.order, i, i+1)
	} else if len(r.order) == runsKept {
		delete(r.byRun, r.order[0])
		r.order = slices.Delete(r.order, 0, 1)
	}
	r.order = append(r.order, run)
	if r.byRun[run] == nil {
		r.byRun[run] = &keptRun{turn: make(chan struct{}, 1)}
	}
	return r.byRun[run]
}

// runAttempts are the attempts that were made in a run. They are read once for all who look at about
// the same time, and once in ten minutes when the run is over.
func (c *console) runAttempts(ctx context.Context, s *snapshot, run *store.Run) (*runRecord, error) {
	kept := c.runs.of(run.ID)
	select {
	case kept.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return shared(ctx, func(ctx context.Context) (*runRecord, error) {
		defer func() { <-kept.turn }()
		if kept.of != s && (!kept.over || c.clock.Now().Sub(kept.at) > keptFor) {
			record, err := c.readRun(ctx, run.ID)
			if err != nil {
				return nil, err
			}
			open := slices.ContainsFunc(record.Attempts, func(a store.Attempt) bool { return a.Finished.IsZero() })
			kept.record, kept.of, kept.at, kept.over = record, s, c.clock.Now(), run.State.Final() && !open
		}
		copied := kept.record
		return &copied, nil
	})
}

// readRun reads the attempts of a run, by the ledger's index. What a person decided later about an op
// that the run moved is no attempt of the run.
func (c *console) readRun(ctx context.Context, run string) (runRecord, error) {
	var record runRecord
	var after store.Position
	for {
		part, err := c.seq.Store().RunAttempts(ctx, run, after, attemptsOfRead)
		if err != nil {
			return runRecord{}, err
		}
		for i := range part {
			if part[i].Direction != store.ByHand {
				record.Attempts = append(record.Attempts, part[i])
			}
		}
		record.More = len(record.Attempts) > attemptsOfRun
		if len(part) < attemptsOfRead || record.More {
			break
		}
		last := &part[len(part)-1]
		after = store.Position{ID: last.ID, Number: last.Number}
	}
	if record.More {
		record.Attempts = record.Attempts[:attemptsOfRun:attemptsOfRun]
	}
	slices.SortFunc(record.Attempts, byStart)
	return record, nil
}
