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
	More     int             // attempts that there was no room for
	Unread   int             // ops whose histories were not read yet: they may hold more of this run
}

// runRecords keeps what is known of the runs that somebody looked at.
type runRecords struct {
	mu    sync.Mutex
	byRun map[string]*runScan
	order []string // the one used last at the end
}

// runScan is how far the search for a run's attempts has come.
type runScan struct {
	turn   chan struct{} // holds something while one reads; others wait for it
	read   map[string]version
	found  map[string][]store.Attempt
	record runRecord
	at     time.Time // guarded by the lock of runRecords
	over   bool      // the run is, so that the record stays as it is
}

func (r *runRecords) of(run string, now time.Time) *runScan {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byRun == nil {
		r.byRun = map[string]*runScan{}
	}
	if i := slices.Index(r.order, run); i >= 0 {
		r.order = slices.Delete(r.order, i, i+1)
	} else if len(r.order) == runsKept {
		delete(r.byRun, r.order[0])
		r.order = slices.Delete(r.order, 0, 1)
	}
	r.order = append(r.order, run)
	scan := r.byRun[run]
	if scan == nil || now.Sub(scan.at) > keptFor {
		scan = &runScan{turn: make(chan struct{}, 1), read: map[string]version{}, found: map[string][]store.Attempt{}, at: now}
		r.byRun[run] = scan
	}
	return scan
}

// runAttempts are the attempts that were made in a run.
//
// The ledger cannot be asked for them by run yet, so the histories of the ops tell, those that this
// run moved last first: at most historyReads of them are read for one answer, and the next answer
// goes on from there. This is the one place that changes when the ledger has an index.
func (c *console) runAttempts(ctx context.Context, s *snapshot, run *store.Run) (*runRecord, error) {
	scan := c.runs.of(run.ID, c.clock.Now())
	select {
	case scan.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return shared(ctx, func(ctx context.Context) (*runRecord, error) {
		defer func() { <-scan.turn }()
		if !scan.over {
			if err := c.scan(ctx, s, run, scan); err != nil {
				return nil, err
			}
		}
		copied := scan.record
		return &copied, nil
	})
}

func (c *console) scan(ctx context.Context, s *snapshot, run *store.Run, scan *runScan) error {
	reads, unread, open := 0, 0, false
	for _, own := range []bool{true, false} {
		for i := range s.Ops {
			o := &s.Ops[i]
			if o.Attempt == 0 || (o.Run == run.ID) != own {
				continue
			}
			if v, known := scan.read[o.ID]; known && v == versionOf(o) {
				continue
			}
			if _, kept := c.histories.get(o, s.at); !kept {
				if reads == historyReads {
					unread++
					continue
				}
				reads++
			}
			history, err := c.history(ctx, o)
			if err != nil {
				return err
			}
			scan.read[o.ID] = versionOf(o)
			if of := slices.DeleteFunc(slices.Clone(history), func(a store.Attempt) bool { return a.Run != run.ID || a.Direction == store.ByHand }); len(of) > 0 {
				scan.found[o.ID] = of
			}
		}
	}
	if reads > 0 {
		c.runs.mu.Lock()
		scan.at = s.at // a search that goes on does not begin anew
		c.runs.mu.Unlock()
	}
	record := runRecord{Unread: unread}
	for _, of := range scan.found {
		for _, a := range of {
			open = open || a.Finished.IsZero()
		}
		record.Attempts = append(record.Attempts, of...)
	}
	slices.SortFunc(record.Attempts, byStart)
	if record.More = max(len(record.Attempts)-attemptsOfRun, 0); record.More > 0 {
		record.Attempts = record.Attempts[:attemptsOfRun:attemptsOfRun]
	}
	scan.record = record
	if scan.over = run.State.Final() && unread == 0 && !open; scan.over {
		scan.read, scan.found = nil, nil
	}
	return nil
}
