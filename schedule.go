package seq

import (
	"context"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// enrolment is the mark that stores when a step is due, its own time or that of what it waits
// for, so that any process can pick it up; false if the ledger says so already.
func (w *Walk) enrolment(i int, now time.Time) (store.Mark, bool) {
	s, due := &w.steps[i], w.due(i)
	e, op := s.known(), s.step.Op
	if due.IsZero() || s.step.Skip != "" || e.State == Indeterminate || e.State.Done() || doubt(op, e) != nil {
		return store.Mark{}, false
	}
	if (e.State == Failed || e.State == Tolerated) && !due.After(now) {
		return store.Mark{}, false // a rollback may still have to know
	}
	m := store.Mark{ID: op.ID, Attempt: e.Attempt, State: Pending, Run: w.journal.run.ID, NotBefore: due}
	if due.After(now) {
		m.State, m.Reason = Scheduled, "due at "+due.UTC().Format(time.RFC3339)
	}
	if m.State == e.State && m.NotBefore.Equal(e.NotBefore) {
		return m, false
	}
	enrolled := *e
	enrolled.ID, enrolled.State, enrolled.NotBefore = op.ID, m.State, due
	s.entry = &enrolled
	return m, true
}

// enrolled reports whether everything in a plan waits in the ledger for its time.
func (p *planning) enrolled(plan *Plan) bool {
	for i := range plan.Steps {
		if e := p.entries[plan.Steps[i].Op.ID]; e == nil || e.State != Scheduled {
			return false
		}
	}
	return true
}

// resting reports whether a plan holds nothing but what is enrolled and not due, and settles it
// so: then there is nothing to do, and nobody to wait for.
func (w *Walk) resting(now time.Time) bool {
	for i := range w.steps {
		if due, e := w.due(i), w.steps[i].known(); e.State != Scheduled || !due.After(now) || !due.Equal(e.NotBefore) {
			return false
		}
	}
	for i := range w.steps {
		s := &w.steps[i]
		s.state = Scheduled
		s.say("due at "+w.due(i).UTC().Format(time.RFC3339), nil)
		s.status.Store(settled)
	}
	return true
}

// Due is when the earliest step that settled as scheduled is due; false if there is none.
func (w *Walk) Due() (at time.Time, ok bool) {
	for i := range w.steps {
		s := &w.steps[i]
		if s.status.Load() == settled && s.state == Scheduled && (!ok || w.due(i).Before(at)) {
			at, ok = w.due(i), true
		}
	}
	return at, ok
}

// Suspend gives the lease back, waits until t, and takes the lease again. What the ledger says then
// counts: a rollback that was interrupted comes first, and the steps that were scheduled are
// planned anew, but for those that another process has done meanwhile. Plan is the new plan from
// then on. Call it when nothing is running.
func (w *Walk) Suspend(ctx context.Context, t time.Time) error {
	if err := w.complain(); err != nil {
		return err
	}
	if err := w.conclude(RunWaiting); err != nil {
		return fmt.Errorf("suspend: %w", err)
	}
	if w.journal != nil {
		w.journal.release(ctx)
		w.suspended = true
	}
	if err := clock.Sleep(ctx, w.clock, t.Sub(w.clock.Now())); err != nil {
		return fmt.Errorf("waiting for %s: %w", t.UTC().Format(time.RFC3339), err)
	}
	if w.journal != nil {
		if err := w.journal.acquire(ctx, OrWait, true, w.waiting); err != nil {
			return err
		}
		w.suspended = false
	}
	return w.again(ctx)
}

// again goes on with a run that has waited, as if another process came after it.
func (s *Sequencer) again(ctx context.Context, w *Walk, sel *selection) error {
	read := s.read
	if w.journal != nil {
		read = w.journal.entries
	}
	var p *planning
	err := insist(context.WithoutCancel(ctx), func(ctx context.Context, _ bool) (err error) {
		p, err = s.load(ctx, sel, read)
		return err
	})
	if err != nil {
		return err
	}
	if w.journal != nil {
		if _, p, err = s.unwind(ctx, w.journal, p); err != nil {
			return err
		}
	}
	left := *sel
	left.due, left.only = false, w.fold(p.entries)
	p.sel = &left
	plan, err := p.plan(ctx)
	if err != nil {
		return err
	}
	w.plan = plan
	w.prepare(p.entries)
	if w.journal == nil {
		return nil
	}
	return s.begin(ctx, w, p)
}

// fold puts the steps aside that have had their turn, and returns the others. Of what is not in
// the ledger, entries learn here.
func (w *Walk) fold(entries map[string]*store.Entry) []string {
	if w.place == nil {
		w.place = make(map[string]int, len(w.steps))
		for i := range w.steps {
			w.place[w.steps[i].step.Op.ID] = i
		}
	}
	left := []string{}
	for i := range w.steps {
		s := &w.steps[i]
		id := s.step.Op.ID
		e := entries[id]
		switch {
		case s.state != Scheduled:
		case e == nil || !e.State.Done() || e.Attempt == s.known().Attempt:
			left = append(left, id)
			continue
		default:
			s.state = Succeeded
			s.say("done by another process", nil)
		}
		w.past = append(w.past, s)
		if w.journal == nil {
			entries[id] = &store.Entry{ID: id, State: s.state}
		}
		if s.state == Skipped && s.reason() == conditionFalse { // nobody need wait for it
			entries[id] = &store.Entry{ID: id, State: Succeeded}
		}
	}
	return left
}
