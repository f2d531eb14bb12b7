package engine

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/sequencer-go/seq/internal/ledger"
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

// openLanes takes the lanes of a task, for a run. The context that it returns ends when one of them is
// lost; the session is that of the task's own lane; giveBack gives all of them back. What dead processes
// left open in the other lanes is closed.
func (e *Engine) openLanes(ctx context.Context, t *Task, known *store.Entry, run store.Run, choice ledger.IfLeased) (_ context.Context, s *ledger.Session, giveBack func(), err error) {
	return e.openEach(ctx, t.lanes(known), run, choice)
}

// openEach takes leases one after another, as openLanes does. The session is that of the last.
func (e *Engine) openEach(ctx context.Context, names []string, run store.Run, choice ledger.IfLeased) (_ context.Context, own *ledger.Session, giveBack func(), err error) {
	run.Lease = names[0]
	held, first, err := ledger.Open(ctx, e.Store, run, choice, &sessionWatcher{engine: e, run: run.ID})
	if err != nil {
		return ctx, nil, nil, err
	}
	if len(names) == 1 {
		return held, first, func() { first.Close(ctx) }, nil
	}
	inner, others := held, func() {}
	if _, err = first.Entries(held); err == nil {
		inner, own, others, err = e.openEach(held, names[1:], run, choice)
	}
	if err != nil {
		first.Close(ctx)
		return ctx, nil, nil, err
	}
	return inner, own, func() { others(); first.Close(ctx) }, nil
}

// takeLanes takes the lanes of what is to be undone, and of what is left to be done in the background and
// depends on it, so that nobody begins with either meanwhile. It reports whether there were any.
func (e *Engine) takeLanes(ctx context.Context, req *Request, p *Planning, targets []*store.Entry) (_ context.Context, giveBack func(), taken bool, err error) {
	gone := make(map[string]bool, len(targets))
	for _, target := range targets {
		gone[target.ID] = true
	}
	var names []string
	for i := range p.catalog.tasks {
		t := p.catalog.tasks[i].task
		if t.Background && (gone[t.ID] || !p.done(t.ID) && p.rests(t.ID, gone)) {
			names = append(names, t.lanes(p.entries[t.ID])...)
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return ctx, func() {}, false, nil
	}
	held, _, giveBack, err := e.openEach(ctx, names, req.run(RollbackName), req.IfLeased)
	if err != nil {
		return ctx, nil, false, fmt.Errorf("undo beside work in the background: %w", err)
	}
	return held, giveBack, true, nil
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
