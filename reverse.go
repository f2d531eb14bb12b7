package seq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
	"maps"
	"slices"
)

// reversal is a run that has turned back.
type reversal struct {
	undo      map[string]*stepState
	notUndone []string
	stuck     string // could not be undone for now; what comes after it has to wait
	run       RunState
}

// Reverse records that the run turns back, and returns the IDs of the ops to undo, the latest
// first: those of this run that succeeded, those whose outcome nobody knows, and those that
// failed and ask for it. What an earlier process did in this run counts. From then on Do starts
// nothing. Ops without a Rollback are not in the list; the run's error names them. Call it when
// nothing is running any more.
//
// If the decision cannot be recorded, nothing is undone, and the run stays as if its process had
// died here: the next one goes on with it.
func (w *Walk) Reverse(ctx context.Context) ([]string, error) {
	if w.suspended {
		return nil, nil // it has no lease, and what is left is scheduled for anybody
	}
	why := "the run is being rolled back"
	w.halted.Store(&why)
	rev := &reversal{undo: map[string]*stepState{}, run: RunRolledBack}
	w.mu.Lock()
	w.reversal = rev
	w.mu.Unlock()
	targets, err := w.toUndo(ctx, rev)
	if err == nil && len(targets) > 0 && w.journal != nil {
		err = w.journal.decide(ctx, targets)
	}
	if err != nil {
		rev.run, w.left = RunRollbackFailed, true
		rev.notUndone = w.mayStay()
		err = fmt.Errorf("rollback not started: %w", err)
		w.fail(err)
		return nil, err
	}
	ids := make([]string, len(targets))
	for i, s := range targets {
		s.entry.State = RollbackPending
		ids[i] = s.step.Op.ID
		rev.undo[ids[i]] = s
	}
	if len(ids) == 0 && len(rev.notUndone) == 0 {
		rev.run = RunFailed // nothing had happened
	}
	if len(ids) > 0 {
		w.announce(Event{Kind: EventRollbackStarted, Total: len(ids)})
	}
	return ids, nil
}

// mayStay are the steps that, for all this process knows, would have to be undone.
func (w *Walk) mayStay() []string {
	ids := slices.Sorted(maps.Keys(w.asked))
	for i := range w.steps {
		if s := &w.steps[i]; s.state == Succeeded || s.state == Indeterminate {
			ids = append(ids, s.step.Op.ID)
		}
	}
	return ids
}

// toUndo chooses what is to be undone, the latest first, and notes what should be and cannot.
func (w *Walk) toUndo(ctx context.Context, rev *reversal) ([]*stepState, error) {
	done, err := w.done(ctx)
	if err != nil {
		return nil, err
	}
	var targets []*stepState
	for _, s := range done {
		op, e := s.step.Op, s.entry
		applied, err := w.maybeApplied(ctx, op, e)
		switch {
		case err != nil:
			return nil, err
		case w.asked == nil && (e.State == RollbackFailed || e.State.Open()):
			why := fmt.Errorf("it is %s from earlier: %s", e.State, e.Error)
			w.fail(&OpError{ID: e.ID, Direction: Rollback, Effect: EffectUnknown, Err: why})
			rev.run = RunRollbackFailed
			rev.notUndone = append(rev.notUndone, e.ID)
		case !applied:
		case op.Rollback == nil:
			rev.notUndone = append(rev.notUndone, e.ID)
		default:
			targets = append(targets, s)
		}
	}
	slices.Reverse(targets)
	slices.SortStableFunc(targets, latestFirst)
	return targets, nil
}

// done lists the ops that this run has touched, in any process, or that Rollback was asked to
// undo. The ledger says which, after it has been told what it was not told in time.
func (w *Walk) done(ctx context.Context) ([]*stepState, error) {
	var done []*stepState
	for i := range w.steps {
		s := &w.steps[i]
		if w.journal == nil {
			if s.entry == nil {
				s.entry = &store.Entry{ID: s.step.Op.ID}
			}
			s.entry.State = s.state
			done = append(done, s)
		}
	}
	if w.journal == nil {
		return done, nil
	}
	var p *planning
	ctx = context.WithoutCancel(ctx)
	err := insist(ctx, func(ctx context.Context, _ bool) (err error) {
		if untold := w.owed(); len(untold) > 0 {
			if _, err = w.journal.write(store.Batch{Outcomes: untold}); err != nil { // what is refused was closed in time
				return err
			}
		}
		p, err = w.ledger(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	steps := make(map[string]*stepState, len(w.steps)+len(w.past))
	for _, s := range w.past {
		steps[s.step.Op.ID] = s
	}
	for i := range w.steps {
		steps[w.steps[i].step.Op.ID] = &w.steps[i]
	}
	for _, id := range slices.Sorted(maps.Keys(p.entries)) {
		e, s := p.entries[id], steps[id]
		if !w.concerns(e, s) || s != nil && s.known().Seq > 0 && s.entry.Seq == e.Seq { // it was to be repeated, and was not
			continue
		}
		if s == nil {
			s = &stepState{state: e.State, step: &Step{Op: p.catalog.stamped(id).op}}
			w.earlier = append(w.earlier, s)
		}
		s.entry = e
		done = append(done, s)
	}
	return done, nil
}

// concerns reports whether an entry is the business of a rollback. So is what this walk did, and
// somebody else could not undo while it waited.
func (w *Walk) concerns(e *store.Entry, s *stepState) bool {
	if w.asked != nil {
		return w.asked[e.ID]
	}
	return e.Run == w.journal.run.ID || s != nil && s.attempt > 0 && e.State == RollbackFailed
}

// Undo calls the Rollback of an op that Reverse named. It does so also when ctx has ended. If the
// ledger cannot be told, or the lease is lost, that op and those after it stay to be undone.
func (w *Walk) Undo(ctx context.Context, id string) error {
	w.mu.Lock()
	rev := w.reversal
	w.mu.Unlock()
	var s *stepState
	if rev != nil {
		s = rev.undo[id]
	}
	if s == nil {
		return fmt.Errorf("%w: %s is not to be undone", ErrInvalidPlan, id)
	}
	if rev.stuck != "" { // what completed before it has to wait for it
		s.state = RollbackPending
		s.say("waits for "+rev.stuck, s.err())
		rev.notUndone = append(rev.notUndone, id)
		return nil
	}
	call := w.newCall(s, Rollback)
	ctx, cancel := w.unstoppable(ctx)
	defer cancel()
	err := w.through(ctx, call)
	w.mu.Lock()
	defer w.mu.Unlock()
	s.state = RolledBack
	s.say("", s.err())
	if err != nil {
		fail := &OpError{ID: id, Direction: Rollback, Effect: call.effect(Running, err), Err: err}
		s.state = RollbackFailed
		s.say("", errors.Join(s.err(), fail))
		if w.journal != nil && call.became != RollbackFailed {
			s.state, rev.stuck, rev.run = RollbackPending, id, RunRollingBack
		} else if rev.run == RunRolledBack {
			rev.run = RunRollbackFailed
		}
		rev.notUndone = append(rev.notUndone, id)
		w.failures = append(w.failures, fail)
		err = fail
	}
	w.announce(Event{Kind: EventSettled, ID: id, Direction: Rollback, Attempt: call.Attempt, State: s.state, Err: err})
	return err
}

// unstoppable is a context that only the loss of the lease ends: then another process goes on.
func (w *Walk) unstoppable(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unhook := func() bool { return true }
	if w.journal != nil {
		held := w.journal.held
		unhook = context.AfterFunc(held, func() { cancel(context.Cause(held)) })
	}
	return ctx, func() { unhook(); cancel(nil) }
}

// undoAll undoes each op in turn, whatever becomes of the others.
func (w *Walk) undoAll(ctx context.Context, ids []string) error {
	var errs []error
	for _, id := range ids {
		errs = append(errs, w.Undo(ctx, id))
	}
	return errors.Join(errs...)
}

// maybeApplied reports whether an op may have had an effect that is to be undone.
func (w *Walk) maybeApplied(ctx context.Context, op *Op, e *store.Entry) (bool, error) {
	switch e.State {
	case Succeeded, Indeterminate, RollbackPending:
		return true, nil
	case RollbackFailed:
		return w.asked != nil, nil
	case Failed, Tolerated:
		if op.Delivery == Transactional || op.RollbackOnFailure || e.Attempt < 2 || w.journal == nil {
			return op.RollbackOnFailure && op.Delivery != Transactional, nil
		}
		return w.journal.doubted(ctx, e)
	default:
		return false, nil
	}
}

// doubted reports whether nobody knows the end of an attempt before the last one, in the same run:
// that the last one failed does not say that the others did.
func (j *journal) doubted(ctx context.Context, e *store.Entry) (doubt bool, err error) {
	err = insist(context.WithoutCancel(ctx), func(ctx context.Context, _ bool) error {
		doubt = false
		for after := (store.Position{ID: e.ID}); ; {
			attempts, err := j.store.RunAttempts(ctx, e.Run, after, 100)
			for _, a := range attempts {
				switch {
				case a.ID != e.ID:
					return nil
				case a.Direction != Forward: // undone, or a person has looked
					doubt = false
				case a.State == Indeterminate:
					doubt = true
				}
				after.Number = a.Number
			}
			if err != nil || len(attempts) < 100 {
				return err
			}
		}
	})
	return doubt, err
}

// latestFirst is the order of undoing: what nobody knows the end of, then the reverse of the
// order of completion.
func latestFirst(a, b *stepState) int {
	if unknown := a.entry.Seq == 0; unknown != (b.entry.Seq == 0) {
		if unknown {
			return -1
		}
		return 1
	}
	return completed(b.entry, a.entry)
}

// completed orders entries by completion. What was imported, and never claimed, came first.
func completed(a, b *store.Entry) int {
	return cmp.Or(cmp.Compare(min(a.Fence, 1), min(b.Fence, 1)), cmp.Compare(a.Seq, b.Seq))
}
