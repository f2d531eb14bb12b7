package sim

import (
	"fmt"
	"slices"

	"github.com/sequencer-go/seq/store"
)

// write applies a batch, item by item, and shows each change to the audit. It follows the
// contract of seq.Store, but for what a mutant breaks.
func (w *World) write(r *replica, lease store.Lease, b store.Batch) (refused []string, err error) {
	db := w.db
	current := db.current(lease)
	w.audit.current, w.audit.lease = current, lease
	item := func(id string, ok bool, apply func(e *store.Entry), check func(before, after *store.Entry)) {
		if !ok {
			w.logf("r%d refused %s", r.number, short(id))
			refused = append(refused, id)
			return
		}
		e := db.entry(id)
		before := *e
		apply(e)
		after := *e
		w.logf("r%d %s %s → %s #%d", r.number, short(id), before.State, after.State, after.Attempt)
		w.passes(before.State, after.State)
		check(&before, &after)
	}
	for i := range b.Outcomes {
		o := &b.Outcomes[i]
		item(o.ID, w.settles(lease, current, o), func(e *store.Entry) { w.settle(r, e, o) },
			func(before, after *store.Entry) { w.audit.outcome(r, lease, o, before, after) })
	}
	for i := range b.Saves {
		s := &b.Saves[i]
		item(s.ID, w.isOpen(s.ID, s.Token), func(e *store.Entry) { w.save(e, s) },
			func(_, _ *store.Entry) {})
	}
	for i := range b.Headway {
		p := &b.Headway[i]
		item(p.ID, w.isOpen(p.ID, p.Token), func(e *store.Entry) { w.progress(e, p) },
			func(_, _ *store.Entry) {})
	}
	for i := range b.Marks {
		m := &b.Marks[i]
		if w.is(DecisionUnrecorded) && m.State == store.RollbackPending {
			continue
		}
		item(m.ID, current && w.marks(m), func(e *store.Entry) { e.State, e.Run, e.NotBefore, e.Error = m.State, m.Run, m.NotBefore, m.Reason },
			func(before, after *store.Entry) { w.audit.mark(r, m, before, after) })
	}
	for i := range b.Claims {
		c := &b.Claims[i]
		item(c.ID, (current || w.is(ClaimWithoutEpoch)) && w.claims(c), func(e *store.Entry) { w.claim(lease, e, c) },
			func(before, after *store.Entry) { w.audit.claim(r, c, before, after) })
	}
	if b.Run != nil && current {
		w.putRun(r, lease, b.Run)
	}
	if !current && (b.Run != nil || len(b.Marks) > 0 || len(b.Claims) > 0 && !w.is(ClaimWithoutEpoch) ||
		slices.ContainsFunc(b.Outcomes, func(o store.Outcome) bool { return o.Lost })) {
		err = fmt.Errorf("write: %w", store.ErrLeaseLost)
		w.count(leaseLost)
	}
	w.audit.everything()
	return refused, err
}

// settles reports whether an outcome is accepted.
func (w *World) settles(lease store.Lease, current bool, o *store.Outcome) bool {
	e := w.db.entries[o.ID]
	switch {
	case e == nil:
		return false
	case w.is(FinishByState) && !o.Lost && e.State.Open(), w.is(RecoverUnguarded) && o.Lost,
		w.is(UnknownIsFailure) && o.State == store.Failed && !o.Lost, w.is(MarkBeforeRun) && !o.Lost:
		return true
	case !w.db.isOpen(o.ID, o.Token):
		return false
	default:
		return !o.Lost || current && (w.dead(lease, e) || w.is(LaneFenced))
	}
}

func (w *World) settle(r *replica, e *store.Entry, o *store.Outcome) {
	state := o.State
	if o.Lost && state == store.Indeterminate && w.is(ForgetsTheDead) {
		state = store.Pending
	}
	a := w.db.attempt(o.ID)
	if a == nil {
		a = &store.Attempt{}
	}
	w.number(r, e, a, o)
	e.State, e.Token, e.Error = state, store.Token{}, o.Error
	if o.Saved != nil {
		e.Saved = slices.Clone(o.Saved)
	}
	switch {
	case o.Lost:
		e.Crashes++
	case !o.Interrupted && !o.Withdrawn:
		e.Crashes = 0
	}
	switch {
	case a.Direction == store.ByHand:
		e.Failures = 0
	case o.Lost, o.Interrupted, o.Withdrawn, a.Direction != store.Forward:
	case o.State == store.Failed, o.State == store.Tolerated:
		e.Failures++
	}
	if !o.Withdrawn {
		e.Permanent = o.Permanent
	}
	a.Finished, a.State, a.Error = w.clock.Now(), state, o.Error
	a.Lost, a.Interrupted, a.Withdrawn, a.Permanent = o.Lost, o.Interrupted, o.Withdrawn, o.Permanent
}

// number gives a completion its place in the order, or takes it away.
func (w *World) number(r *replica, e *store.Entry, a *store.Attempt, o *store.Outcome) {
	completed := o.State == store.Succeeded || o.State == store.RolledBack
	switch {
	case o.Withdrawn, completed && a.Direction == store.ByHand && e.Seq != 0:
	case completed:
		w.db.number++
		e.Seq = w.db.number
		if w.is(CompletionByClock) {
			e.Seq = r.clock()
		}
	case a.Direction != store.Rollback:
		e.Seq = 0
	}
}

// dead reports whether the holder of a lease may close an open attempt as lost.
func (w *World) dead(lease store.Lease, e *store.Entry) bool {
	switch {
	case e.Lease != lease.Name:
		return false
	case e.Life != "":
		return w.is(LifeIgnored) || !w.db.lease(e.Life).held(w.clock.Now())
	default:
		return e.Fence < lease.Epoch
	}
}

func (w *World) save(e *store.Entry, s *store.Snapshot) {
	if (e.Saved == nil || !slices.Equal(e.Saved, s.Data)) && !w.is(CrashesKept) {
		e.Crashes = 0
	}
	e.Saved = slices.Clone(s.Data)
}

func (w *World) progress(e *store.Entry, p *store.Headway) {
	if e.Done, e.Total = p.Done, p.Total; e.Done > e.Best {
		if e.Best = e.Done; !w.is(CrashesKept) {
			e.Crashes = 0
		}
	}
}

// isOpen reports whether a save or a progress is accepted.
func (w *World) isOpen(id string, token store.Token) bool {
	return w.db.isOpen(id, token) || w.is(CheckpointUnchecked)
}

// marks reports whether a mark is accepted, of somebody who has the lease.
func (w *World) marks(m *store.Mark) bool {
	e := w.db.entries[m.ID]
	switch {
	case w.is(ClaimWithoutAttempt):
		return true
	case e == nil:
		return m.Attempt == 0
	}
	return e.Token.IsZero() && e.Attempt == m.Attempt
}

// claims reports whether a claim is accepted, of somebody who has the lease.
func (w *World) claims(c *store.Claim) bool {
	e := w.db.entries[c.ID]
	switch {
	case w.is(ClaimWithoutAttempt):
		return true
	case e == nil:
		return c.Attempt == 1
	default:
		return e.Token.IsZero() && e.Attempt == c.Attempt-1
	}
}

func (w *World) claim(lease store.Lease, e *store.Entry, c *store.Claim) {
	e.State = store.Running
	if c.Direction == store.Rollback {
		e.State = store.RollingBack
	}
	if c.Generation > e.Generation {
		if !w.is(CursorOutlives) {
			e.Saved = nil
		}
		e.Done, e.Total, e.Best, e.Failures, e.Crashes = 0, 0, 0, 0, 0
	}
	e.Run, e.Delivery, e.Generation, e.Attempt = c.Run, c.Delivery, c.Generation, c.Attempt
	e.Token, e.Lease, e.Fence, e.Life = c.Token, lease.Name, lease.Epoch, c.Life
	if w.is(MarkBeforeRun) && c.Direction == store.Forward {
		e.State, e.Token = store.Succeeded, store.Token{}
	}
	w.db.attempts[c.ID] = append(w.db.attempts[c.ID], store.Attempt{
		ID: c.ID, Number: c.Attempt, Direction: c.Direction, Run: c.Run, Owner: c.Owner, Started: w.clock.Now(), State: e.State,
	})
}

func (w *World) putRun(r *replica, lease store.Lease, n *store.Run) {
	have, now := w.db.run(n.ID), w.clock.Now()
	var before *store.Run
	if have == nil {
		w.db.runs = append(w.db.runs, store.Run{ID: n.ID, Number: int64(len(w.db.runs)) + 1, Started: now})
		have = w.db.run(n.ID)
	} else {
		copied := *have
		before = &copied
	}
	if w.background || w.mail != nil { // in other worlds nothing reads these
		have.Work, have.Selection, have.Saga, have.Error = n.Work, n.Selection, n.Saga, n.Error
	}
	have.Strategy, have.State, have.Owner, have.Reason, have.Lease, have.Epoch = n.Strategy, n.State, n.Owner, n.Reason, lease.Name, lease.Epoch
	if have.Finished = (store.Run{}).Finished; n.State.Stopped() {
		have.Finished = now
	}
	w.logf("r%d %s %s", r.number, w.alias("run", n.ID), n.State)
	w.passesRun(before, n.State)
	w.audit.run(r, before, have)
}
