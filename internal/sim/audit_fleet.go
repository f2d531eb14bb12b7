package sim

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// sent is what an order is about.
type sent struct {
	holder    string
	id        string
	attempt   int // that it asks for
	direction store.Direction
}

// order is one as its leader has sent it.
type order struct {
	run  string
	void bool // its leader was told that it is
}

// under is whose run a replica claims for: of a worker, the leader's.
func (a *audit) under(r *replica) *replica {
	if r.action != serve {
		return r
	}
	if by := a.w.db.lease(a.lease.Name).by; by != nil {
		return by
	}
	return r
}

// orders notes that a leader sends an order.
func (a *audit) orders(o *engine.Order) {
	key := sent{o.Holder, o.ID, o.Attempt + 1, o.Direction}
	if a.sent[key] == nil {
		a.sent[key] = &order{run: o.Run}
	}
}

// recalled notes that a leader was told that an order is void, or that a worker was quicker.
func (a *audit) recalled(r *replica, c *store.Claim, void bool) {
	w := a.w
	if !void {
		w.count(recallLate)
		if last := a.of(c.ID).lastClaim(); last != nil {
			last.heard = true // it waits for that no longer
		}
		return
	}
	w.count(recalledOne)
	w.logf("r%d has recalled the order of %s", r.number, short(c.ID))
	for key, o := range a.sent {
		if key.id == c.ID && key.attempt == c.Attempt {
			o.void = true
		}
	}
}

// ordered checks the claim of a worker against the orders of the leader that it works for.
func (a *audit) ordered(r, by *replica, c *store.Claim) {
	w := a.w
	if r.action != serve {
		return
	}
	switch o := a.sent[sent{a.lease.Holder.String(), c.ID, c.Attempt, c.Direction}]; {
	case o == nil:
		w.violate(38, "r%d claims %s %s, attempt %d, and r%d has not ordered it", r.number, c.Direction, short(c.ID), c.Attempt, by.number)
	case o.run != c.Run:
		w.violate(38, "r%d claims %s for another run than r%d has ordered it", r.number, short(c.ID), by.number)
	case o.void:
		w.violate(38, "r%d claims %s, attempt %d, and r%d has recalled that order", r.number, short(c.ID), c.Attempt, by.number)
	case c.Life == "":
		w.violate(38, "r%d claims %s and names no life", r.number, short(c.ID))
	}
	if c.Direction == store.Rollback {
		w.count(undoneByWorker)
	}
}

// handled checks what a worker says of an order: that it is done with it means that an attempt was begun, or
// that the order is void.
func (a *audit) handled(r *replica, o *engine.Order, err error) {
	w, e := a.w, a.w.db.entry(o.ID)
	l := w.db.lease(o.Lease)
	current := !l.Holder.IsZero() && l.Epoch == o.Epoch && l.Holder.String() == o.Holder
	refused := (*engine.RefusedError)(nil)
	switch {
	case errors.As(err, &refused):
		w.count(refusedOne)
	case err != nil:
		w.count(givenBack)
	case e.Attempt <= o.Attempt && current:
		w.violate(36, "r%d is done with the order of %s, which was not begun and is not void", r.number, short(o.ID))
	case e.Attempt <= o.Attempt:
		w.count(foundVoid)
	default:
		for _, c := range a.of(o.ID).claims {
			if c.Attempt == o.Attempt+1 && c.who != r {
				w.count(foundBegun)
			}
		}
	}
}

// settledInFleet checks the end of an attempt where there are lives.
func (a *audit) settledInFleet(r *replica, lease store.Lease, o *store.Outcome, c *claimed, before, after *store.Entry) {
	w := a.w
	if before.Life != "" {
		l := w.db.lease(before.Life)
		switch {
		case o.Lost:
			a.expired(l)
			if c.epoch == lease.Epoch {
				w.count(diedInRun)
			}
		case o.Interrupted && c.who.leaseHitAt.IsZero():
			w.violate(34, "r%d interrupts %s, and nothing came between it and its life", r.number, short(o.ID))
		case w.db.lease(c.lane).Epoch != c.epoch || w.db.lease(c.lane).Holder.IsZero():
			w.count(outlived)
		}
	}
	byHand := c.Direction == store.ByHand && before.Seq != 0
	if completed := after.State == store.Succeeded || after.State == store.RolledBack; completed && !o.Withdrawn && !byHand {
		if after.Seq <= a.number {
			w.violate(35, "%s completes with the number %d, after one with %d", short(o.ID), after.Seq, a.number)
		}
		a.number = after.Seq
	}
}

// expired checks that a lease or life that has expired was not renewed for a reason: its holder died or was
// paused, or a fault came between it and the store.
func (a *audit) expired(l *heldLease) {
	if by := l.by; !by.gone() && by.leaseHitAt.Before(l.expires.Add(-2*leaseTTL)) {
		a.w.violate(34, "r%d has lost the lease %s, and nothing came between it and the store", by.number, a.w.named(l.Name))
	}
}

// toldOfLoss checks that a process that says that it has lost its lease has a reason to.
func (a *audit) toldOfLoss(r *replica, err error) {
	if errors.Is(err, store.ErrLeaseLost) && !r.gone() && r.leaseHitAt.IsZero() {
		a.w.violate(34, "r%d says that it has lost its lease, and nothing came between it and the store", r.number)
	}
	if errors.Is(err, engine.ErrNoWorker) {
		a.w.count(noWorker)
	}
}

// newsWithin is after how long a leader has heard of an outcome that it waits for, unless there are faults:
// its pauses between looks are a second at most.
const newsWithin = 2500 * time.Millisecond

// reads checks, when a leader asks the ledger for the end of an attempt, that it did so in time.
func (a *audit) reads(r *replica, id string) {
	c := a.of(id).lastClaim()
	if !r.leads || c == nil || !c.closed || c.heard || c.under != r || c.who == r {
		return
	}
	c.heard = true
	if run := a.w.db.run(c.Run); run != nil && run.State == store.RunRollingBack && c.Direction == store.Forward {
		return // it was told to stop, and waited for that no longer
	}
	if now := a.w.clock.Now(); now.Sub(c.at) > newsWithin && r.hitAt.Before(c.at.Add(-newsWithin)) {
		a.w.violate(37, "r%d asks for %s %s after its end, and nothing came between it and the store", r.number, short(id), now.Sub(c.at))
	}
}

// aside checks the beginning of the undoing of id, while other is still to be undone: what depends on id, and
// begun when that had completed, comes first. So do all before a migration, and a migration before all.
func (a *audit) aside(r, by *replica, id, other string) {
	w := a.w
	e, op, on := w.db.entries[other], by.op(other), by.op(id)
	if e.State != store.RollbackPending && e.State != store.RollingBack || op == nil || on == nil {
		return
	}
	mine, theirs := a.succeeded(id), a.lastForward(other)
	if mine == nil || theirs == nil || theirs.event <= mine.ended || a.behind(by, other, true) != "" {
		return
	}
	if a.needs(by, op, id) || op.kind == plan.Migration || on.kind == plan.Migration {
		w.violate(17, "r%d undoes %s while %s, which is behind it, is %s", r.number, short(id), short(other), e.State)
	}
}

// lastForward is the last attempt to do an op.
func (a *audit) lastForward(id string) *claimed {
	for _, c := range slices.Backward(a.of(id).claims) {
		if c.Direction == store.Forward {
			return c
		}
	}
	return nil
}

// lives reports whether an attempt is open and has a life that is held.
func (w *World) lives(e *store.Entry) bool {
	return e.State.Open() && strings.HasPrefix(e.Life, store.LifePrefix) && w.db.lease(e.Life).held(w.clock.Now())
}

// decides checks the decision to turn back: no attempt of the run is under way whose worker lives.
func (a *audit) decides(r *replica, run *store.Run) {
	for _, id := range a.w.ids() {
		if e := a.w.db.entries[id]; a.w.mail != nil && e.Run == run.ID && e.State == store.Running && a.w.lives(e) {
			a.w.violate(16, "r%d decides to turn back while %s runs", r.number, short(id))
		}
	}
}

// nothingDone checks a saga that says it has failed, and not that it was rolled back: nothing of it may be done.
func (a *audit) nothingDone(r *replica, run *store.Run) {
	if !run.Saga || a.w.mail == nil {
		return
	}
	for _, op := range r.ops {
		if e := a.w.db.entries[op.id]; e != nil && op.rollback && e.Run == run.ID && (e.State == store.Succeeded || a.w.lives(e)) {
			a.w.violate(39, "r%d ends a saga as failed, and %s is %s", r.number, short(op.id), e.State)
		}
	}
}
