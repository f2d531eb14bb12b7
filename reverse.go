package seq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// reversal is a run that has turned back.
type reversal struct {
	undo      map[string]*stepState
	notUndone []string
	run       RunState
}

// Reverse records that the run turns back, and returns the IDs of the ops to undo, the latest
// first: those of this run that succeeded, those whose outcome nobody knows, and those that
// failed and ask for it. From then on Do starts nothing. Ops without a Rollback are not in the
// list; the run's error names them. Call it when nothing is running any more.
func (w *Walk) Reverse(ctx context.Context) ([]string, error) {
	why := "the run is being rolled back"
	w.halted.Store(&why)
	w.giveBackAll(ctx)
	rev := &reversal{undo: map[string]*stepState{}, run: RunRolledBack}
	var targets []*stepState
	consider := func(s *stepState) {
		switch op := s.call.Step.Op; {
		case rev.undo[op.ID] != nil, s.entry.Token.IsZero() && !maybeApplied(op, s.entry.State):
		case !s.entry.Token.IsZero(): // the ledger was never told how it ended
			rev.run = RunRollbackFailed
			rev.notUndone = append(rev.notUndone, op.ID)
		case op.Rollback == nil:
			rev.notUndone = append(rev.notUndone, op.ID)
		default:
			rev.undo[op.ID] = s
			targets = append(targets, s)
		}
	}
	for i := range w.steps {
		s := &w.steps[i]
		if w.journal == nil {
			s.entry.State = s.state
		}
		if w.journal == nil || s.entry.Run == w.journal.run.ID {
			s.call.Step = &w.plan.Steps[i]
			consider(s)
		}
	}
	for _, s := range w.earlier {
		consider(s)
	}
	slices.SortStableFunc(targets, latestFirst)
	ids := make([]string, len(targets))
	for i, s := range targets {
		ids[i] = s.call.Step.Op.ID
	}
	w.mu.Lock()
	w.reversal = rev
	w.mu.Unlock()
	if len(targets) == 0 {
		if len(rev.notUndone) == 0 {
			rev.run = RunFailed // nothing had happened
		}
		return nil, nil
	}
	if err := w.decide(ctx, targets); err != nil {
		rev.run = RunRollbackFailed
		rev.notUndone = append(rev.notUndone, ids...)
		err = fmt.Errorf("rollback not started: %w", err)
		w.fail(err)
		return nil, err
	}
	w.announce(Event{Kind: EventRollbackStarted, Total: len(ids)})
	return ids, nil
}

// decide commits the decision, so that whoever comes next goes on with it.
func (w *Walk) decide(ctx context.Context, targets []*stepState) error {
	if w.journal == nil {
		return nil
	}
	run := w.journal.run
	run.State = RunRollingBack
	batch := Batch{Run: &run}
	for _, s := range targets {
		batch.Marks = append(batch.Marks, Mark{
			ID: s.entry.ID, Attempt: s.entry.Attempt, State: RollbackPending, Run: run.ID, NotBefore: s.entry.NotBefore,
		})
	}
	refused, err := w.journal.write(ctx, batch)
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("%w: %v", ErrFenced, refused)
	}
	if err != nil {
		return err
	}
	for _, s := range targets {
		s.entry.State = RollbackPending
	}
	return nil
}

// Undo calls the Rollback of an op that Reverse named. It does so also when ctx has ended.
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
	forward := &s.call
	call := &Call{Step: forward.Step, Direction: Rollback, walk: w, state: s, saved: s.entry.Saved}
	if w.journal == nil {
		call.saved = forward.saved
	}
	ctx, cancel := w.unstoppable(ctx)
	defer cancel()
	err := w.through(ctx, call)
	w.mu.Lock()
	defer w.mu.Unlock()
	s.state, s.reason = RolledBack, ""
	if err != nil {
		fail := &OpError{ID: id, Direction: Rollback, Effect: call.effect(Running, err), Err: err}
		s.state, s.err = RollbackFailed, errors.Join(s.err, fail)
		rev.run = RunRollbackFailed
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

// maybeApplied reports whether an op in this state may have had an effect that is to be undone.
func maybeApplied(op *Op, state State) bool {
	switch state {
	case Succeeded, Indeterminate, RollbackPending:
		return true
	case Failed, Tolerated:
		return op.RollbackOnFailure && op.Delivery != Transactional
	default:
		return false
	}
}

// latestFirst is the order of undoing: what nobody knows the end of, then the reverse of the
// order of completion.
func latestFirst(a, b *stepState) int {
	return cmp.Or(cmp.Compare(known(a), known(b)), completed(&b.entry, &a.entry))
}

// completed orders entries by completion.
func completed(a, b *Entry) int {
	return cmp.Or(cmp.Compare(a.Fence, b.Fence), cmp.Compare(a.Seq, b.Seq))
}

func known(s *stepState) int {
	if s.entry.State == Succeeded || s.entry.State == RollbackPending && s.entry.Seq > 0 {
		return 1
	}
	return 0
}
