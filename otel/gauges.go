package seqotel

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// fresh is how old a reading of the ledger may be that a collection is answered with, so that several
// readers, or an impatient one, do not load the database.
const fresh = 10 * time.Second

// goodRuns is how many of the latest runs are searched for one that succeeded.
const goodRuns = 100

// Observe makes gauges of how the ledger stands, whichever process works on it:
//
//   - seq.op.required: what a run would take up now
//   - seq.op.failed: whose last attempt failed, and that are not allowed to
//   - seq.op.overdue: due by the schedule, and not done
//   - seq.op.needs_person: that no run goes on with: in doubt, not undone, or fatal to its process
//   - seq.run.last_success: when the last good run ended, in seconds since 1970; absent if none of the last
//     100 was
//   - seq.background.unattended: ops that are left to the background, and that nobody works on: paused, waiting,
//     or there is no process that works
//   - seq.background.done, seq.background.total, seq.background.dead_letters, seq.background.checkpoint_age:
//     how far each op is that is left to the background, and how many seconds ago its last checkpoint was, with the attribute seq.op.id; a total
//     that is not known is absent, and so is the age of one that nobody works on
//   - seq.ledger.held: 1 while a person keeps runs from beginning, else 0
//
// What was cancelled is left to nobody. They are read from the ledger when metrics are collected, at most once in
// 10 s, by a handful of queries.
// Collecting fails if the ledger does not answer. The gauges end with stop. An alert on
// seq.op.needs_person > 0 or seq.op.failed > 0 wakes the right person; one process of a fleet need observe.
func Observe(s *seq.Sequencer, opts ...Option) (stop func() error, err error) {
	m := newConfig(opts).meter()
	g := &gauges{s: s, clock: clock.Wall()}
	var list []metric.Observable
	gauge := func(name, unit, about string) metric.Int64ObservableGauge {
		it, wrong := m.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(about))
		if wrong != nil && err == nil {
			err = wrong
		}
		list = append(list, it)
		return it
	}
	required := gauge("seq.op.required", "{op}", "Ops that a run would take up now.")
	failed := gauge("seq.op.failed", "{op}", "Ops whose last attempt failed and that are not allowed to fail.")
	overdue := gauge("seq.op.overdue", "{op}", "Ops that are due by the schedule and not done.")
	person := gauge("seq.op.needs_person", "{op}", "Ops that no run goes on with until a person decides.")
	unattended := gauge("seq.background.unattended", "{op}", "Ops that are left to the background and that nobody works on.")
	done := gauge("seq.background.done", "1", "How far an op in the background is, in its own units.")
	total := gauge("seq.background.total", "1", "How much an op in the background has to do, in its own units.")
	dead := gauge("seq.background.dead_letters", "1", "What an op in the background has put aside.")
	age := gauge("seq.background.checkpoint_age", "s", "How long ago the last checkpoint of an op was that somebody works on.")
	held := gauge("seq.ledger.held", "1", "Whether a person keeps runs from beginning.")
	last := gauge("seq.run.last_success", "s", "When the last run that succeeded ended, in seconds since 1970.")
	if err != nil {
		return nil, err
	}
	r, err := m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		now, err := g.read(ctx)
		if err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		o.ObserveInt64(required, now.required)
		o.ObserveInt64(failed, now.failed)
		o.ObserveInt64(overdue, now.overdue)
		o.ObserveInt64(person, now.person)
		o.ObserveInt64(unattended, now.unattended)
		o.ObserveInt64(held, now.held)
		for i := range now.beside {
			b := &now.beside[i]
			of := metric.WithAttributes(attribute.String("seq.op.id", b.id))
			o.ObserveInt64(done, b.done, of)
			o.ObserveInt64(dead, b.dead, of)
			if b.total > 0 {
				o.ObserveInt64(total, b.total, of)
			}
			if b.age >= 0 {
				o.ObserveInt64(age, int64(b.age.Seconds()), of)
			}
		}
		if !now.good.IsZero() {
			o.ObserveInt64(last, now.good.Unix())
		}
		return nil
	}, list...)
	if err != nil {
		return nil, err
	}
	return r.Unregister, nil
}

// gauges is the latest reading of a ledger.
type gauges struct {
	s     *seq.Sequencer
	clock clock.Clock

	mu   sync.Mutex
	at   time.Time
	last reading
}

type reading struct {
	required, failed, overdue, person int64
	good                              time.Time
	unattended, held                  int64
	beside                            []beside
}

// beside is how far an op is that is left to the background.
type beside struct {
	id                string
	done, total, dead int64
	age               time.Duration // of the last checkpoint; negative if there is none, or nobody works on it
}

func (g *gauges) read(ctx context.Context) (reading, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	if !g.at.IsZero() && now.Sub(g.at) < fresh {
		return g.last, nil
	}
	st, err := g.s.Status(ctx)
	if err != nil {
		return reading{}, err
	}
	runs, err := g.s.Store().Runs(ctx, store.Page{Limit: goodRuns})
	if err != nil {
		return reading{}, err
	}
	var r reading
	for i := range st.Ops {
		r.count(&st.Ops[i], st.Now)
	}
	if st.Control != nil && st.Control.Holds(st.Now) {
		r.held = 1
	}
	for i := range runs {
		if runs[i].State == seq.RunSucceeded && runs[i].Finished.After(r.good) {
			r.good = runs[i].Finished
		}
	}
	g.at, g.last = now, r
	return r, nil
}

func (r *reading) count(o *seq.OpStatus, now time.Time) {
	if o.Background {
		r.countBeside(o, now)
	}
	waits := o.State == seq.Scheduled && o.Due.After(now)
	if o.Pending() && !waits && o.Need != seq.InBackground {
		r.required++
	}
	if o.State == seq.Failed {
		r.failed++
	}
	if !o.State.Done() && !o.Due.IsZero() && o.Due.Before(now) {
		r.overdue++
	}
	if o.State == seq.Indeterminate || o.State == seq.RollbackFailed || o.Refused != "" {
		r.person++
	}
}

func (r *reading) countBeside(o *seq.OpStatus, now time.Time) {
	if o.State.Done() || o.Excluded != "" || o.Control != nil && o.Control.Wanted == store.WantCancel {
		return
	}
	b := beside{id: o.ID, done: o.Done, total: o.Total, dead: o.Pace.DeadLetters, age: -1}
	switch {
	case o.Worker == nil:
		r.unattended++
	case !o.Moved.IsZero():
		b.age = max(0, now.Sub(o.Moved))
	}
	r.beside = append(r.beside, b)
}
