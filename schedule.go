package seq

import (
	"context"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// enrolment is the mark that stores when a step is due, its own time or that of what it waits
// for, so that any process can pick it up; false if the ledger says so already.
func (w *Walk) enrolment(i int, now time.Time) (Mark, bool) {
	s, step := &w.steps[i], &w.plan.Steps[i]
	if s.due.IsZero() || step.Skip != "" || s.entry.State == Indeterminate || s.entry.State == Succeeded || doubt(step.Op, &s.entry) != nil {
		return Mark{}, false
	}
	m := Mark{ID: step.Op.ID, Attempt: s.entry.Attempt, State: Pending, Run: w.journal.run.ID, NotBefore: s.due}
	if s.due.After(now) {
		m.State, m.Reason = Scheduled, "due at "+s.due.UTC().Format(time.RFC3339)
	}
	if m.State == s.entry.State && m.NotBefore.Equal(s.entry.NotBefore) {
		return m, false
	}
	s.entry.State, s.entry.NotBefore = m.State, m.NotBefore
	return m, true
}

// resting reports whether a plan holds nothing but what is enrolled and not due, and settles it
// so: then there is nothing to do, and nobody to wait for.
func (w *Walk) resting(now time.Time) bool {
	for i := range w.steps {
		s := &w.steps[i]
		if s.entry.State != Scheduled || !s.due.After(now) || !s.due.Equal(s.entry.NotBefore) {
			return false
		}
	}
	for i := range w.steps {
		s := &w.steps[i]
		s.state, s.reason = Scheduled, "due at "+s.due.UTC().Format(time.RFC3339)
		s.status.Store(settled)
	}
	return true
}

// Due is when the earliest step that settled as scheduled is due; false if there is none.
func (w *Walk) Due() (at time.Time, ok bool) {
	for i := range w.steps {
		s := &w.steps[i]
		if s.status.Load() == settled && s.state == Scheduled && (!ok || s.due.Before(at)) {
			at, ok = s.due, true
		}
	}
	return at, ok
}

// Suspend gives the lease back, waits until t, takes the lease again, and makes the scheduled
// steps ready to be done, but for those that another process has done meanwhile. Call it when
// nothing is running.
func (w *Walk) Suspend(ctx context.Context, t time.Time) error {
	if err := w.conclude(ctx, RunWaiting); err != nil {
		return fmt.Errorf("suspend: %w", err)
	}
	if w.journal != nil {
		w.journal.release(ctx)
		w.suspended = true
	}
	if err := clock.Sleep(ctx, w.clock, t.Sub(w.clock.Now())); err != nil {
		return fmt.Errorf("waiting for %s: %w", t.UTC().Format(time.RFC3339), err)
	}
	now, err := w.resume(ctx)
	if err != nil {
		return err
	}
	for i := range w.steps {
		s := &w.steps[i]
		if s.status.Load() != settled || s.state != Scheduled {
			continue
		}
		if e := now[w.plan.Steps[i].Op.ID]; e != nil {
			s.entry = *e
			if e.State == Succeeded {
				s.state, s.reason = Succeeded, "done by another process"
				continue
			}
		}
		s.state, s.reason = Pending, ""
		s.status.Store(idle)
	}
	return nil
}

// resume takes the lease again and reads what has changed.
func (w *Walk) resume(ctx context.Context) (map[string]*Entry, error) {
	j := w.journal
	if j == nil {
		return nil, nil
	}
	if err := j.acquire(ctx, OrWait, w.waiting); err != nil {
		return nil, err
	}
	w.suspended = false
	entries, err := j.entries(ctx)
	if err != nil {
		return nil, err
	}
	run := j.run
	_, err = j.write(ctx, Batch{Run: &run})
	return entries, err
}
