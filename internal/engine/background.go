package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// ErrNeeds means that an op that a run needs is not done. Package seq exports it.
var ErrNeeds = errors.New("an op that this run needs is not done")

// DefaultBackgroundFailures is how many attempts at an op in the background may fail without getting
// further before it is left to a person.
const DefaultBackgroundFailures = 10

// inBackground reports whether a task is left to be done beside deploys, here.
func (p *Planning) inBackground(t *Task) bool {
	return t.Background && !p.done(t.ID) && !p.elsewhere(t)
}

// waitsInBackground is why nobody takes up task i of the catalog, which is left to be done in the
// background, now; "" if it is ready. over reports whether a run is over.
func (p *Planning) waitsInBackground(i int, over func(run string) bool) string {
	t := p.catalog.tasks[i].task
	if e := p.entries[t.ID]; e != nil && e.State.Open() && e.Lease != store.RunLease {
		return "" // who has its lane knows whether its process lives, and closes what a dead one left, whatever is asked
	}
	if why := p.keptBack(t); why != "" {
		return why
	}
	for _, j := range p.catalog.deps[i] {
		need := p.catalog.tasks[j].task
		switch e := p.entries[need.ID]; {
		case p.elsewhere(need):
		case !isDone(e):
			return "waits for " + need.ID
		case !over(e.Run):
			return "waits for the end of the run that did " + need.ID
		}
	}
	return ""
}

// overRuns reports which runs are over, going by those that are not: a saga may still undo what it did,
// and what another run has under way nobody should build on. A run whose process died is over unless it is
// a saga.
func (e *Engine) overRuns(ctx context.Context) (over func(run string) bool, err error) {
	runs, err := e.Store.UnfinishedRuns(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	var open []string
	asked, held := false, false
	for i := range runs {
		r := &runs[i]
		if r.Lease != store.RunLease && r.Lease != "" {
			continue
		}
		if !r.Saga && !asked {
			holder, err := e.Store.Holder(ctx, store.RunLease)
			if err != nil {
				return nil, fmt.Errorf("read the runs: %w", err)
			}
			asked, held = true, holder != nil
		}
		if r.Saga || held {
			open = append(open, r.ID)
		}
	}
	return func(run string) bool { return !slices.Contains(open, run) }, nil
}

// keptBack is why nobody works on a task in the background until a person says so; "" if nothing keeps it
// back.
func (p *Planning) keptBack(t *Task) string {
	e := p.entries[t.ID]
	if e == nil {
		e = &unknownEntry
	}
	if err := askedErr(p.controls[t.ID]); err != nil {
		return err.Error()
	}
	if c := p.controls[t.ID]; e.State == store.RolledBack && (c == nil || c.Heard >= c.Number || p.answered[t.ID]) {
		return "it was rolled back; resume it to have it done again"
	}
	if e.State.Open() {
		return "" // who has its lease knows whether its process lives
	}
	if err := p.limits.refusal(t, e); err != nil {
		return err.Error()
	}
	return ""
}

// howFar is how far a task in the background has come, for people.
func (p *Planning) howFar(t *Task) string {
	e := p.entries[t.ID]
	switch {
	case e == nil || e.Done == 0 && e.Total == 0:
		return "not begun"
	case e.Total > 0:
		return fmt.Sprintf("%d of %d done, %d %%", e.Done, e.Total, e.Done*100/e.Total)
	default:
		return fmt.Sprintf("%d done", e.Done)
	}
}

// behindBackground begins the reason of a step that waits for work in the background. A run records
// nothing of it, because it says something else at each start.
const behindBackground = dependsOn + "background work: "

func (p *Planning) skipBehind(t *Task) string { return behindBackground + t.ID + ", " + p.howFar(t) }

// isBehind reports whether a step is skipped because of work in the background, its own dependency's or of
// one that it depends on.
func isBehind(reason string) bool { return strings.HasPrefix(reason, behindBackground) }

// beside are the ops in the background that are left, for a plan.
func (p *Planning) beside() []plan.Exclusion {
	var list []plan.Exclusion
	for i := range p.catalog.tasks {
		t := p.catalog.tasks[i]
		if !p.inBackground(t.task) || !p.req.takes(t) {
			continue
		}
		why := p.howFar(t.task)
		if kept := p.keptBack(t.task); kept != "" {
			why += "; " + kept
		} else if p.nobody {
			why += "; no process works in the background"
		}
		list = append(list, plan.Exclusion{ID: t.task.ID, Reason: why})
	}
	return list
}

// Besides reads, if work in the background is left, what people want to know of it: what is asked, whether
// somebody works, and who works on what.
func (e *Engine) Besides(ctx context.Context, p *Planning) (err error) {
	left := slices.ContainsFunc(p.catalog.tasks, func(t datedTask) bool { return p.inBackground(t.task) })
	if !left && !p.openInLanes() {
		return nil
	}
	if err = e.requests(ctx, p); err != nil {
		return err
	}
	leases, err := e.Store.Leases(ctx)
	if err != nil {
		return fmt.Errorf("read the leases: %w", err)
	}
	p.lanes = map[string]*store.LeaseError{}
	p.nobody = slices.ContainsFunc(p.catalog.tasks, func(t datedTask) bool { return p.inBackground(t.task) && !p.cancelled(t.task.ID) })
	for i := range leases {
		switch l := &leases[i]; {
		case strings.HasPrefix(l.Name, store.WorkerPrefix):
			p.nobody = false
		case strings.HasPrefix(l.Name, store.LanePrefix):
			p.lanes[l.Name] = l
		}
	}
	return nil
}

// openInLanes reports whether an attempt is open under another lease than that of runs. The code may not
// have its op: a newer binary works on it.
func (p *Planning) openInLanes() bool {
	for _, e := range p.entries {
		if inLane(e) {
			return true
		}
	}
	return false
}

// inLane reports whether somebody has claimed an op under the lease of a lane, and not come to an end.
func inLane(e *store.Entry) bool {
	return e.State.Open() && strings.HasPrefix(e.Lease, store.LanePrefix)
}

// worker is who works on an op in the background; nil if nobody does, or its process died.
func (p *Planning) worker(e *store.Entry) *store.LeaseError {
	if e == nil || !inLane(e) {
		return nil
	}
	return p.lanes[e.Lease]
}

// needed is an error that names what the request needs and is not done.
func (p *Planning) needed() error {
	var errs []error
	for _, id := range p.req.Needs {
		t := p.catalog.find(id)
		switch {
		case t == nil && !p.done(id):
			errs = append(errs, p.catalog.notRegistered("Needs", id))
		case t == nil || p.done(t.ID) || p.elsewhere(t):
		case t.Background:
			errs = append(errs, fmt.Errorf("%w: %s works in the background: %s", ErrNeeds, t.ID, p.howFar(t)))
		default:
			state := store.Pending
			if e := p.entries[t.ID]; e != nil {
				state = e.State
			}
			errs = append(errs, fmt.Errorf("%w: %s is %s", ErrNeeds, t.ID, state))
		}
	}
	return errors.Join(errs...)
}

// begun reports whether batches of a task in the background were committed that are there, or may be soon.
func (p *Planning) begun(t *Task) bool {
	e := p.entries[t.ID]
	return t.Background && e != nil && e.State != store.RolledBack && (e.Saved != nil || e.State.Open())
}

// halfDone reports whether an entry is that of a task in the background that was cancelled when some of its
// batches were committed: those can be undone.
func (p *Planning) halfDone(e *store.Entry) bool {
	t := p.catalog.find(e.ID)
	return t != nil && t.Background && p.cancelled(t.ID) && e.Saved != nil && !e.State.Open() && !e.State.Done() && e.State != store.RolledBack
}
