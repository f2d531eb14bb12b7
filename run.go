package seq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
	"slices"
)

// Run does what is left to do: every op that is registered, chosen by the options, and has not
// succeeded before. It first undoes what an interrupted rollback left, then plans, and executes
// exactly that plan. It returns when all it started has ended. The report is never nil and is
// true also when the error is not nil; an error about ops is a *[RunError].
//
// While it works it holds the ledger's lease, so that runs of other processes wait (see
// [Isolate]). With nothing to do it is one query and no lock.
func (s *Sequencer) Run(ctx context.Context, opts ...RunOption) (*Report, error) {
	s, sel, err := s.with(opts)
	if err != nil {
		return &Report{Strategy: s.strategy.Name, State: RunFailed}, err
	}
	return s.run(ctx, sel)
}

// RunDue does what the schedule holds and is due, each op once whichever process asks, and
// returns. It is for cron: call it every minute from as many hosts as you like.
func (s *Sequencer) RunDue(ctx context.Context, opts ...RunOption) (*Report, error) {
	return s.Run(ctx, append(slices.Clone(opts), func(sel *selection) { sel.due = true })...)
}

func (s *Sequencer) run(ctx context.Context, sel *selection) (*Report, error) {
	defer s.announcer.flush()
	report := &Report{Strategy: s.strategy.Name, State: RunFailed}
	p, err := s.load(ctx, sel, s.look(sel))
	if err != nil {
		return report, err
	}
	plan, err := p.plan(ctx)
	if err != nil {
		return report, err
	}
	if err := s.agreed(plan, sel); err != nil {
		return report, err
	}
	if !has(s.strategy.Middleware, LayerRecord) {
		return s.walkPlan(ctx, s.newWalk(plan, nil, p.entries, sel))
	}
	if len(plan.Undo) == 0 && (plan.Empty() || !s.awaits()) && p.enrolled(plan) {
		if w := s.newWalk(plan, nil, p.entries, sel); w.resting(p.now) {
			return w.report(RunSucceeded, p.now), nil
		}
	}
	j := &journal{store: s.store, run: sel.newRun(s.strategy.Name)}
	ctx, drop, err := s.take(ctx, j, sel)
	if err != nil {
		return report.turnedAway(sel, err)
	}
	defer drop()
	return s.lead(ctx, j, p, plan)
}

// agreed reports whether the plan may run, going by what the caller expects and the policy forbids.
func (s *Sequencer) agreed(plan *Plan, sel *selection) error {
	if sel.expect != "" && plan.Hash() != sel.expect {
		return fmt.Errorf("%w: it is %s now, not %s; look at it again", ErrPlanChanged, plan.Hash(), sel.expect)
	}
	return s.drift.refuse(plan.Findings)
}

// awaits reports whether the strategy waits for what is not due.
func (s *Sequencer) awaits() bool {
	return slices.ContainsFunc(s.strategy.Middleware, func(m Middleware) bool { return m.Layer == LayerWait && m.Run != nil })
}

// lead is a run under the lease: what others left is put in order, then the plan is made anew if it
// may have changed while we waited.
func (s *Sequencer) lead(ctx context.Context, j *journal, before *planning, plan *Plan) (*Report, error) {
	report, sel := &Report{Strategy: s.strategy.Name, State: RunFailed}, before.sel
	p, err := s.load(ctx, sel, j.entries)
	if err != nil {
		return report, err
	}
	earlier, p, err := s.unwind(ctx, j, p)
	if err != nil {
		return cmp.Or(earlier, report), err
	}
	if !p.sameAs(before, plan) {
		if plan, err = p.plan(ctx); err != nil {
			return report, err
		}
	}
	report.Earlier = earlier
	if err := s.agreed(plan, sel); err != nil {
		return report, err
	}
	if len(plan.Steps) == 0 {
		report.State = RunSucceeded
		return report, nil
	}
	w := s.newWalk(plan, j, p.entries, sel)
	w.announce(Event{Kind: EventPlanned, Plan: plan})
	if err := s.begin(ctx, w, p); err != nil {
		return report, err
	}
	report, err = s.walkPlan(ctx, w)
	report.Earlier = earlier
	return report, err
}

// take waits for the lease as the options say. The returned context ends when the lease is
// lost, with a cause that matches ErrLeaseLost; drop ends both.
func (s *Sequencer) take(ctx context.Context, j *journal, sel *selection) (_ context.Context, drop func(), err error) {
	held, lost := context.WithCancelCause(context.WithoutCancel(ctx))
	ctx, stop := context.WithCancelCause(ctx)
	j.made, j.held, j.lose = wall.Now(), held, func(why error) { lost(why); stop(why) }
	w := &Walk{clock: s.clock, announcer: s.announcer, strategy: s.strategy.Name}
	j.tell = w.announce
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(held, func() { wall.AfterFunc(recordTimeout, stopWriting) })
	j.writing = writing
	end := func() { unhook(); stopWriting(); j.lose(nil) }
	if err := j.acquire(ctx, sel.otherwise, false, w.waiting); err != nil {
		end()
		return ctx, func() {}, err
	}
	return ctx, func() { j.release(ctx); end() }, nil
}

// turnedAway is the report of a call that did not get the lease.
func (r *Report) turnedAway(sel *selection, err error) (*Report, error) {
	if errors.Is(err, ErrLeaseHeld) && sel.otherwise == OrReturn {
		r.State = RunBusy
		return r, nil
	}
	return r, err
}

// waiting tells the watchers why nothing moves.
func (w *Walk) waiting(held *store.LeaseError) {
	w.announce(Event{Kind: EventWaiting, Err: held, Reason: fmt.Sprintf("waits for %s", held.Holder)})
}

// unwind ends the rollbacks that others began, and reads the ledger anew if there were any. The
// report is that of the last.
func (s *Sequencer) unwind(ctx context.Context, j *journal, p *planning) (report *Report, _ *planning, err error) {
	for len(p.unfinished()) > 0 {
		if report, err = s.resume(ctx, j, p); err != nil {
			return report, p, err
		}
		if p, err = s.load(ctx, p.sel, j.entries); err != nil {
			return report, p, err
		}
	}
	return report, p, nil
}

func (s *Sequencer) newWalk(plan *Plan, j *journal, entries map[string]*store.Entry, sel *selection) *Walk {
	w := &Walk{
		plan: plan, handler: s.handler(), clock: s.clock, made: s.clock.Now(), journal: j,
		announcer: s.announcer, strategy: s.strategy.Name,
		tolerates: has(s.strategy.Middleware, LayerTolerate),
	}
	w.again = func(ctx context.Context) error { return s.again(ctx, w, sel) }
	if j != nil {
		w.ledger = func(ctx context.Context) (*planning, error) { return s.load(ctx, sel, j.entries) }
	}
	w.prepare(entries)
	return w
}

// begin records the run and enrols what has a schedule. A run of the same strategy whose process
// died is continued under its name, so that a saga still knows what belongs to it; a run that has
// waited goes on under its own.
func (s *Sequencer) begin(ctx context.Context, w *Walk, p *planning) error {
	j := w.journal
	dead, err := j.dead(ctx, RunStarted, RunRollingBack)
	if err != nil {
		return err
	}
	for _, r := range dead {
		if r.State == RunStarted && r.Strategy == s.strategy.Name && !p.sel.due && w.place == nil {
			j.run.ID, j.run.Reason = r.ID, cmp.Or(j.run.Reason, r.Reason)
			break
		}
	}
	if err := j.bury(dead); err != nil {
		return err
	}
	j.run.State = RunStarted
	run := j.run
	batch := store.Batch{Run: &run}
	for i := range w.steps {
		if m, changed := w.enrolment(i, p.now); changed {
			batch.Marks = append(batch.Marks, m)
		}
	}
	if _, err := j.write(batch); err != nil {
		return fmt.Errorf("begin the run: %w", err)
	}
	return nil
}

// dead are the runs that the ledger has in one of these states, the latest first, although they
// are not under way: whoever holds the lease knows that.
func (j *journal) dead(ctx context.Context, states ...RunState) ([]store.Run, error) {
	runs, err := j.store.Runs(ctx, store.Page{Limit: lookBack})
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	return slices.DeleteFunc(runs, func(r store.Run) bool { return !slices.Contains(states, r.State) }), nil
}

// bury closes the runs of the dead, but for the one that is continued.
func (j *journal) bury(dead []store.Run) error {
	for _, r := range dead {
		if r.ID == j.run.ID {
			continue
		}
		r.State = RunAbandoned
		if _, err := j.write(store.Batch{Run: &r}); err != nil {
			return fmt.Errorf("close the run %s: %w", r.ID, err)
		}
	}
	return nil
}

// lookBack is how many runs may have come after one whose process died, and it is still found.
const lookBack = 100

// newRunID is random; runs are ordered by when they started.
func newRunID() string { return store.NewToken().String() }
