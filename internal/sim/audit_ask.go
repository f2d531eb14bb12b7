package sim

import (
	"github.com/sequencer-go/seq/store"
)

// asked checks a request that is being written.
func (a *audit) asked(before, after *store.Control) {
	w := a.w
	if before.Wanted == store.WantCancel {
		w.violate(28, "%s was cancelled, and somebody asks for %s", w.named(after.ID), after.Wanted)
	}
	if after.Number != before.Number+1 {
		w.violate(28, "request %d of %s after request %d", after.Number, w.named(after.ID), before.Number)
	}
	switch after.Wanted {
	case store.WantPause, store.WantCancel:
		if a.stopped[after.ID] == 0 {
			a.stopped[after.ID] = after.Number
		}
	case store.WantGo:
		delete(a.stopped, after.ID)
	}
}

// heard notes a request that was acknowledged.
func (a *audit) heard(c *store.Control) {
	switch c.Wanted {
	case store.WantPause:
		a.w.count(pauseHeard)
	case store.WantCancel:
		a.w.count(cancelHeard)
	case store.WantStop:
		a.w.count(stopHeard)
	}
}

// undone checks the decision to undo an op against what works in the background.
func (a *audit) undone(r *replica, id string) {
	w := a.w
	for _, op := range r.inBackground() {
		e := w.entry(op.id)
		if e == nil || e.ID == id || !a.needs(r, op, id) {
			continue
		}
		switch e.State {
		case store.RolledBack, store.RollbackPending, store.RollingBack, store.RollbackFailed:
			continue
		}
		if e.State.Open() || a.batchesOf(op.id).committed[e.Generation] > 0 {
			w.violate(32, "r%d decides to undo %s, and %s, which depends on it, is %s after batch %d", r.number, short(id), short(op.id), e.State, a.batchesOf(op.id).committed[e.Generation])
		}
	}
}
