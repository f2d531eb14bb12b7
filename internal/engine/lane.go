package engine

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

var laneNames = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// maxLaneID is how long the ID of an op may be that names its own lane: the name of a lease has a limit.
const maxLaneID = 190

// checkBackground is what is wrong with what a task says of its work in the background.
func (t *Task) checkBackground() error {
	switch {
	case !t.Background && t.Lane != "":
		return fmt.Errorf("%w %s: Lane %q is for an op with Background", ErrInvalidOp, t.ID, t.Lane)
	case !t.Background:
		return nil
	case t.Delivery != store.Resumable:
		return fmt.Errorf("%w %s: Background needs the Delivery resumable, and it is %s", ErrInvalidOp, t.ID, t.Delivery)
	case t.Kind == plan.Migration:
		return fmt.Errorf("%w %s: a migration cannot work in the Background; make it an operation", ErrInvalidOp, t.ID)
	case t.ExecuteAt != nil:
		return fmt.Errorf("%w %s: a Background op has no ExecuteAt; let it wait with Rest, or with a gate of package backfill", ErrInvalidOp, t.ID)
	case t.Lane != "" && !laneNames.MatchString(t.Lane):
		return fmt.Errorf("%w %s: Lane %.120q: want 1 to 100 letters, digits and . _ -", ErrInvalidOp, t.ID, t.Lane)
	case t.Lane == "" && len(t.ID) > maxLaneID:
		return fmt.Errorf("%w %s: its ID is too long to name a lane; give it a Lane", ErrInvalidOp, t.ID)
	default:
		return nil
	}
}

// lane is the name of the lease that a task in the background is claimed under.
func (t *Task) lane() string {
	if t.Lane != "" {
		return store.LanePrefix + t.Lane
	}
	return store.LanePrefix + t.ID
}

// lanes are the names of all leases that keep others from working on a task: its own, those of its earlier
// IDs, under which an older binary may work on it, and the one that an open attempt hangs on. The one that
// it is claimed under comes last; the others are in order, so that no two processes wait for each other.
func (t *Task) lanes(e *store.Entry) []string {
	own := t.lane()
	var others []string
	for _, old := range t.RenamedFrom {
		others = append(others, (&Task{ID: old}).lane())
	}
	if e != nil && e.State.Open() && e.Lease != store.RunLease && e.Lease != "" {
		others = append(others, e.Lease)
	}
	slices.Sort(others)
	others = slices.DeleteFunc(slices.Compact(others), func(name string) bool { return name == own })
	return append(others, own)
}

// openLanes takes the lanes of a task, for a run. The session is that of the task's own lane; close gives
// all of them back. What dead processes left open in the other lanes is closed.
func (e *Engine) openLanes(ctx context.Context, t *Task, known *store.Entry, run store.Run, choice ledger.IfLeased) (_ context.Context, s *ledger.Session, close func(), err error) {
	var held []*ledger.Session
	close = func() {
		for _, s := range slices.Backward(held) {
			s.Close(ctx)
		}
	}
	watch := &sessionWatcher{engine: e, run: run.ID}
	names := t.lanes(known)
	for _, run.Lease = range names {
		ctx, s, err = ledger.Open(ctx, e.Store, run, choice, watch)
		if err == nil {
			held = append(held, s)
			if run.Lease != t.lane() {
				_, err = s.Entries(ctx)
			}
		}
		if err != nil {
			close()
			return ctx, nil, nil, err
		}
	}
	return ctx, s, close, nil
}

// takeLanes takes the lanes of what is to be undone, and of what is left to be done in the background and
// depends on it, so that nobody begins with either meanwhile. It reports whether there were any.
func (e *Engine) takeLanes(ctx context.Context, req *Request, p *Planning, targets []*store.Entry) (_ context.Context, giveBack func(), any bool, err error) {
	gone := make(map[string]bool, len(targets))
	for _, target := range targets {
		gone[target.ID] = true
	}
	var all []func()
	giveBack = func() {
		for _, one := range slices.Backward(all) {
			one()
		}
	}
	taken := map[string]bool{}
	for i := range p.catalog.tasks {
		t := p.catalog.tasks[i].task
		if !t.Background || taken[t.lane()] || !gone[t.ID] && (p.done(t.ID) || !p.rests(t.ID, gone)) {
			continue
		}
		taken[t.lane()] = true
		held, _, one, err := e.openLanes(ctx, t, p.entries[t.ID], req.run(RollbackName), req.IfLeased)
		if err != nil {
			giveBack()
			return ctx, nil, false, fmt.Errorf("undo beside %s, which works in the background: %w", t.ID, err)
		}
		ctx, all = held, append(all, one)
	}
	return ctx, giveBack, len(all) > 0, nil
}

// rests reports whether a task depends on one of these, directly or not.
func (p *Planning) rests(id string, on map[string]bool) bool {
	for below := range p.catalog.below(id) {
		if on[below] {
			return true
		}
	}
	return false
}
