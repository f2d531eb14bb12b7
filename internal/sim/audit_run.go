package sim

import (
	"errors"
	"slices"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// legal are the arrows of docs/architecture.md, and the marks that only change a reason.
var legal = map[store.State][]store.State{
	store.Pending:         {store.Pending, store.Scheduled, store.Running, store.Skipped},
	store.Scheduled:       {store.Pending, store.Scheduled, store.Running, store.Skipped},
	store.Skipped:         {store.Pending, store.Scheduled, store.Running, store.Skipped},
	store.Running:         {store.Succeeded, store.Failed, store.Tolerated, store.Indeterminate, store.Pending},
	store.Succeeded:       {store.RollbackPending},
	store.Failed:          {store.Running, store.RollbackPending, store.Pending, store.Scheduled},
	store.Tolerated:       {store.Running, store.RollbackPending, store.Pending, store.Scheduled},
	store.Indeterminate:   {store.Running, store.RollbackPending},
	store.RollbackPending: {store.RollingBack, store.RollbackPending},
	store.RollingBack:     {store.RolledBack, store.RollbackFailed, store.RollbackPending},
	store.RolledBack:      {store.Running, store.Pending, store.Scheduled},
	store.RollbackFailed:  {store.RollbackPending},
}

// legal checks a change of state. A person may change any that is in doubt.
func (w *World) legal(before, after *store.Entry) {
	if c := w.db.attempt(after.ID); c != nil && c.Direction == store.ByHand && (after.State.Open() || before.State.Open()) {
		return
	}
	if op := w.scenario.find(after.ID); op != nil && op.background != nil && after.State == store.RollbackPending && w.audit.batchesOf(op.id).committed[after.Generation] > 0 {
		return // half done, cancelled and undone
	}
	if !slices.Contains(legal[before.State], after.State) {
		w.violate(7, "%s goes from %s to %s", short(after.ID), before.State, after.State)
	}
}

// run checks a change of a run.
func (a *audit) run(r *replica, before, after *store.Run) {
	w := a.w
	if before != nil && before.State != after.State {
		resumed := before.State == store.RunRollbackFailed && after.State == store.RunRollingBack
		if before.State.Final() && !resumed {
			w.violate(7, "r%d moves %s from %s to %s", r.number, w.alias("run", after.ID), before.State, after.State)
		}
		if before.State == store.RunRollingBack && (after.State == store.RunStarted || after.State == store.RunSucceeded) {
			w.violate(15, "r%d moves %s from %s to %s", r.number, w.alias("run", after.ID), before.State, after.State)
		}
	}
	switch after.State {
	case store.RunRollingBack:
		a.decides(r, after)
	case store.RunSucceeded:
		a.nothingLost(r, after)
	case store.RunRolledBack:
		a.complete(r, after)
	case store.RunFailed:
		a.nothingDone(r, after)
	}
}

// nothingLost checks a run that says it succeeded.
func (a *audit) nothingLost(r *replica, run *store.Run) {
	for _, id := range a.w.ids() {
		e := a.w.db.entries[id]
		if e.Run != run.ID || r.op(id) == nil { // what a deploy took away is nobody's
			continue
		}
		switch e.State {
		case store.Succeeded, store.Tolerated, store.Skipped, store.Scheduled:
		default:
			if op := r.op(id); op.allowed && !e.State.Open() || a.unmet(op) {
				continue
			}
			a.w.violate(11, "r%d ends a run as succeeded, and %s is %s", r.number, short(id), e.State)
		}
	}
}

// complete checks a run that says it was rolled back.
func (a *audit) complete(r *replica, run *store.Run) {
	for _, op := range r.ops {
		e, t := a.w.db.entries[op.id], a.of(op.id)
		if e == nil || !op.rollback || e.Run != run.ID && (t.last == nil || t.last.Run != run.ID) {
			continue
		}
		if e.Run == run.ID {
			switch e.State {
			case store.Succeeded, store.Indeterminate, store.RollbackPending, store.RollingBack, store.RollbackFailed, store.Running:
				a.w.violate(18, "r%d ends a run as rolled back, and %s is %s", r.number, short(op.id), e.State)
			}
		}
		if t.net <= 0 || t.fuzzy || t.last == nil || t.last.Run != run.ID {
			continue
		}
		if (a.w.background || a.w.mail != nil) && e.Run != run.ID && e.State == store.RollbackFailed {
			continue // a person's Rollback took it into a run of its own, which says that it could not be undone
		}
		if e.Run != run.ID && e.State == store.Succeeded {
			continue // a run of another strategy asked whether it had its effect, and it is that run's since
		}
		if last := t.lastClaim(); a.w.mail != nil && e.Run != run.ID && last != t.last && last.Direction == store.Forward && last.Run == e.Run {
			continue // it is a later run's
		}
		// What a failed call leaves is undone only if its op asks for it.
		own := t.last.closed && !t.last.lost && (t.last.outcome == store.Failed || t.last.outcome == store.Tolerated)
		if !own || op.undoFailed {
			a.w.violate(18, "r%d ends a run as rolled back, and the effect of attempt %d at %s is still there, which is %s",
				r.number, t.last.Attempt, short(op.id), e.State)
		}
	}
}

// returned checks what a run told its caller.
func (a *audit) returned(r *replica, report *seq.Report, err error) {
	w := a.w
	if report == nil {
		w.violate(24, "r%d: the report is nil", r.number)
		return
	}
	for _, failed := range opErrors(err) {
		t := a.of(failed.ID)
		effected := false
		for _, c := range slices.Backward(t.claims) {
			if c.under == r {
				effected = c.Direction == failed.Direction && c.effected
				break
			}
		}
		switch {
		case failed.Effect == seq.EffectNone && effected:
			w.violate(24, "r%d says that %s of %s had no effect: %v", r.number, failed.Direction, short(failed.ID), failed.Err)
		case failed.Effect == seq.EffectApplied && !effected:
			w.violate(24, "r%d says that %s of %s had its effect", r.number, failed.Direction, short(failed.ID))
		}
	}
	if w.mail != nil {
		a.toldOfLoss(r, err)
	}
	if err != nil || report.State != store.RunSucceeded || r.action != run {
		return
	}
	for _, op := range r.ops {
		if op.background != nil {
			continue
		}
		s := w.state(op.id)
		if step := report.Step(op.id); step != nil {
			s = step.State // the ledger may have moved on since
		}
		switch s {
		case store.Succeeded, store.Tolerated, store.Skipped, store.Scheduled:
		default:
			if w.scenario.mayInterfere() {
				continue // somebody undid it between the end of the run and here
			}
			w.violate(24, "r%d returned success, and %s is %s", r.number, short(op.id), s)
		}
	}
}

// opErrors are all the errors about ops in a tree of errors.
func opErrors(err error) []*seq.OpError {
	var found []*seq.OpError
	var visit func(error)
	visit = func(err error) {
		//nolint:errorlint // it walks the tree itself
		switch e := err.(type) {
		case nil:
		case *seq.OpError:
			found = append(found, e)
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				visit(inner)
			}
		default:
			visit(errors.Unwrap(err))
		}
	}
	visit(err)
	return found
}
