package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// Planning is everything that a plan is made from: the code, the ledger, and what was asked for.
type Planning struct {
	store    store.Store // the sequencer's, also if nothing is recorded there
	catalog  *Catalog
	entries  map[string]*store.Entry // by the IDs that ops have now
	sagas    []store.Run             // that are not over, and that nobody works on
	req      *Request
	drift    Drift
	limits   limits
	strategy *Strategy
	now      time.Time
	waived   map[string]bool         // ops that were satisfied without running, in an earlier round of this run
	keys     map[string]string       // the IDs in the idempotency keys of ops, if they are not their present ones
	before   map[string]*store.Entry // what the ledger has under the earlier ID of an op that it does not know yet by its own

	versions []renaming        // files that have another name than in the ledger
	formerly map[string]string // of those that are the same, the task's ID by that name

	environment string
	redact      redactor
	excluded    []plan.Exclusion // see exclude

	controls map[string]*store.Control    // what is asked, as far as it was read
	answered map[string]bool              // of which ops that were rolled back since; see requests
	nobody   bool                         // no process works in the background, as far as it was asked
	lanes    map[string]*store.LeaseError // who holds which lane, likewise

	// While the plan is made: the entry of each task of the catalog, nil if the ledger has none, and how
	// many others there are.
	of     []*store.Entry
	others int

	undoing []*store.Entry // see backwards
	sought  bool           // undoing was
}

// A planned plan is complete: what each step's op declared stands first in its After.
type planned struct {
	*plan.Plan
	declared []int32 // how many of After those are; nil: none anywhere
}

// plan makes the plan: what is left to do, shaped by the strategy's planner, checked and annotated.
func (p *Planning) plan(ctx context.Context) (*planned, error) {
	defer func() { p.of = nil }()
	in, err := p.input()
	if err != nil {
		return nil, err
	}
	if err := p.inspect(ctx, in.Steps); err != nil {
		return nil, err
	}
	made := &planned{Plan: &plan.Plan{}}
	if len(in.Steps) > 0 {
		if made, err = askPlanner(ctx, p.strategy.Planner, in); err != nil {
			return nil, fmt.Errorf("plan %s: %w", p.strategy.Name, err)
		}
	}
	made.Strategy = p.strategy.Name
	p.annotate(made.Plan)
	made.Findings = append(made.Findings, p.Unfinished(false)...)
	return made, nil
}

// annotate writes into a plan what is known to go wrong, or to come first, whatever the planner.
func (p *Planning) annotate(made *plan.Plan) {
	made.Findings, made.Excluded, made.Background = p.findings(), p.excluded, p.beside()
	saga, blocked := holds(p.strategy.Chain, middleware.LayerSaga), p.blocked()
	for i := range made.Steps {
		s := &made.Steps[i]
		s.Irreversible = saga && !s.Reversible
		if e := p.entries[s.ID]; e != nil {
			if err := p.limits.refusal(p.catalog.find(s.ID), e); err != nil && e.State != store.RollbackPending && !e.State.Open() {
				s.Refused = err.Error()
			}
			if by := blocked[s.ID]; by != "" {
				s.Refused = "its rollback waits for " + by + ", which could not be undone"
			}
		}
	}
	for _, e := range p.unfinished() {
		made.Undo = append(made.Undo, e.ID)
	}
}

// input chooses the tasks that are left to do and resolves their schedule and dependencies. All that
// is wrong comes back as one error.
func (p *Planning) input() (plan.Input, error) {
	in := plan.Input{Now: p.now}
	p.excluded = nil
	errs := []error{p.catalog.err, p.unknown(), p.otherVersions(), p.environmentKnown(), p.needed()}
	for _, id := range p.req.Only {
		if _, known := p.catalog.index[id]; !known {
			errs = append(errs, p.catalog.notRegistered("Only", id))
		} else if t := p.catalog.find(id); t.Background && p.req.round == nil {
			errs = append(errs, fmt.Errorf("%w: Only: %s works in the background, which Work does and no run", ErrInvalidOption, t.ID))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return in, err
	}
	place := make([]int, len(p.catalog.tasks)) // of each task among the steps, counted from 1
	p.of, p.others = make([]*store.Entry, len(p.catalog.tasks)), len(p.entries)
	steps, edges := 0, 0
	for i := range p.catalog.tasks {
		if p.of[i] = p.entries[p.catalog.tasks[i].task.ID]; p.of[i] != nil {
			p.others--
		}
	}
	for i, chosen := range p.choose() {
		if chosen && !p.catalog.tasks[i].task.Background && !p.exclude(p.catalog.tasks[i].task) {
			steps++
			place[i] = steps
			edges += len(p.catalog.deps[i])
		}
	}
	in.Steps = make([]plan.Step, steps)
	flat := make([]int, 0, edges)
	for i := range p.catalog.tasks {
		if place[i] == 0 {
			continue
		}
		step, from, task := &in.Steps[place[i]-1], len(flat), p.catalog.tasks[i].task
		task.describe(step)
		step.DependsOn = p.catalog.current(step.DependsOn)
		step.Index = place[i] - 1
		for _, j := range p.catalog.deps[i] {
			switch id := p.catalog.tasks[j].task.ID; {
			case place[j] > 0:
				flat = append(flat, place[j]-1)
			case p.done(id), p.waived[id], p.elsewhere(p.catalog.tasks[j].task), p.req.Due && declined(p.of[j]):
			case p.catalog.tasks[j].task.Background:
				step.Skip = p.skipBehind(p.catalog.tasks[j].task)
			case p.req.Only != nil && p.req.round == nil:
				errs = append(errs, fmt.Errorf("%w: Only: %s depends on %s, which is not done: name it too, or add WithDependencies", ErrInvalidOption, task.ID, id))
			default:
				step.Skip = dependsOn + id + ", which this run leaves out"
			}
		}
		if e := p.of[i]; e != nil && e.State == store.UnknownState {
			step.Skip = notKnown(e)
		}
		step.After = flat[from:len(flat):len(flat)]
		var err error
		if step.NotBefore, err = p.due(task); err != nil {
			errs = append(errs, err)
		}
	}
	return in, errors.Join(errs...)
}

// choose says of each task whether it is left to do and the request lets it through.
func (p *Planning) choose() []bool {
	chosen := make([]bool, len(p.catalog.tasks))
	var open []int
	for i := range chosen {
		left := p.req.Repeat || !isDone(p.of[i])
		if p.req.Due {
			left = isDue(p.of[i], p.now)
		}
		if chosen[i] = left && p.req.takes(p.catalog.tasks[i]); chosen[i] && p.req.Dependencies {
			open = append(open, i)
		}
	}
	for len(open) > 0 { // what was asked for needs these too
		i := open[len(open)-1]
		open = open[:len(open)-1]
		for _, j := range p.catalog.deps[i] {
			if !chosen[j] && !isDone(p.of[j]) {
				chosen[j], open = true, append(open, j)
			}
		}
	}
	return chosen
}

// declined reports whether an op's condition was false when it was asked last.
func declined(e *store.Entry) bool {
	return e != nil && e.State == store.Skipped && e.Error == conditionFalse
}

// done reports whether an op succeeded in an earlier run, or was waived.
func (p *Planning) done(id string) bool { return isDone(p.entries[id]) }

// isDone is false for nil: the ledger knows nothing of the op.
func isDone(e *store.Entry) bool { return e != nil && e.State.Done() }

// due is when a task is due: as stored, or as its schedule says now.
func (p *Planning) due(t *Task) (at time.Time, err error) {
	if t.ExecuteAt == nil {
		return at, nil
	}
	switch e := p.entries[t.ID]; {
	case e == nil:
	case e.State.Done():
		return at, nil // repeated because somebody asked for it now
	case !e.NotBefore.IsZero() && e.State != store.RolledBack:
		return e.NotBefore, nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w %s: ExecuteAt panics: %s", ErrInvalidOp, t.ID, p.redact.text(fmt.Sprint(v)))
		}
	}()
	if at = t.ExecuteAt(p.now); at.IsZero() {
		return at, nil
	}
	if at = at.UTC().Truncate(time.Millisecond); at.Year() < 1 || at.Year() > 9999 {
		return at, fmt.Errorf("%w %s: ExecuteAt answers with the year %d, which no ledger can hold", ErrInvalidOp, t.ID, at.Year())
	}
	return at, nil
}

// unknown lists the dependencies that neither the catalog nor the ledger knows as done.
func (p *Planning) unknown() error {
	var errs []error
	for _, f := range p.catalog.foreign {
		if p.done(f.id) {
			continue
		}
		if now := p.formerly[f.id]; now != "" && p.done(now) {
			continue
		}
		task, id := p.catalog.tasks[f.task].task.ID, ident.Quoted(f.id)
		if e := p.entries[f.id]; e != nil {
			errs = append(errs, fmt.Errorf("%w: %s depends on %s, which is %s in the ledger and is not registered any more: "+
				"register it again, or say with Resolve or Skip that it is done", ErrUnknownDependency, task, id, e.State))
			continue
		}
		errs = append(errs, fmt.Errorf("%w: %s depends on %s, which is not registered%s", ErrUnknownDependency, task, id, p.catalog.didYouMean(f.id)))
	}
	return errors.Join(errs...)
}

// unregistered are all entries if some of them are of no task, else none.
func (p *Planning) unregistered() map[string]*store.Entry {
	if p.others == 0 {
		return nil
	}
	return p.entries
}

// blocked are the entries whose rollback waits for that of an op that could not be undone, and which
// that is.
func (p *Planning) blocked() map[string]string {
	var pending, failed []*store.Entry
	for _, e := range p.backwards() {
		switch e.State {
		case store.RollbackPending:
			pending = append(pending, e)
		case store.RollbackFailed:
			failed = append(failed, e)
		}
	}
	if len(pending) == 0 || len(failed) == 0 {
		return nil
	}
	blocked := map[string]string{}
	for _, f := range failed {
		task, below := p.catalog.dated(f.ID).task, p.catalog.below(f.ID)
		for _, e := range pending {
			if e.Run == f.Run && behind(f, task, below, e) {
				blocked[e.ID] = f.ID
			}
		}
	}
	return blocked
}

// standing is an error that names what could not be undone and what waits for that; nil if nothing does.
func (p *Planning) standing() error {
	var errs []error
	blocked := p.blocked()
	for _, id := range slices.Sorted(maps.Keys(blocked)) {
		errs = append(errs, fmt.Errorf("%w: %s could not be undone, and %s waits for that; call Rollback to try again, or Resolve",
			ErrRollbackFailed, blocked[id], id))
	}
	return errors.Join(errs...)
}

// unfinished are the entries that somebody decided to undo, in the order of their IDs, but for those
// that wait for what could not be undone.
func (p *Planning) unfinished() []*store.Entry {
	blocked := p.blocked()
	var list []*store.Entry
	for _, e := range p.backwards() {
		if (e.State == store.RollbackPending || e.State == store.RollingBack) && blocked[e.ID] == "" {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, byID)
	return list
}

// backwards are the entries on their way back: few among many, and asked for several times a start.
func (p *Planning) backwards() []*store.Entry {
	if p.sought {
		return p.undoing
	}
	p.sought = true
	entries := maps.Values(p.entries)
	if p.of != nil && p.others == 0 { // a list is quicker
		entries = slices.Values(p.of)
	}
	for e := range entries {
		if e == nil {
			continue
		}
		switch e.State {
		case store.RollbackPending, store.RollingBack, store.RollbackFailed:
			p.undoing = append(p.undoing, e)
		}
	}
	return p.undoing
}

func byID(a, b *store.Entry) int { return strings.Compare(a.ID, b.ID) }

// sameAs reports whether a plan that was made from other would be made from p too: they are equal in
// all that counts, and nothing depends on the time. Of what is done, the brief read saw little. Planning
// again instead, a whole Run on memory costs 14 % more processor time and 430 bytes more a step (bench,
// Run/load=a).
func (p *Planning) sameAs(other *Planning, made *plan.Plan) bool {
	timed := func(s plan.Step) bool { return !s.NotBefore.IsZero() }
	return !slices.ContainsFunc(made.Steps, timed) && maps.EqualFunc(p.entries, other.entries, func(a, b *store.Entry) bool {
		if a.State.Done() && !p.req.Repeat {
			return a.State == b.State && a.Checksum == b.Checksum
		}
		return a.State == b.State && a.Attempt == b.Attempt && a.Seq == b.Seq && a.Crashes == b.Crashes && a.Run == b.Run &&
			a.Delivery == b.Delivery && a.Checksum == b.Checksum && a.Error == b.Error && a.NotBefore.Equal(b.NotBefore)
	})
}
