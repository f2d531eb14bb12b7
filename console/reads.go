package console

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// This file holds every read of the ledger beyond a snapshot, because each of them must be bounded
// and shared: a page is asked for once a second, by many.

const (
	runsSearched   = 1000             // of the latest runs, for one that is asked for by its ID
	historyReads   = 500              // at most, for one page
	attemptsOfRun  = 5000             // kept of one run
	attemptsKept   = 50_000           // of all histories that are kept
	runsKept       = 16               // whose attempts are kept
	keptFor        = 10 * time.Minute // at most, because a prune changes nothing else that is seen
	attemptsOfPage = 50               // shown at a time
	tookFor        = time.Second      // that a page waits for durations
	tookTurns      = 8                // pages that may wait for them
)

// version tells whether the history of an op has changed: a claim raises the number, an outcome
// changes the state.
type version struct {
	attempt, crashes int
	state            seq.State
}

func versionOf(o *seq.OpStatus) version { return version{o.Attempt, o.Crashes, o.State} }

// histories keeps the attempts of ops for as long as the ops have not moved.
type histories struct {
	mu    sync.Mutex
	byOp  map[string]keptHistory
	total int
}

type keptHistory struct {
	version  version
	at       time.Time
	attempts []store.Attempt
}

func (h *histories) get(o *seq.OpStatus, now time.Time) ([]store.Attempt, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, known := h.byOp[o.ID]
	return k.attempts, known && k.version == versionOf(o) && now.Sub(k.at) < keptFor
}

func (h *histories) put(o *seq.OpStatus, now time.Time, attempts []store.Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byOp == nil || h.total+len(attempts) > attemptsKept {
		h.byOp, h.total = map[string]keptHistory{}, 0
	}
	h.total += len(attempts) - len(h.byOp[o.ID].attempts)
	h.byOp[o.ID] = keptHistory{versionOf(o), now, attempts}
}

// history is what was tried at an op, the oldest first.
func (c *console) history(ctx context.Context, o *seq.OpStatus) ([]store.Attempt, error) {
	if o.Attempt == 0 {
		return nil, nil
	}
	now := c.clock.Now()
	if kept, known := c.histories.get(o, now); known {
		return kept, nil
	}
	attempts, err := c.seq.Store().History(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	c.histories.put(o, now, attempts)
	return attempts, nil
}

// lastTook is how long the last finished attempt of each op took, by ID; with a direction, the last in
// that one. It leaves out those for
// which there was no time: a list is worth more than its durations.
func (c *console) lastTook(ctx context.Context, ops []*seq.OpStatus, only ...store.Direction) map[string]time.Duration {
	select {
	case c.tookTurn <- struct{}{}:
	default:
		return nil // the ledger has not answered several who asked before
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tookFor)
	defer cancel()
	took, err := shared(ctx, func(ctx context.Context) (map[string]time.Duration, error) {
		defer func() { <-c.tookTurn }()
		return c.readTook(ctx, ops, only)
	})
	if err != nil {
		return nil
	}
	return took
}

// readTook reads what [console.lastTook] tells. If the ledger fails on the way, it is what was read so
// far.
func (c *console) readTook(ctx context.Context, ops []*seq.OpStatus, only []store.Direction) (map[string]time.Duration, error) {
	took := make(map[string]time.Duration, len(ops))
	for _, o := range ops {
		history, err := c.history(ctx, o)
		if err != nil {
			return took, nil //nolint:nilerr // what was read is worth showing
		}
		if d, known := tookOf(history, only...); known {
			took[o.ID] = d
		}
	}
	return took, nil
}

// tookOf is how long the last finished attempt of a history took.
func tookOf(history []store.Attempt, only ...store.Direction) (time.Duration, bool) {
	for i := range slices.Backward(history) {
		a := &history[i]
		if !a.Finished.IsZero() && a.Direction != store.ByHand && (len(only) == 0 || slices.Contains(only, a.Direction)) {
			return a.Finished.Sub(a.Started), true
		}
	}
	return 0, false
}

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
	return c.seq.Store().Runs(ctx, limit)
}

// olderRuns are as many of the latest runs as somebody may look for, read once for each snapshot.
func (c *console) olderRuns(ctx context.Context, s *snapshot) ([]store.Run, error) {
	return s.older(func() ([]store.Run, error) {
		return shared(ctx, func(ctx context.Context) ([]store.Run, error) { return c.latestRuns(ctx, runsSearched) })
	})
}

// lookupRun finds a run by its ID, nil if it is none of the latest.
func (c *console) lookupRun(ctx context.Context, s *snapshot, id string) (*store.Run, error) {
	if i := slices.IndexFunc(s.Runs, func(r store.Run) bool { return r.ID == id }); i >= 0 {
		return &s.Runs[i], nil
	}
	older, err := c.olderRuns(ctx, s)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(older, func(r store.Run) bool { return r.ID == id }); i >= 0 {
		return &older[i], nil
	}
	return nil, nil
}
