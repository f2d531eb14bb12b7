package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// rollback is what a walk knows once it has turned back.
type rollback struct {
	asked     map[string]bool // the ops that Rollback was asked to undo; nil: what the run did
	foreign   []*step         // what is to be undone and is no step of the plan
	order     []*step         // what is to be undone, the latest first
	failed    []*step         // whose rollback failed earlier
	undecided bool            // the decision could not be recorded: the next run goes on with this one

	// While it is undone, guarded by the walk's mu, like the states of the steps:
	blocked   map[string]string // what must not be undone yet, and the op behind which it stays
	blockedBy string            // an op that could not be undone for now: what has not begun has to wait
	notUndone []string
	state     store.RunState
}

// Rollback implements exec.Walk.
func (w *Walk) Rollback(ctx context.Context) error { return w.rollBack(ctx, nil) }

// rollBack undoes the ops in asked, or if that is nil what the run did.
func (w *Walk) rollBack(ctx context.Context, asked map[string]bool) error {
	if w.suspended {
		return nil // without the lease nothing can be decided, and what is left is scheduled for anybody
	}
	why := "the run is being rolled back"
	w.halted.Store(&why)
	r := &rollback{asked: asked, state: store.RunRolledBack}
	w.mu.Lock()
	w.rollback = r
	w.mu.Unlock()
	err := w.quiesce(ctx, asked)
	var targets []*step
	if err == nil {
		targets, err = w.targets(ctx, r)
	}
	if err == nil && len(targets) > 0 {
		marks := make([]store.Mark, len(targets))
		for i, s := range targets {
			marks[i] = store.Mark{
				ID: s.plan.ID, Attempt: s.entry.Attempt, State: store.RollbackPending, Run: w.session.Run.ID, NotBefore: s.entry.NotBefore,
			}
		}
		err = w.session.BeginRollback(ctx, marks)
	}
	if err != nil {
		r.state, r.undecided = store.RunRollbackFailed, true
		r.notUndone = w.maybeDone(asked)
		err = fmt.Errorf("rollback not started: %w", w.redact.error(err))
		w.fail(err)
		return err
	}
	r.order = targets
	for _, s := range r.failed {
		r.block(s, w.catalog)
	}
	for _, s := range targets {
		s.entry.State = store.RollbackPending
	}
	if len(targets) == 0 {
		if len(r.notUndone) == 0 {
			r.state = store.RunFailed // nothing had happened
		}
		return nil
	}
	w.announce(middleware.Event{Kind: middleware.EventRollbackStarted, Total: int64(len(targets))})
	return w.goBack(ctx, targets)
}

// maybeDone are the ops that, for all this process knows, would have to be undone.
func (w *Walk) maybeDone(asked map[string]bool) []string {
	ids := slices.Sorted(maps.Keys(asked))
	for i := range w.steps {
		if s := &w.steps[i]; s.state == store.Succeeded || s.state == store.Indeterminate {
			ids = append(ids, s.plan.ID)
		}
	}
	return ids
}

// targets chooses what is to be undone, the latest first, and notes what should be and cannot.
func (w *Walk) targets(ctx context.Context, r *rollback) ([]*step, error) {
	touched, err := w.touched(ctx, r)
	if err != nil {
		return nil, err
	}
	var targets []*step
	for _, s := range touched {
		e := s.entry
		applied, err := w.maybeApplied(ctx, s, e, r.asked != nil)
		switch {
		case err != nil:
			return nil, err
		case r.asked == nil && (e.State == store.RollbackFailed || e.State.Open()):
			why := fmt.Errorf("it is %s from earlier: %s", e.State, e.Error)
			w.fail(w.opError(e.ID, store.Rollback, store.EffectUnknown, why))
			r.state = store.RunRollbackFailed
			r.notUndone = append(r.notUndone, e.ID)
			r.failed = append(r.failed, s)
		case !applied:
		case s.task.Rollback == nil:
			r.notUndone = append(r.notUndone, e.ID)
		default:
			targets = append(targets, s)
		}
	}
	slices.Reverse(targets)
	slices.SortStableFunc(targets, latestFirst)
	return targets, nil
}

// touched lists the ops that this run has touched, in any process and round, or that Rollback was asked
// to undo. The ledger says which, after it has been told what it was not told in time.
func (w *Walk) touched(ctx context.Context, r *rollback) ([]*step, error) {
	var entries map[string]*store.Entry
	err := ledger.Retry(context.WithoutCancel(ctx), func(ctx context.Context, _ bool) (err error) {
		if outcomes := w.unrecorded(); len(outcomes) > 0 {
			if _, err = w.session.Write(store.Batch{Outcomes: outcomes}); err != nil { // what is refused was closed in time
				return err
			}
		}
		entries, err = w.session.Entries(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	p := &Planning{store: w.home, catalog: w.catalog, entries: entries}
	if err := p.adopt(); err != nil {
		return nil, err
	}
	w.keys = p.keys
	steps := make(map[string]*step, len(w.steps)+len(w.past))
	for _, s := range w.past {
		steps[s.plan.ID] = s
	}
	for i := range w.steps {
		steps[w.steps[i].plan.ID] = &w.steps[i]
	}
	var touched []*step
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		e, s := entries[id], steps[id]
		if !w.concerns(r, e, s) || s != nil && !s.adopted && s.known().Seq > 0 && s.entry.Seq == e.Seq { // it was to be repeated, and was not
			continue
		}
		if s == nil {
			task := w.catalog.dated(id).task
			s = &step{state: e.State, task: task, plan: &plan.Step{}}
			task.describe(s.plan)
			p.inspectBack(ctx, task, s.plan)
			r.foreign = append(r.foreign, s)
		}
		s.entry = e
		touched = append(touched, s)
	}
	return touched, nil
}

// concerns reports whether an entry is the business of a rollback. So is what this walk did, and
// somebody else could not undo while it waited.
func (w *Walk) concerns(r *rollback, e *store.Entry, s *step) bool {
	if r.asked != nil {
		return r.asked[e.ID]
	}
	return e.Run == w.session.Run.ID || s != nil && s.number > 0 && e.State == store.RollbackFailed
}

// maybeApplied reports whether an op may have had an effect that is to be undone.
func (w *Walk) maybeApplied(ctx context.Context, s *step, e *store.Entry, asked bool) (bool, error) {
	undone := s.plan.Delivery == store.Transactional && e.Delivery != store.Repeatable // see attempt.reopen
	if s.plan.Delivery == store.Resumable {                                            // what its checkpoints have committed is there
		undone = e.Saved == nil
		if !undone && !e.State.Done() && e.State != store.RolledBack && e.State != store.RollbackFailed {
			return true, nil
		}
	}
	switch e.State {
	case store.Succeeded, store.Indeterminate, store.RollbackPending:
		return true, nil
	case store.RollbackFailed:
		return asked, nil
	case store.Failed, store.Tolerated:
		if undone || s.task.RollbackOnFailure || e.Attempt < 2 {
			return s.task.RollbackOnFailure && !undone, nil
		}
		return w.session.Doubtful(ctx, e)
	case store.Skipped: // by itself, in an attempt that says nothing of those before it
		if undone || e.Attempt < 2 {
			return false, nil
		}
		return w.session.Doubtful(ctx, e)
	default:
		return false, nil
	}
}

// undo undoes one op, unless it has to wait for what could not be undone. It does so also when ctx has
// ended.
func (w *Walk) undo(ctx context.Context, s *step) {
	if w.staysBehind(s) {
		return
	}
	r, id := w.rollback, s.plan.ID
	a := w.newAttempt(s, store.Rollback)
	ctx, cancel := w.session.WhileHeld(ctx)
	defer cancel()
	began := w.clock.Now()
	err := w.redact.error(a.through(ctx))
	w.mu.Lock()
	defer w.mu.Unlock()
	s.state = store.RolledBack
	s.say("", s.err())
	if err != nil {
		effect := effectOf(a, store.Running, err)
		failure := w.opError(id, store.Rollback, effect, err)
		s.state = store.RollbackFailed
		if forward := s.err(); forward != nil {
			s.say("", w.opError(id, store.Rollback, effect, errors.Join(err, forward)))
		} else {
			s.say("", failure)
		}
		if a.phase != committed || a.outcome != store.RollbackFailed {
			s.state, r.blockedBy, r.state = store.RollbackPending, id, store.RunRollingBack
		} else {
			if r.blockedBy == "" {
				r.state = store.RunRollbackFailed
			}
			r.block(s, w.catalog)
		}
		r.notUndone = append(r.notUndone, id)
		w.failures = append(w.failures, failure)
		err = failure
	}
	a.recycle()
	w.announce(middleware.Event{
		Kind: middleware.EventSettled, ID: id, Direction: store.Rollback, Attempt: a.Attempt, State: s.state, Err: err, Log: a.logLines(), Duration: w.clock.Now().Sub(began),
	})
}

// staysBehind reports whether an op must not be undone now, and notes it.
func (w *Walk) staysBehind(s *step) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, id := w.rollback, s.plan.ID
	by := cmp.Or(r.blockedBy, r.blocked[id])
	if by == "" {
		return false
	}
	s.state = store.RollbackPending
	s.say("waits for "+by+", which could not be undone", s.err())
	r.notUndone = append(r.notUndone, id)
	return true
}

// block keeps what must not be undone while s still stands: behind a migration everything that completed
// before it, because nobody can say what of it the migration needs; behind an operation what it
// depends on.
func (r *rollback) block(s *step, c *Catalog) {
	if r.blocked == nil {
		r.blocked = map[string]string{}
	}
	below := c.below(s.plan.ID)
	for _, other := range r.order {
		id := other.plan.ID
		if other != s && other.state != store.RolledBack && r.blocked[id] == "" && behind(s.entry, s.task, below, other.entry) {
			r.blocked[id] = s.plan.ID
		}
	}
}

// behind reports whether the rollback of e has to wait for that of an op that could not be undone. What
// completed after that op does not: it was done anew since, and nothing of the op rests on it.
func behind(failed *store.Entry, t *Task, below map[string]bool, e *store.Entry) bool {
	if failed.Seq > 0 && e.Seq > 0 && completed(e, failed) > 0 {
		return false
	}
	if t.Kind == plan.Migration {
		return failed.Seq == 0 || e.Seq > 0
	}
	return below[e.ID]
}

// latestFirst is the order of undoing: what nobody knows the end of, then the reverse of the order of
// completion.
func latestFirst(a, b *step) int {
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
