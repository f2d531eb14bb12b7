package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// Run plans what is left to do and does it. The result is never nil.
//
// It reads the ledger in brief, without the lease. If there is something to do it takes the lease,
// closes what dead processes left open, ends the rollbacks that they began, and plans anew if anything
// changed in the meantime. Then come rounds, see rounds.
func (e *Engine) Run(ctx context.Context, req *Request) (result *Result, _ error) {
	defer e.Watchers.Flush()
	e = e.forCall()
	p, err := e.Load(ctx, req, e.brief(req))
	if err != nil {
		return e.failed(), err
	}
	made, err := p.plan(ctx)
	if err == nil {
		err = errors.Join(p.standing(), e.agreed(made, req))
	}
	if err != nil {
		return e.failed(), err
	}
	run := req.run(e.Strategy.Name)
	run.Saga = holds(e.Strategy.Chain, middleware.LayerSaga)
	if len(made.Undo) == 0 && !p.goesOn(&run) {
		discarded := ledger.Discard()
		discarded.Run.Strategy = e.Strategy.Name
		if w := e.newWalk(discarded, made, p); e.atRest(ctx, w, p) {
			if !req.Polls {
				e.nothingToDo(made.Plan, "")
			}
			return w.result(store.RunSucceeded, p.now).with(made), nil
		}
	}
	run.Work = e.work(req)
	caller := ctx
	watch := &sessionWatcher{engine: e, run: run.ID, latest: func() *store.Run { return e.latestRun(caller) }}
	ctx, s, err := ledger.Open(ctx, e.Store, run, req.IfLeased, watch)
	if err != nil {
		return e.unavailable(req, err)
	}
	defer func() {
		s.Close(ctx)
		e.retain(caller, result)
	}()
	if held := watch.held; held != nil && !req.RetryFailed {
		if result, err := e.failedElsewhere(ctx, s, held, watch.before); err != nil {
			return result, err
		}
	}
	return e.withLease(ctx, s, p, made)
}

// failed is the result of a call that did nothing.
func (e *Engine) failed() *Result { return &Result{Strategy: e.Strategy.Name, State: store.RunFailed} }

// with adds what the plan says of code and ledger.
func (r *Result) with(made *planned) *Result {
	r.Findings = made.Findings
	return r
}

// unavailable is the result of a call that did not get the lease.
func (e *Engine) unavailable(req *Request, err error) (*Result, error) {
	r := e.failed()
	if errors.Is(err, store.ErrLeaseHeld) && req.IfLeased == ledger.Return {
		r.State = store.RunBusy
		return r, nil
	}
	return r, err
}

// agreed reports whether the plan may run, going by what the caller expects, the policy forbids, and the
// pool has room for.
func (e *Engine) agreed(made *planned, req *Request) error {
	if req.Expect != "" && made.Hash() != req.Expect {
		return fmt.Errorf("%w: it is %s now, not %s; look at it again", ErrPlanChanged, made.Hash(), req.Expect)
	}
	return errors.Join(roomy(e.Store, made.Plan), refuse(made.Findings))
}

// withLease is a run once it has the lease. before and made are from before that.
func (e *Engine) withLease(ctx context.Context, s *ledger.Session, before *Planning, made *planned) (*Result, error) {
	p, err := e.Load(ctx, before.req, underLease(s))
	if err != nil {
		return e.failed(), err
	}
	earlier, p, err := e.finishRollbacks(ctx, s, p)
	if err != nil {
		return cmp.Or(earlier, e.failed()), err
	}
	result := e.failed().with(made)
	result.Earlier = earlier
	if !p.sameAs(before, made.Plan) {
		if made, err = p.plan(ctx); err != nil {
			return result, err
		}
	}
	if err := errors.Join(p.standing(), e.agreed(made, p.req)); err != nil {
		return result, err
	}
	if len(made.Steps) == 0 && !p.goesOn(&s.Run) {
		result.State, result.Excluded, result.Background = store.RunSucceeded, made.Excluded, made.Background
		e.nothingToDo(made.Plan, "another process did what was left to do")
		return result, nil
	}
	w := e.newWalk(s, made, p)
	if err := w.dispatch.open(ctx); err != nil {
		return result, err
	}
	w.announce(middleware.Event{Kind: middleware.EventPlanned, Plan: made.Plan})
	if err := w.begin(ctx, p, true); err != nil {
		return result, err
	}
	result, err = e.rounds(ctx, w, p.req)
	result.Earlier = earlier
	result.with(made)
	return result, err
}

// rounds walks the plan, and if the strategy waits for what is not due: gives the lease back, sleeps,
// takes it again, plans what is left, and walks that. What fails between two rounds goes through the
// middleware of the run like a failure in a walk, so that a saga undoes the rounds before.
func (e *Engine) rounds(ctx context.Context, w *Walk, req *Request) (*Result, error) {
	began := e.Clock.Now()
	w.announceStart()
	err := e.execute(ctx, w, e.Strategy.Executor)
	for err == nil && e.awaits() {
		at, more := w.nextDue()
		if !more {
			break
		}
		next, waitErr := e.nextRound(ctx, w, req, at)
		if waitErr == nil {
			w = next
			err = e.execute(ctx, w, e.Strategy.Executor)
			continue
		}
		err = e.execute(ctx, w, exec.Func(func(context.Context, exec.Walk) error { return waitErr }))
	}
	return e.finish(ctx, w, err, began)
}

// execute sends a walk through the run middleware and the executor.
func (e *Engine) execute(ctx context.Context, w *Walk, executor exec.Executor) error {
	w.ctx = ctx
	if w.dispatch != nil {
		defer w.dispatch.close(ctx)
	}
	err := w.surround(executor, e.Strategy.Chain).Execute(ctx, w)
	w.pool.Close()
	return err
}

// nextRound waits until at without the lease, and returns the walk over what is left then, as if
// another process came after this one.
func (e *Engine) nextRound(ctx context.Context, w *Walk, req *Request, at time.Time) (*Walk, error) {
	s := w.session
	if err := w.unsettled(); err != nil {
		return nil, err
	}
	if err := w.recordEnd(store.RunWaiting); err != nil {
		return nil, fmt.Errorf("suspend: %w", err)
	}
	s.Suspend(ctx)
	w.suspended = true
	if err := clock.Sleep(ctx, e.Clock, at.Sub(e.Clock.Now())); err != nil {
		return nil, fmt.Errorf("waiting for %s: %w", at.UTC().Format(time.RFC3339), err)
	}
	if err := s.Resume(ctx); err != nil {
		return nil, err
	}
	w.suspended = false
	var p *Planning
	err := ledger.Retry(context.WithoutCancel(ctx), func(ctx context.Context, _ bool) (err error) {
		p, err = e.Load(ctx, req, underLease(s))
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, p, err = e.finishRollbacks(ctx, s, p); err != nil {
		return nil, err
	}
	if err := p.standing(); err != nil { // another run's rollback failed while this one waited
		return nil, err
	}
	left := *req
	left.Due, left.Dependencies = false, false
	var past []*step
	var place map[string]int
	left.round, past, place = w.archive(p)
	p.req = &left
	made, err := p.plan(ctx)
	if err != nil {
		return nil, err
	}
	next := e.newWalk(s, made, p)
	_ = next.dispatch.open(ctx) // if no order can be sent, its step fails
	next.past, next.place, next.failures = past, place, w.failures
	next.halted.Store(w.halted.Load())
	next.keepGoing.Store(w.keepGoing.Load())
	return next, next.begin(ctx, p, false)
}

// archive returns what is left for the next round, the steps that have had their turn in this one and
// those before, and where each stood in the plan of the first. A step whose condition was false counts
// as done in the planning of the next round.
func (w *Walk) archive(p *Planning) (left map[string]bool, past []*step, place map[string]int) {
	left, past, place = map[string]bool{}, slices.Clone(w.past), w.place
	if place == nil {
		place = make(map[string]int, len(w.steps))
		for i := range w.steps {
			place[w.steps[i].plan.ID] = i
		}
	}
	for i := range w.steps {
		s := &w.steps[i]
		id := s.plan.ID
		e := p.entries[id]
		switch {
		case s.state != store.Scheduled:
		case !isDone(e) || e.Attempt == s.known().Attempt:
			left[id] = true
			continue
		default:
			s.state = store.Succeeded
			s.say("done by another process", nil)
		}
		past = append(past, s)
	}
	p.waived = map[string]bool{}
	for _, s := range past {
		if s.waived() {
			p.waived[s.plan.ID] = true
		}
	}
	return left, past, place
}

// goesOn reports whether a run goes on with a saga that has no end: if nothing is left to do, it writes that
// the saga has come to its end.
func (p *Planning) goesOn(mine *store.Run) bool {
	return slices.ContainsFunc(p.sagas, func(r store.Run) bool { return p.continues(mine, &r) })
}

// continues reports whether the run that is planned goes on with one that has no end. RunDue leaves alone what
// has failed, and what a worker is at: it goes on with no run of which that keeps it from saying how it ended.
func (p *Planning) continues(mine, r *store.Run) bool {
	if !continues(mine, r) || !p.req.Due {
		return continues(mine, r)
	}
	for _, e := range p.entries {
		if e.Run == r.ID && (e.State == store.Failed || e.State.Open()) {
			return false
		}
	}
	return true
}

// continues reports whether a new run goes on with one that has no end.
func continues(mine, r *store.Run) bool {
	open := r.State == store.RunStarted || r.State == store.RunInterrupted || r.State == store.RunWaiting && r.Strategy == WorkName
	return open &&
		r.Strategy == mine.Strategy && r.Selection == mine.Selection && r.Saga == mine.Saga
}

// begin records the run, and enrols what has a schedule. In the first round, a run of the same strategy
// and selection that has no end is continued under its ID, so that a saga still knows what belongs to it:
// one whose process died, or a saga that was interrupted.
func (w *Walk) begin(ctx context.Context, p *Planning, first bool) error {
	s := w.session
	open, err := s.UnfinishedRuns(ctx)
	if err != nil {
		return err
	}
	for _, r := range open {
		if first && p.continues(&s.Run, &r) {
			s.Run.ID, s.Run.Reason = r.ID, cmp.Or(s.Run.Reason, r.Reason)
			break
		}
	}
	if err := s.CloseDead(open); err != nil {
		return err
	}
	s.Run.State = store.RunStarted
	run := s.Run
	batch := store.Batch{Run: &run}
	for i := range w.steps {
		if m, changed := w.enrolment(i, p.now); changed {
			batch.Marks = append(batch.Marks, m)
		}
	}
	if _, err := s.Write(batch); err != nil {
		return fmt.Errorf("begin the run: %w", err)
	}
	return nil
}
