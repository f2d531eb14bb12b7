package sim

import (
	"slices"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// claim checks the beginning of an attempt.
func (a *audit) claim(r *replica, c *store.Claim, before, after *store.Entry) {
	w, t := a.w, a.of(c.ID)
	if !a.current {
		w.violate(2, "r%d claims %s without the lease", r.number, short(c.ID))
	}
	if last := t.lastClaim(); last != nil && !last.closed {
		w.violate(3, "r%d claims %s, where the attempt of r%d is open", r.number, short(c.ID), last.who.number)
	}
	if c.Attempt != before.Attempt+1 || c.Generation < before.Generation || after.Fence < before.Fence && after.Lease == before.Lease {
		w.violate(6, "%s: attempt %d→%d, generation %d→%d, fence %d→%d", short(c.ID),
			before.Attempt, c.Attempt, before.Generation, c.Generation, before.Fence, after.Fence)
	}
	w.legal(before, after)
	by := a.under(r)
	if w.mail != nil {
		a.ordered(r, by, c)
	}
	switch {
	case r.leads: // it recalls an order
	case c.Direction == store.Forward:
		a.forward(r, by, c, before)
	case c.Direction == store.Rollback:
		a.backward(r, by, c, before)
	case c.Direction == store.ByHand:
		for _, old := range t.claims {
			old.excused = true
		}
	}
	delete(a.decided, c.ID)
	t.claims = append(t.claims, &claimed{Claim: *c, who: r, under: by, event: w.events, lane: a.lease.Name, epoch: a.lease.Epoch})
}

// forward checks a claim to do an op, in a run of by.
func (a *audit) forward(r, by *replica, c *store.Claim, before *store.Entry) {
	w := a.w
	op := by.op(c.ID)
	if op == nil || r.op(c.ID) == nil {
		w.violate(11, "r%d claims %s, which it does not know", r.number, short(c.ID))
		return
	}
	for _, dep := range op.deps {
		if s := w.state(dep); s != store.Succeeded {
			w.violate(13, "r%d claims %s, which depends on %s, which is %s", r.number, short(c.ID), short(dep), s)
		}
	}
	if op.background != nil {
		a.takenUp(r, op, c, before)
	} else {
		a.planned(by, c.ID)
	}
	// What only other code had wait, by what it depends on there, need not wait here.
	if now := w.clock.Now(); op.due > 0 && before.NotBefore.After(now) {
		w.violate(22, "r%d claims %s, due in %s", r.number, short(c.ID), before.NotBefore.Sub(now))
	}
	if before.Crashes >= 3 {
		w.violate(23, "r%d claims %s after %d crashes", r.number, short(c.ID), before.Crashes)
	}
	if run := w.db.run(c.Run); run == nil || run.State != store.RunStarted {
		w.violate(14, "r%d claims %s for a run that is not under way", r.number, short(c.ID))
	}
	for _, other := range by.ops {
		if op.background != nil && other != op {
			continue // it is beside whatever a run does, and 13 has what it depends on
		}
		if s := w.state(other.id); s == store.RollbackPending || s == store.RollingBack {
			w.violate(14, "r%d claims %s while %s is %s", r.number, short(c.ID), short(other.id), s)
		}
	}
}

// planned checks a claim against the plan: what stands before it is at rest, and in a serial
// strategy none of it has failed.
func (a *audit) planned(r *replica, id string) {
	if r.plan == nil {
		return
	}
	steps := r.plan.Steps
	i := slices.IndexFunc(steps, func(s plan.Step) bool { return s.ID == id })
	if i < 0 {
		a.w.violate(11, "r%d claims %s, which is not in its plan", r.number, short(id))
		return
	}
	for j := range i {
		before := steps[j].ID
		waits := slices.Contains(steps[i].After, j) || a.w.scenario.serial(r) || steps[j].Wave < steps[i].Wave && !a.w.scenario.eager
		if !waits {
			continue
		}
		if s := a.w.state(before); s.Open() && a.underWay(before) {
			a.w.violate(12, "r%d claims %s while %s, which comes first, is %s", r.number, short(id), short(before), s)
		} else if s == store.Failed && !a.w.scenario.keepsGoing(r) && a.of(before).lastClaim().under == r && !a.w.scenario.find(before).allowed {
			a.w.violate(12, "r%d claims %s although %s, which comes first, failed", r.number, short(id), short(before))
		}
	}
}

// backward checks a claim to undo an op, in a run of by.
func (a *audit) backward(r, by *replica, c *store.Claim, before *store.Entry) {
	w := a.w
	run := w.db.run(c.Run)
	if before.State != store.RollbackPending || !a.decided[c.ID] && before.Attempt == 0 {
		w.violate(15, "r%d undoes %s, which is %s", r.number, short(c.ID), before.State)
	}
	if run == nil || run.State != store.RunRollingBack {
		w.violate(15, "r%d undoes %s in a run that has not decided to", r.number, short(c.ID))
	}
	if failed := a.behind(by, c.ID, false); failed != "" {
		w.violate(17, "r%d undoes %s, and %s, which needs it, could not be undone", r.number, short(c.ID), short(failed))
	}
	mine := a.succeeded(c.ID)
	for _, id := range w.ids() {
		e := w.db.entries[id]
		if id == c.ID || e.Run != c.Run {
			continue
		}
		switch {
		case e.State == store.Running && (a.underWay(id) || w.lives(e)):
			w.violate(16, "r%d undoes %s while %s runs", r.number, short(c.ID), short(id))
		case w.mail != nil:
			a.aside(r, by, c.ID, id)
		case e.State == store.RollingBack && a.underWay(id):
			w.violate(17, "r%d undoes %s beside %s", r.number, short(c.ID), short(id))
		case e.State == store.RollbackPending && r.op(id) != nil && mine != nil && a.succeeded(id) != nil && a.succeeded(id).event > mine.ended && a.behind(r, id, true) == "":
			w.violate(17, "r%d undoes %s before %s, which began when it had completed", r.number, short(c.ID), short(id))
		}
	}
}

// behind is an op that could not be undone and whose rollback the one of id has to wait for: a migration
// that completed later, or an operation that depends on it. It is "" if there is none. Of two whose attempts
// overlapped either may have completed first, by the numbers of the store; beside says whether they count.
func (a *audit) behind(r *replica, id string, beside bool) string {
	for _, failed := range r.ops {
		if e := a.w.db.entries[failed.id]; e == nil || e.State != store.RollbackFailed || failed.id == id || e.Run != a.w.db.entries[id].Run {
			continue
		}
		first, then := a.succeeded(id), a.succeeded(failed.id)
		if first != nil && then != nil && then.event < first.ended && (!beside || then.ended < first.event) { // one of them was done anew since
			continue
		}
		if failed.kind == plan.Migration || a.needs(r, failed, id) {
			return failed.id
		}
	}
	return ""
}

// needs reports whether an op depends on another, directly or not.
func (a *audit) needs(r *replica, op *opSpec, id string) bool {
	return slices.ContainsFunc(op.deps, func(dep string) bool {
		on := r.op(dep)
		return dep == id || on != nil && a.needs(r, on, id)
	})
}

// underWay reports whether a call of an op is, and not just an attempt that nobody was told of.
func (a *audit) underWay(id string) bool {
	return slices.ContainsFunc(a.open, func(c *called) bool { return c.ID == id && c.claimed == a.of(id).lastClaim() })
}

// succeeded is the last attempt at an op if it succeeded, else nil. Of attempts side by side, the
// order of completion is what the engine says it is.
func (a *audit) succeeded(id string) *claimed {
	for _, c := range slices.Backward(a.of(id).claims) {
		if c.Direction == store.Forward {
			if c.outcome == store.Succeeded {
				return c
			}
			return nil
		}
	}
	return nil
}
