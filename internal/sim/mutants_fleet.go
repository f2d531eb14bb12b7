package sim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/store"
)

// The mutants of a fleet: mistakes that were made, or nearly, when it was built.
const (
	ClaimsHoldLease   Mutant = "claim that waits for an op holds up the renewal of the lease"
	RecallUnwritten   Mutant = "rollback decided while orders are out"
	LivesUnread       Mutant = "rollback decided while workers are at it"
	RightByHolder     Mutant = "worker's right known by the holder only"
	RightByRun        Mutant = "worker's right known by the run only"
	LifeEndsWithLease Mutant = "lease of the run taken for the worker's life"
	LeaseEndsWithLife Mutant = "worker's life taken for the lease of the run"
	RecoveryInline    Mutant = "recovery of one worker holds up the news of others"
	CompletionByClock Mutant = "order of completion by the clocks of workers"
	ErrorSwallowed    Mutant = "error before the claim swallowed"
	LifeIgnored       Mutant = "attempt of a living worker closed"
)

// FleetMutants are those, and some of any ledger.
var FleetMutants = []Mutant{
	ClaimsHoldLease, RecallUnwritten, LivesUnread, RightByHolder, RightByRun, LifeEndsWithLease, LeaseEndsWithLife,
	RecoveryInline, CompletionByClock, ErrorSwallowed, LifeIgnored, UndoForward, ClaimWithoutEpoch, ClaimWithoutAttempt,
}

// heldUp reports whether somebody waits for what a mutant holds.
func (w *World) heldUp(p *parked) bool {
	switch {
	case w.is(ClaimsHoldLease) && p.kind == stepRenew && p.id == store.RunLease:
		return w.waitsForRow(func(q *parked) bool { return strings.HasPrefix(q.id, "claim") })
	case w.is(RecoveryInline) && p.kind == stepLoad && strings.HasPrefix(p.id, selects):
		return w.waitsForRow(func(q *parked) bool { return q.who == p.who && strings.HasPrefix(q.id, closes) })
	default:
		return false
	}
}

// waitsForRow reports whether such a write waits for the row of an op.
func (w *World) waitsForRow(which func(*parked) bool) bool {
	return slices.ContainsFunc(w.waiting(), func(q *parked) bool { return q.kind == stepWrite && which(q) && w.db.blocked(q.who, q.rows) })
}

// losesIts reports whether a renewal fails that should not.
func (r *replica) losesIts(lease store.Lease) bool {
	w := r.world
	switch {
	case w.is(LifeEndsWithLease) && r.action == serve && r.doing.Lease != "":
		l := w.db.lease(r.doing.Lease)
		return l.Epoch != r.doing.Epoch || l.Holder.IsZero()
	case w.is(LeaseEndsWithLife) && lease.Name == store.RunLease:
		for name, l := range w.db.leases {
			if strings.HasPrefix(name, store.LifePrefix) && !l.Holder.IsZero() && !l.held(w.clock.Now()) {
				return true
			}
		}
	}
	return false
}

// keyed is an order as a worker takes it that remembers its right by a part of what it is for.
func (r *replica) keyed(p *parcel) string {
	w, o := r.world, p.order
	var by string
	switch {
	case w.is(RightByHolder):
		by = o.Holder
	case w.is(RightByRun):
		by = o.Run
	default:
		return p.text
	}
	first, known := r.rights[by]
	if !known {
		if r.rights == nil {
			r.rights = map[string]engine.Order{}
		}
		r.rights[by], first = o, o
	}
	o.Run, o.Strategy, o.Lease, o.Epoch, o.Holder = first.Run, first.Strategy, first.Lease, first.Epoch, first.Holder
	text, err := json.Marshal(&o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// unwritten leaves out what a leader says of its orders.
func unwritten(b *store.Batch) {
	b.Claims = nil
	b.Outcomes = slices.DeleteFunc(b.Outcomes, func(o store.Outcome) bool { return o.Withdrawn })
}

// clock is what a process takes for the time, as a number: their clocks differ.
func (r *replica) clock() int64 {
	return int64(r.world.now() + time.Duration(r.number%3)*3*time.Second)
}
