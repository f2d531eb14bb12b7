package engine

import (
	"time"

	"github.com/sequencer-go/seq/store"
)

// isDue reports whether the schedule holds an op and its time has come.
func isDue(e *store.Entry, now time.Time) bool {
	return e != nil && !e.NotBefore.IsZero() && !e.NotBefore.After(now) &&
		(e.State == store.Scheduled || e.State == store.Pending || e.State == store.Indeterminate)
}

// due is when a step is due, its own time or that of what it waits for; zero: at once.
func (w *Walk) due(i int) time.Time {
	if w.dues == nil {
		return time.Time{}
	}
	return w.dues[i]
}

// nextDue is when the earliest step that settled as scheduled is due; false if there is none.
func (w *Walk) nextDue() (at time.Time, ok bool) {
	for i := range w.steps {
		s := &w.steps[i]
		if s.status.Load() == settled && s.state == store.Scheduled && (!ok || w.due(i).Before(at)) {
			at, ok = w.due(i), true
		}
	}
	return at, ok
}

// enrolment is the mark that stores when a step is due, its own time or that of what it waits for, so
// that any process can pick it up; false if the ledger says so already.
func (w *Walk) enrolment(i int, now time.Time) (store.Mark, bool) {
	s, due := &w.steps[i], w.due(i)
	e := s.known()
	if due.IsZero() || s.plan.Skip != "" || e.State == store.Indeterminate || e.State.Done() || w.limits.refusal(s.task, e) != nil {
		return store.Mark{}, false
	}
	if (e.State == store.Failed || e.State == store.Tolerated) && !due.After(now) {
		return store.Mark{}, false // a rollback may still have to know
	}
	m := store.Mark{ID: s.plan.ID, Attempt: e.Attempt, State: store.Pending, Run: w.session.Run.ID, NotBefore: due}
	if due.After(now) {
		m.State, m.Reason = store.Scheduled, dueAt(due)
	}
	if m.State == e.State && m.NotBefore.Equal(e.NotBefore) {
		return m, false
	}
	enrolled := *e
	enrolled.ID, enrolled.State, enrolled.NotBefore = s.plan.ID, m.State, due
	s.entry = &enrolled
	return m, true
}
