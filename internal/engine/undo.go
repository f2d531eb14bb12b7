package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// RollbackName is the strategy of a run that undoes.
const RollbackName = "rollback"

// Rollback undoes what the request chooses, the latest first; see seq.Sequencer.Rollback. The result is
// never nil.
func (e *Engine) Rollback(ctx context.Context, req *Request) (*Result, error) {
	defer e.Watchers.Flush()
	failed := &Result{Strategy: RollbackName, State: store.RunFailed}
	if err := e.Catalog.err; err != nil {
		return failed, err
	}
	ctx, s, err := e.open(ctx, req.run(RollbackName), req.IfLeased)
	if err != nil {
		r, err := e.unavailable(req, err)
		r.Strategy = RollbackName
		return r, err
	}
	defer s.Close(ctx)
	if err := quiet(ctx, s, func(*store.Entry) bool { return true }); err != nil {
		return failed, err
	}
	p, targets, err := e.toUndo(ctx, s, req)
	if err != nil {
		return failed, err
	}
	ctx, giveBack, taken, err := e.takeLanes(ctx, req, p, targets)
	if err != nil {
		return failed, err
	}
	defer giveBack()
	if taken { // somebody may have worked until just now
		if _, targets, err = e.toUndo(ctx, s, req); err != nil {
			return failed, err
		}
	}
	if err := e.closeStarted(ctx, s); err != nil { // nobody goes on with what is being undone
		return failed, err
	}
	result := &Result{Strategy: RollbackName, State: store.RunSucceeded}
	if len(targets) > 0 {
		asked := make(map[string]bool, len(targets))
		for _, t := range targets {
			asked[t.ID] = true
		}
		if result, err = e.undo(ctx, s, asked); err != nil {
			return result, err
		}
	} else {
		e.nothingToDo(&plan.Plan{Strategy: RollbackName, Direction: store.Rollback}, "there is nothing to undo")
	}
	e.closeUndone(ctx, s)
	return result, nil
}

// toUndo reads, under the lease, what a rollback is to undo.
func (e *Engine) toUndo(ctx context.Context, s *ledger.Session, req *Request) (*Planning, []*store.Entry, error) {
	p, err := e.Load(ctx, req, underLease(s))
	if err == nil {
		err = e.requests(ctx, p)
	}
	if err != nil {
		return nil, nil, err
	}
	targets, err := p.targets()
	if err == nil {
		err = p.roomyBack(targets)
	}
	return p, targets, err
}

// closeStarted closes the runs whose process died.
func (e *Engine) closeStarted(ctx context.Context, s *ledger.Session) error {
	open, err := s.UnfinishedRuns(ctx)
	if err != nil {
		return err
	}
	return s.CloseDead(slices.DeleteFunc(open, func(r store.Run) bool { return r.State != store.RunStarted }))
}

// closeUndone closes the runs that have nothing left to be undone: those that were turning back, and
// sagas that were interrupted and none of whose ops is done any more, or may have left something. What cannot be
// closed now, the next run closes.
func (e *Engine) closeUndone(ctx context.Context, s *ledger.Session) {
	open, err := s.UnfinishedRuns(ctx)
	if err != nil || len(open) == 0 {
		return
	}
	entries, err := ledger.ByID(e.Store.Load(ctx))
	if err != nil {
		return
	}
	rest := map[string]bool{}
	for _, entry := range entries {
		switch entry.State {
		case store.Succeeded, store.Indeterminate, store.RollbackPending, store.RollingBack, store.RollbackFailed:
			rest[entry.Run] = true
		}
	}
	for _, r := range open {
		switch {
		case r.State == store.RunRollingBack:
			_ = s.CloseDead([]store.Run{r})
		case r.State == store.RunInterrupted && !rest[r.ID] && !e.mayHaveLeft(ctx, s, entries, r.ID):
			r.State = store.RunRolledBack
			_, _ = s.Write(store.Batch{Run: &r})
		}
	}
}

// mayHaveLeft reports whether an op that failed in a run may have left something that a saga would undo.
func (e *Engine) mayHaveLeft(ctx context.Context, s *ledger.Session, entries map[string]*store.Entry, run string) bool {
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		entry := entries[id]
		if entry.Run != run || entry.State != store.Failed && entry.State != store.Tolerated || entry.Delivery == store.Transactional {
			continue
		}
		if t := e.Catalog.find(id); t != nil && t.RollbackOnFailure {
			return true
		}
		if doubt, err := s.Doubtful(ctx, entry); doubt || err != nil {
			return true
		}
	}
	return false
}

// PreviewRollback returns what Rollback would undo now, as a plan whose steps stand in the order of
// undoing.
func (e *Engine) PreviewRollback(ctx context.Context, req *Request) (*plan.Plan, error) {
	if err := e.Catalog.err; err != nil {
		return nil, err
	}
	p, err := e.Load(ctx, req, e.Full)
	if err == nil {
		err = e.requests(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	targets, err := p.targets()
	if err != nil {
		return nil, err
	}
	steps := make([]*step, len(targets))
	for i, t := range targets {
		steps[i] = &step{entry: t, task: e.Catalog.find(t.ID)}
	}
	slices.SortStableFunc(steps, latestFirst)
	made, _, _ := e.Catalog.planBack(ctx, e.plannerBack(), steps)
	return made, nil
}

// plannerBack is the planner for what is undone side by side; nil if that is done one after another: on one
// machine, where the strict order costs little.
func (e *Engine) plannerBack() plan.Planner {
	if remoteOf(e.Strategy.Chain) == nil {
		return nil
	}
	return e.Strategy.Planner
}

// finishRollbacks ends the rollbacks that others began, and reads the ledger anew if there were any.
// The result is that of the last.
func (e *Engine) finishRollbacks(ctx context.Context, s *ledger.Session, p *Planning) (result *Result, _ *Planning, err error) {
	for len(p.unfinished()) > 0 {
		if result, err = e.finishRollback(ctx, s, p); err != nil {
			return result, p, err
		}
		if p, err = e.Load(ctx, p.req, underLease(s)); err != nil {
			return result, p, err
		}
	}
	return result, p, nil
}

// finishRollback ends the rollback that an earlier process began, under the ID of its run.
func (e *Engine) finishRollback(ctx context.Context, s *ledger.Session, p *Planning) (*Result, error) {
	targets := p.unfinished()
	if err := p.reversible(targets); err != nil {
		return &Result{Strategy: RollbackName, State: store.RunFailed}, fmt.Errorf("an interrupted rollback must be finished first: %w", err)
	}
	run := s.Run
	defer func() { s.Run = run }()
	s.Run = store.Run{ID: targets[0].Run, Strategy: RollbackName, Owner: run.Owner}
	if r, known := s.RunOf(ctx, targets[0].Run); known {
		s.Run.Strategy, s.Run.Reason = r.Strategy, r.Reason
	}
	return e.undo(ctx, s, nil)
}

// undo walks backwards: over what was asked for, or if that is nil over all that the run did. Of the
// middleware only what surrounds a step takes part.
func (e *Engine) undo(ctx context.Context, s *ledger.Session, asked map[string]bool) (*Result, error) {
	back := *e
	back.Strategy.Chain = slices.DeleteFunc(slices.Clone(e.Strategy.Chain), func(m middleware.Middleware) bool { return m.Run != nil })
	w := back.newWalk(s, &planned{Plan: &plan.Plan{Strategy: RollbackName}}, &Planning{})
	if err := w.dispatch.open(ctx); err != nil { // what is decided stays so
		return &Result{Strategy: s.Run.Strategy, State: store.RunFailed}, err
	}
	began := e.Clock.Now()
	w.announceStart()
	err := back.execute(ctx, w, exec.Func(func(ctx context.Context, _ exec.Walk) error { return w.rollBack(ctx, asked) }))
	return back.finish(ctx, w, err, began)
}

// targets are the entries that Rollback is asked to undo.
func (p *Planning) targets() ([]*store.Entry, error) {
	var done, unfinished []*store.Entry
	for _, e := range p.entries {
		switch e.State {
		case store.RollbackPending, store.RollbackFailed:
			unfinished = append(unfinished, e)
		case store.Succeeded:
			done = append(done, e)
		}
	}
	switch {
	case p.req.Run != "":
		unfinished, done = nil, nil
		for _, e := range p.entries {
			switch e.State {
			case store.Succeeded, store.Indeterminate, store.RollbackPending, store.RollbackFailed:
				if e.Run == p.req.Run {
					done = append(done, e)
				}
			default:
				if e.Run == p.req.Run && p.halfDone(e) {
					done = append(done, e)
				}
			}
		}
	case p.req.Last > 0:
		slices.SortFunc(done, func(a, b *store.Entry) int { return completed(b, a) })
		done = done[:min(p.req.Last, len(done))]
	case p.req.narrows():
		for _, e := range p.entries {
			if p.halfDone(e) {
				done = append(done, e)
			}
		}
		done = slices.DeleteFunc(done, func(e *store.Entry) bool { return !p.req.takes(p.catalog.dated(e.ID)) })
	case len(unfinished) > 0:
		done = nil
	default:
		done = ofLastRun(done)
	}
	all := append(unfinished, done...)
	slices.SortFunc(all, byID)
	return all, errors.Join(p.unknownTargets(), p.reversible(all), p.stillNeeded(all))
}

// unknownTargets is an error if Only names what neither the ledger nor the catalog knows.
func (p *Planning) unknownTargets() error {
	var errs []error
	for _, id := range p.req.Only {
		if _, known := p.catalog.index[id]; !known && p.entries[id] == nil {
			errs = append(errs, p.catalog.notRegistered("Only", id))
		}
	}
	return errors.Join(errs...)
}

// ofLastRun keeps the entries of the run that completed the latest of them.
func ofLastRun(done []*store.Entry) []*store.Entry {
	if len(done) == 0 {
		return nil
	}
	last := slices.MaxFunc(done, completed)
	return slices.DeleteFunc(done, func(e *store.Entry) bool { return e.Run != last.Run })
}

// reversible checks that each target can be undone.
func (p *Planning) reversible(targets []*store.Entry) error {
	var errs []error
	for _, e := range targets {
		switch t := p.catalog.find(e.ID); {
		case t == nil:
			errs = append(errs, fmt.Errorf("%w: %s is not registered any more; run a version that has it, or call Resolve", plan.ErrNotReversible, e.ID))
		case t.Rollback == nil:
			errs = append(errs, fmt.Errorf("%w: %s has no Rollback", plan.ErrNotReversible, e.ID))
		}
	}
	return errors.Join(errs...)
}

// stillNeeded checks that nothing that stays done depends on a target.
func (p *Planning) stillNeeded(targets []*store.Entry) error {
	gone := make(map[string]bool, len(targets))
	for _, e := range targets {
		gone[e.ID] = true
	}
	var errs []error
	for i := range p.catalog.tasks {
		t := p.catalog.tasks[i].task
		if gone[t.ID] || !p.done(t.ID) && !p.begun(t) {
			continue
		}
		for _, j := range p.catalog.deps[i] {
			switch id := p.catalog.tasks[j].task.ID; {
			case !gone[id]:
			case !p.done(t.ID):
				errs = append(errs, fmt.Errorf("%w: %s depends on %s and works in the background (%s): cancel it, and roll it back first or as well", plan.ErrNotReversible, t.ID, id, p.howFar(t)))
			default:
				errs = append(errs, fmt.Errorf("%w: %s depends on %s and would stay", plan.ErrNotReversible, t.ID, id))
			}
		}
	}
	return errors.Join(errs...)
}
