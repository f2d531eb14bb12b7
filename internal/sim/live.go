package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/store"
)

// live runs all lives to their end: those of the scenario side by side, under faults; then one
// without faults, that puts everything in order.
func (w *World) live() {
	var lives, keeper, helper sync.WaitGroup
	var over atomic.Bool
	for i := range w.scenario.lives {
		lives.Go(func() { w.replica(i) })
	}
	if w.background {
		keeper.Go(func() { w.keep(&over) })
	}
	old, dismissOld := context.WithCancel(w.base)
	dismissed, dismiss := context.WithCancel(w.base)
	if w.mail != nil {
		for version := range w.scenario.versions {
			until := old // those of the last version stay to the end
			if version == len(w.scenario.versions)-1 {
				until = dismissed
			}
			helper.Go(func() { w.standBy(until, version) })
		}
	}
	go func() {
		lives.Wait()
		over.Store(true)
		keeper.Wait()
		dismissOld()
		if w.between != nil {
			w.between()
		}
		w.afterwards()
		_ = w.waiting() // under mu: what it has read last comes before the scheduler's next event
		dismiss()
		helper.Wait()
		w.done.Store(true)
		w.notify()
	}()
	w.schedule()
	w.over.Store(true) // who still waits for the transport of a fleet waits in vain
	w.bury()
	w.end()
}

// nap lets time pass.
func (w *World) nap(d time.Duration) { _ = clock.Sleep(w.base, w.clock, d) }

// replica lives the lives of one slot.
func (w *World) replica(slot int) {
	birth := &replica{world: w, number: -slot, immune: true} // to be born is a step of its own
	for i, l := range w.scenario.lives[slot] {
		w.nap(l.after)
		if birth.yield(stepLife, fmt.Sprint("birth ", i), nil, nil).dead || w.quiet && (i > 0 || l.do == asksFor) {
			return
		}
		name := w.scenario.strategy
		if l.other {
			name = w.scenario.other
			w.happens(OtherStrategy)
		}
		if l.odd {
			w.happens(OtherVersion)
		}
		r := w.newReplica(l.do)
		r.life = l
		_ = w.perform(r, name) // the audit has seen it
	}
}

// perform makes the call that a replica is there for.
func (w *World) perform(r *replica, strategy string) error {
	r.strategy, r.running = strategy, true
	r.leads = w.mail != nil && r.action != serve && !r.life.here
	s := w.sequencer(r)
	w.logf("r%d starts: %s, %s", r.number, r.action, strategy)
	var report *seq.Report
	var err error
	switch r.action {
	case work:
		return w.works(r, s)
	case serve:
		return w.serves(r, s)
	case asksFor:
		return w.asks(r, s, r.life.asks)
	case undoOne:
		if ops := r.inBackground(); len(ops) > 0 {
			report, err = s.Rollback(r.ctx, seq.Only(ops[r.life.asks.nth%len(ops)].id))
		} else {
			report, err = s.Rollback(r.ctx)
		}
	case runDue:
		report, err = s.RunDue(r.ctx)
	case rollBack:
		w.happens(Operator)
		report, err = s.Rollback(r.ctx)
	default:
		report, err = s.Run(r.ctx)
	}
	if r.yield(stepLife, "end", nil, nil).dead {
		return err
	}
	r.running = false
	w.logf("r%d returns %s: %v", r.number, report.State, w.plain(err))
	w.audit.returned(r, report, err)
	r.cancel()
	return err
}

// sequencer is the real engine on the replica's handle.
func (w *World) sequencer(r *replica) *seq.Sequencer {
	s := w.scenario.make(r.strategy)
	inner := s.Executor
	if inner == nil {
		inner = seq.Sequential().Executor
	}
	s.Executor = exec.Func(func(ctx context.Context, walk exec.Walk) error { return r.execute(ctx, inner, walk) })
	s.Middleware = w.spoil(r, s.Middleware)
	if r.leads {
		s.Middleware = slices.Insert(s.Middleware, 0, r.undoing())
	}
	made := seq.New(r, r.list()...).Use(s)
	if r.leads {
		made.Use(w.byWorkers(r))
	}
	if w.is(FastClock) {
		made.Use(seq.WithClock(fast{w.clock}))
	}
	return made
}

// afterwards is what an operator does when the storm is over, until nothing is left to do.
func (w *World) afterwards() {
	birth := &replica{world: w, number: -100, immune: true}
	if birth.yield(stepLife, "quiet", nil, nil).dead {
		return
	}
	if !w.quiet {
		w.calm()
	}
	const enough = 40
	for n := range enough {
		w.nap(100*time.Millisecond + 1)
		if birth.yield(stepLife, fmt.Sprint("again ", n), nil, nil).dead {
			return
		}
		r := w.newReplica(run)
		r.immune = true
		if w.background {
			w.resume(r)
		}
		if w.mail != nil {
			r.life.here = w.scenario.fleet.here
		}
		err := w.perform(r, w.scenario.strategy)
		if w.over.Load() {
			return
		}
		if w.background && !w.atRest(r) {
			w.workOff()
			w.resolve(r)
			continue
		}
		switch looked := w.resolve(r); {
		case w.over.Load():
			return
		case err == nil && !w.settled(r):
			w.nap(10 * time.Second)
		case err == nil && !looked && w.background && w.resume(r): // a run has ended a rollback
		case err == nil && !looked:
			w.audit.finally(r)
			return
		}
	}
	w.violate(25, "after %d runs without faults it is not done", enough)
}

// settled reports whether nothing waits for its time.
func (w *World) settled(r *replica) bool {
	for _, op := range r.ops {
		if w.state(op.id) == store.Scheduled && (!w.background || !w.audit.unmet(op)) { // else what it waits for will never be done
			return false
		}
	}
	return true
}

// resolve is a person who looks, and says what they found; only of what the contract leaves to
// a person. It reports whether there was anything.
func (w *World) resolve(r *replica) (looked bool) {
	for _, id := range w.ids() {
		e, op := w.db.entries[id], r.op(id)
		if op == nil { // it may have another ID now, by which the ledger does not know it yet
			if i := slices.IndexFunc(r.ops, func(o *opSpec) bool { return o.formerly() == id }); i >= 0 && w.db.entries[r.ops[i].id] == nil {
				op = r.ops[i]
			}
		}
		if op == nil { // a deploy took it away: only what holds up everybody is looked into
			if e.State != store.RollbackPending {
				continue
			}
			op = &opSpec{id: id}
		}
		indeterminate := e.State == store.Indeterminate && e.Delivery == store.Once && !op.verify
		failed := e.State == store.RollbackFailed || e.State == store.RollbackPending && !op.rollback
		if !indeterminate && !failed && e.Crashes < 3 {
			continue
		}
		looked = true
		again := w.newReplica(rollBack)
		again.immune = true
		if e.State == store.RollbackFailed && op.rollback {
			if err := w.perform(again, w.scenario.strategy); err == nil || w.over.Load() {
				return true
			}
		}
		w.count(resolved)
		found := seq.NotDone
		if w.audit.of(op.id).net > 0 {
			found = seq.Done
		}
		last := w.newReplica(run)
		last.immune = true
		last.strategy = w.scenario.strategy
		err := w.sequencer(last).Resolve(last.ctx, op.id, found, "the simulation knows")
		if last.yield(stepLife, "resolved "+op.id, nil, nil).dead {
			return true
		}
		w.logf("r%d resolves %s: %v", last.number, short(op.id), w.plain(err))
	}
	return looked
}

// plain is an error without what is random.
func (w *World) plain(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, errKilled):
		return "dead"
	}
	var text strings.Builder
	for _, kind := range []error{
		store.ErrLeaseLost, store.ErrLeaseHeld, store.ErrFenced, store.ErrUnknownOutcome, seq.ErrIndeterminate, seq.ErrRollbackFailed,
		seq.ErrPoisoned, seq.ErrOutcomeUnrecorded, seq.ErrPanic, seq.ErrNotReversible, seq.ErrInvalidPlan,
		seq.ErrUnknownDependency, context.Canceled, errDown, errRefused, errDeaf, errAborted, errOp, seq.ErrFailedElsewhere, seq.ErrNoWorker, errMail,
	} {
		if errors.Is(err, kind) {
			text.WriteString("[" + kind.Error() + "]")
		}
	}
	if text.Len() == 0 {
		line, _, _ := strings.Cut(err.Error(), "\n") // what follows may be a stack
		return line
	}
	return text.String()
}
