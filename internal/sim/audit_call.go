package sim

import (
	"slices"

	"github.com/sequencer-go/seq/store"
)

// begins checks a call of an op, and notes that it is under way. Of attempt 0 it is not known which of the
// replica's it is.
func (a *audit) begins(r *replica, op *opSpec, dir store.Direction, generation, attempt int) *called {
	w, t := a.w, a.of(op.id)
	var mine *claimed
	for _, c := range slices.Backward(t.claims) {
		if c.who == r && c.Direction == dir && c.Generation == generation && (attempt == 0 || c.Attempt == attempt) {
			mine = c
			break
		}
	}
	if mine == nil {
		w.violate(5, "r%d calls %s %s without a claim", r.number, dir, short(op.id))
		mine = &claimed{who: r, Claim: store.Claim{ID: op.id, Direction: dir, Generation: generation}}
	}
	c := &called{mine, op.heeds}
	for _, other := range a.open {
		if other.ID == op.id && other.who != r {
			a.overlap(other, c)
		}
	}
	if op.delivery == store.Once && dir == store.Forward && !op.verify {
		for _, old := range t.claims {
			if old.Direction == store.Forward && old.Generation == generation && old.calls > 0 && !old.excused {
				w.violate(10, "%s is called again, attempt %d, after attempt %d", short(op.id), mine.Attempt, old.Attempt)
			}
		}
	}
	mine.calls++
	a.open = append(a.open, c)
	w.logf("r%d calls %s %s, attempt %d", r.number, dir, short(op.id), mine.Attempt)
	return c
}

// overlap checks two calls of one op that are under way at a time. Only a call that could not
// know that its time was over may overlap: its process was paused, or it does not heed its
// context. Transactional calls may: only one of them can commit.
func (a *audit) overlap(older, newer *called) {
	for _, c := range []*called{older, newer} {
		if !a.sound(c) || c.Delivery == store.Transactional {
			return
		}
	}
	a.w.violate(20, "%s is called by r%d and r%d at a time", short(older.ID), older.who.number, newer.who.number)
}

// sound reports whether the assumption of quiescence holds for a call.
func (a *audit) sound(c *called) bool { return c.heeds && c.who.pausedAt < c.event }

func (a *audit) ends(c *called) {
	a.open = slices.DeleteFunc(a.open, func(o *called) bool { return o == c })
}

// effect notes that an op's effect is there, or with undone that it is not there any more.
func (a *audit) effect(c *called, op *opSpec) {
	w, t := a.w, a.of(op.id)
	current := t.lastClaim()
	stale := current != c.claimed || c.closed
	if stale && op.delivery != store.Transactional {
		if a.sound(c) && !w.is(MarkBeforeRun) {
			w.violate(20, "r%d acts on %s after its attempt %d was closed", c.who.number, short(op.id), c.Attempt)
		}
		t.fuzzy = true
	}
	c.effected = true
	if c.Direction == store.Rollback {
		if op.delivery == store.Transactional {
			t.net--
		} else {
			t.net = 0
		}
		t.last = nil
		w.logf("r%d effect of %s undone", c.who.number, short(op.id))
		return
	}
	w.logf("r%d effect of %s", c.who.number, short(op.id))
	if op.delivery == store.Once && !t.fuzzy {
		for _, old := range t.claims {
			reported := old.closed && !old.lost && (old.outcome == store.Failed || old.outcome == store.Tolerated)
			if old != c.claimed && old.effected && old.Direction == store.Forward && old.Generation == c.Generation && !old.excused && !reported {
				w.violate(10, "the effect of %s is made twice, in attempts %d and %d", short(op.id), old.Attempt, c.Attempt)
			}
		}
	}
	t.effects[c.Generation]++
	t.net++
	t.last = c.claimed
}
