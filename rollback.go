package seq

import (
	"context"
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
	"maps"
	"slices"
	"strings"
)

// Rollback undoes ops that succeeded, the latest first: those of the last run that did
// something, or with [From] all down to that ID, or with [Only] or [Tags] those. It first ends a
// rollback that was interrupted, and tries one that failed again. If one of them cannot be
// undone, because it has no Rollback, is not registered any more, or something that stays
// depends on it, nothing is undone and the error names all such. What was undone is pending
// again. Report and error are as for Run.
func (s *Sequencer) Rollback(ctx context.Context, opts ...RunOption) (*Report, error) {
	s, sel, err := s.with(opts)
	defer s.announcer.flush()
	report := &Report{Strategy: rollbackName, State: RunFailed}
	if err == nil {
		err = s.catalog().err
	}
	if err != nil {
		return report, err
	}
	j := &journal{store: s.store, run: sel.newRun(rollbackName)}
	ctx, drop, err := s.take(ctx, j, sel)
	if err != nil {
		return report.turnedAway(sel, err)
	}
	defer drop()
	p, err := s.load(ctx, sel, j.entries)
	if err != nil {
		return report, err
	}
	targets, err := p.targets()
	if err != nil {
		return report, err
	}
	dead, err := j.dead(ctx, RunStarted) // nobody goes on with what is being undone
	if err == nil {
		err = j.bury(dead)
	}
	if err != nil {
		return report, err
	}
	if len(targets) == 0 {
		report.State = RunSucceeded
	} else {
		asked := make(map[string]bool, len(targets))
		for _, e := range targets {
			asked[e.ID] = true
		}
		if report, err = s.undo(ctx, j, asked); err != nil {
			return report, err
		}
	}
	if dead, err = j.dead(ctx, RunRollingBack); err == nil { // what they had left is undone now
		_ = j.bury(dead) // else the next run does it
	}
	return report, nil
}

const rollbackName = "rollback"

// resume ends the rollback that an earlier process began.
func (s *Sequencer) resume(ctx context.Context, j *journal, p *planning) (*Report, error) {
	targets := p.unfinished()
	if err := p.reversible(targets); err != nil {
		return &Report{Strategy: rollbackName, State: RunFailed}, fmt.Errorf("an interrupted rollback must be finished first: %w", err)
	}
	run := j.run
	defer func() { j.run = run }()
	j.run = store.Run{ID: targets[0].Run, Strategy: rollbackName, Owner: run.Owner}
	if r, known, err := s.store.LookupRun(ctx, targets[0].Run); err == nil && known {
		j.run.Strategy, j.run.Reason = r.Strategy, r.Reason
	}
	return s.undo(ctx, j, nil)
}

func byID(a, b *store.Entry) int { return strings.Compare(a.ID, b.ID) }

// unfinished are the entries that somebody decided to undo.
func (p *planning) unfinished() []*store.Entry {
	entries := maps.Values(p.entries)
	if p.of != nil && p.others == 0 { // a list is quicker
		entries = slices.Values(p.of)
	}
	var list []*store.Entry
	for e := range entries {
		if e != nil && (e.State == RollbackPending || e.State == RollingBack) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, byID)
	return list
}

// undo walks backwards: over what was asked for, or if nil over all that the run did.
func (s *Sequencer) undo(ctx context.Context, j *journal, asked map[string]bool) (*Report, error) {
	w := s.newWalk(&Plan{Strategy: rollbackName}, j, nil, &selection{})
	w.strategy, w.asked = j.run.Strategy, asked
	back := *s
	back.strategy.Executor = ExecutorFunc(func(ctx context.Context, w *Walk) error {
		ids, err := w.Reverse(ctx)
		if err != nil {
			return err
		}
		return w.undoAll(ctx, ids)
	})
	back.strategy.Middleware = slices.DeleteFunc(slices.Clone(s.strategy.Middleware), func(m Middleware) bool { return m.Run != nil })
	return back.walkPlan(ctx, w)
}

// targets are the entries that Rollback is asked to undo.
func (p *planning) targets() ([]*store.Entry, error) {
	var done, doomed []*store.Entry
	for _, e := range p.entries {
		switch e.State {
		case RollbackPending, RollbackFailed:
			doomed = append(doomed, e)
		case Succeeded:
			done = append(done, e)
		}
	}
	switch {
	case p.sel.last > 0:
		done = p.sel.latest(done)
	case p.sel.narrows():
		done = slices.DeleteFunc(done, func(e *store.Entry) bool { return !p.sel.takes(p.catalog.stamped(e.ID)) })
	case len(doomed) > 0:
		done = nil
	default:
		done = ofLastRun(done)
	}
	all := append(doomed, done...)
	slices.SortFunc(all, byID)
	return all, errors.Join(p.unknownTargets(), p.reversible(all), p.stillNeeded(all))
}

// unknownTargets is an error if Only names what neither the ledger nor the catalog knows.
func (p *planning) unknownTargets() error {
	var errs []error
	for _, id := range p.sel.only {
		if _, known := p.catalog.index[id]; !known && p.entries[id] == nil {
			errs = append(errs, p.notRegistered(id))
		}
	}
	return errors.Join(errs...)
}

// stamped is an op of the catalog, or what the ledger alone knows of it: its ID.
func (c *catalog) stamped(id string) *stamped {
	if i, known := c.index[id]; known {
		return &c.ops[i]
	}
	at, _, _ := ParseID(id) // it was valid when it ran
	return &stamped{&Op{ID: id}, at}
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
func (p *planning) reversible(targets []*store.Entry) error {
	var errs []error
	for _, e := range targets {
		i, known := p.catalog.index[e.ID]
		switch {
		case !known:
			errs = append(errs, fmt.Errorf("%w: %s is not registered any more; run a version that has it, or call Resolve", ErrNotReversible, e.ID))
		case p.catalog.ops[i].op.Rollback == nil:
			errs = append(errs, fmt.Errorf("%w: %s has no Rollback", ErrNotReversible, e.ID))
		}
	}
	return errors.Join(errs...)
}

// stillNeeded checks that nothing that stays done depends on a target.
func (p *planning) stillNeeded(targets []*store.Entry) error {
	gone := make(map[string]bool, len(targets))
	for _, e := range targets {
		gone[e.ID] = true
	}
	var errs []error
	for i := range p.catalog.ops {
		op := p.catalog.ops[i].op
		if gone[op.ID] || !p.done(op.ID) {
			continue
		}
		for _, j := range p.catalog.deps[i] {
			if id := p.catalog.ops[j].op.ID; gone[id] {
				errs = append(errs, fmt.Errorf("%w: %s depends on %s and would stay", ErrNotReversible, op.ID, id))
			}
		}
	}
	return errors.Join(errs...)
}
