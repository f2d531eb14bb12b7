package sim

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/sequencer-go/seq/store"
)

// batchTruth is what really happened to an op in the background, under all its IDs.
type batchTruth struct {
	committed map[int]int // by generation: how many batches
	undone    map[int]bool
	by        *replica  // who committed the last
	further   bool      // a batch was committed since the last death
	deaths    int       // in a row, whatever was committed between
	rolled    time.Time // when it was rolled back last
	cursors   map[string]int
}

// first is the ID that an op had first.
func (a *audit) first(id string) string {
	if op := a.w.scenario.find(id); op != nil && op.formerly() != "" {
		return op.formerly()
	}
	return id
}

func (a *audit) batchesOf(id string) *batchTruth {
	id = a.first(id)
	t := a.batches[id]
	if t == nil {
		t = &batchTruth{committed: map[int]int{}, undone: map[int]bool{}, cursors: map[string]int{}}
		a.batches[id] = t
	}
	return t
}

// batch checks and notes a batch that is being committed, by the attempt of c.
func (a *audit) batch(c *called, op *opSpec, n int) {
	w, t := a.w, a.batchesOf(op.id)
	gen := c.Generation
	if t.committed[gen]+1 != n {
		w.violate(26, "r%d commits batch %d of %s, generation %d, after batch %d", c.who.number, n, short(op.id), gen, t.committed[gen])
	}
	if last := a.of(op.id).lastClaim(); last != c.claimed || c.closed {
		w.violate(26, "r%d commits batch %d of %s in attempt %d, which was closed", c.who.number, n, short(op.id), c.Attempt)
	}
	if t.undone[gen] {
		w.violate(26, "r%d commits batch %d of %s, whose generation %d was undone", c.who.number, n, short(op.id), gen)
	}
	for _, id := range w.ids() {
		for _, other := range a.of(id).claims {
			if other.lane == c.lane && other.epoch > c.epoch || id != op.id && a.first(id) == a.first(op.id) && other.event > c.event {
				w.violate(29, "r%d commits batch %d of %s, and r%d has claimed %s in its lane since", c.who.number, n, short(op.id), other.who.number, short(id))
			}
		}
	}
	if number := a.stopped[op.id]; number > 0 && w.db.control(op.id).Heard >= number {
		w.violate(28, "r%d commits batch %d of %s, which was %s, and that was heard", c.who.number, n, short(op.id), w.db.control(op.id).Wanted)
	}
	if l := w.db.lease(store.RunLease); l.held(w.clock.Now()) {
		w.count(besideDeploy)
	}
	if n > 1 && t.by != nil && t.by != c.who {
		w.count(wentOnElse)
		if op.formerly() != "" && a.of(op.formerly()).lastClaim() != nil {
			w.count(renamedWentOn)
		}
	}
	if gen > 1 && n == 1 {
		w.count(anew)
	}
	if t.deaths >= 3 {
		w.count(diedFurther)
	}
	w.count(batchDone)
	w.logf("r%d commits batch %d of %s", c.who.number, n, short(op.id))
	t.committed[gen], t.by = n, c.who
	for _, id := range w.ids() {
		if a.first(id) == a.first(op.id) {
			a.of(id).deaths = 0
		}
	}
	c.effected = true
}

// settled notes the end of an attempt at an op in the background.
func (a *audit) settled(op *opSpec, c *claimed, o *store.Outcome, after *store.Entry) {
	w, t, b := a.w, a.of(op.id), a.batchesOf(op.id)
	switch {
	case o.Lost:
		t.deaths++
		if b.deaths++; c.Direction == store.Forward {
			w.count(laneRecovered)
		}
	case !o.Interrupted && !o.Withdrawn:
		t.deaths, b.deaths = 0, 0
	}
	if t.deaths != after.Crashes {
		w.violate(31, "%s has %d crashes, and died %d times since it got further", short(op.id), after.Crashes, t.deaths)
	}
	switch {
	case c.Direction == store.ByHand:
		if after.State == store.RolledBack {
			b.undone[c.Generation], b.rolled = true, w.clock.Now()
		}
	case after.State == store.Succeeded && b.committed[c.Generation] != op.background.batches:
		w.violate(27, "%s succeeded after %d of %d batches", short(op.id), b.committed[c.Generation], op.background.batches)
	case after.State == store.RolledBack:
		if b.committed[c.Generation] < op.background.batches {
			w.count(halfUndone)
		}
		b.undone[c.Generation], b.rolled = true, w.clock.Now()
	}
}

// takenUp checks a claim to do an op in the background.
func (a *audit) takenUp(r *replica, op *opSpec, c *store.Claim, before *store.Entry) {
	w := a.w
	if r.action != work || a.lease.Name == store.RunLease {
		w.violate(30, "r%d claims %s, which is in the background, under the lease %s", r.number, short(c.ID), a.lease.Name)
	}
	for _, dep := range op.deps {
		e := w.entry(dep)
		if e == nil {
			continue
		}
		run := w.db.run(e.Run)
		if run == nil || run.Lease != store.RunLease || !run.Unfinished() {
			continue
		}
		l := w.db.lease(store.RunLease)
		if run.Saga || l.held(w.clock.Now()) && run.Epoch == l.Epoch && l.since < r.readRuns {
			w.violate(30, "r%d claims %s, and the run that did %s is %s", r.number, short(c.ID), short(dep), run.State)
		}
	}
	if b := a.batchesOf(op.id); before.State == store.RolledBack {
		if w.db.control(op.id).Asked.Before(b.rolled) {
			w.violate(30, "r%d claims %s, which was rolled back, and nobody has resumed it", r.number, short(c.ID))
		}
		w.count(undoneAndAsked)
	}
}

// cursors checks what the ledger has of an op in the background against its batches.
func (a *audit) cursors(e *store.Entry) {
	op := a.w.scenario.find(e.ID)
	if op == nil || op.background == nil || e.Generation == 0 {
		return
	}
	b := a.batchesOf(e.ID)
	if a.supersededID(e.ID) {
		return
	}
	saved, done := e.Saved, e.Done
	if old := a.w.db.entries[op.formerly()]; saved == nil && old != nil && old.Generation == e.Generation {
		saved, done = old.Saved, old.Done
	}
	want := b.committed[e.Generation]
	if have := b.cursor(saved); have != want || done != int64(want) {
		a.w.violate(27, "the ledger has %s after batch %d, %d done, and %d are committed", short(e.ID), have, done, want)
	}
}

// supersededID reports whether an op is under way by another ID already.
func (a *audit) supersededID(id string) bool {
	for _, v := range a.w.scenario.versions {
		if slices.ContainsFunc(v.ops, func(o *opSpec) bool { return o.formerly() == id && a.of(o.id).lastClaim() != nil }) {
			return true
		}
	}
	return false
}

// cursor is the batch in what the ledger keeps of a point.
func (t *batchTruth) cursor(saved []byte) int {
	if saved == nil {
		return 0
	}
	n, known := t.cursors[string(saved)]
	if !known {
		var point struct{ Cursor cursor }
		if err := json.Unmarshal(saved, &point); err != nil {
			panic(err)
		}
		n = point.Cursor.Batch
		t.cursors[string(saved)] = n
	}
	return n
}
