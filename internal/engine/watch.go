package engine

import (
	"fmt"
	"time"

	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// announceStart tells the watchers that the run begins.
func (w *Walk) announceStart() {
	if w.watchers == nil {
		return
	}
	e := middleware.Event{
		Kind: middleware.EventRunStarted, Total: int64(len(w.steps)), Actor: w.session.Run.Owner.Actor, Reason: w.session.Run.Reason,
	}
	if len(w.steps) > 0 {
		e.Hash = w.plan.Hash()
	}
	w.announce(e)
}

// announceEnd tells the watchers what became of the run.
func (w *Walk) announceEnd(r *Result) {
	if w.watchers == nil {
		return
	}
	counts := map[store.State]int{}
	for s := range r.Steps {
		counts[s.State]++
	}
	w.announce(middleware.Event{
		Kind: middleware.EventRunFinished, RunState: r.State, Duration: r.Finished.Sub(r.Started), Counts: counts,
	})
}

// nothingToDo tells the watchers that a call found nothing to do.
func (e *Engine) nothingToDo(p *plan.Plan, why string) {
	if e.Watchers != nil {
		e.Watchers.Send(middleware.Event{
			Kind: middleware.EventNothingToDo, Time: e.Clock.Now(), Strategy: p.Strategy, Plan: p, Total: int64(len(p.Steps)), Reason: why,
		})
	}
}

// sessionWatcher tells the watchers of a sequencer what happens to the session of a call.
type sessionWatcher struct {
	engine *Engine
	run    string
	latest func() *store.Run // asked when the wait for the lease begins; nil: nobody wants to know

	// Of the moment when the wait began; in the goroutine of the caller.
	held   *store.LeaseError // by whom the lease was held
	before *store.Run        // the latest run, nil if there was none
}

func (s *sessionWatcher) send(e middleware.Event) {
	if s.engine.Watchers == nil {
		return
	}
	e.Err = redactor(s.engine.Redact).error(e.Err)
	e.Time, e.Strategy, e.Run = s.engine.Clock.Now(), s.engine.Strategy.Name, s.run
	s.engine.Watchers.Send(e)
}

func (s *sessionWatcher) LeaseHeld(by *store.LeaseError) {
	if s.held == nil && by.Held == nil {
		s.held = by
		if s.latest != nil {
			s.before = s.latest()
		}
	}
	reason := fmt.Sprintf("waits for %s", by.Holder)
	if by.Held != nil {
		reason = by.Error()
	}
	s.send(middleware.Event{Kind: middleware.EventWaiting, Err: by, Reason: reason})
}

func (s *sessionWatcher) Unreachable(err error, pause time.Duration) {
	s.send(middleware.Event{Kind: middleware.EventWaiting, Err: err, Delay: pause, Reason: "tries again"})
}

func (s *sessionWatcher) Acquired() { s.send(middleware.Event{Kind: middleware.EventLeaseAcquired}) }

func (s *sessionWatcher) Lost(err error) {
	s.send(middleware.Event{Kind: middleware.EventLeaseLost, Err: err})
}

func (s *sessionWatcher) Recovered(o store.Outcome) {
	s.send(middleware.Event{Kind: middleware.EventRecovered, ID: o.ID, State: o.State, Reason: o.Error})
}
