package sim

import (
	"github.com/sequencer-go/seq/store"
)

// finally checks what is left when the faults are over and a run has returned without an error.
func (a *audit) finally(r *replica) {
	w := a.w
	for _, op := range r.ops {
		e, t := w.entry(op.id), a.of(op.id)
		if w.background && (e == nil || !e.State.Done()) && (w.cancelled(op) || a.unmet(op) || w.awaitsSaga(op)) {
			continue // what it waits for will never be done
		}
		if e == nil {
			w.violate(11, "in the end nobody knows %s", short(op.id))
			continue
		}
		switch e.State {
		case store.Succeeded:
			if t.net <= 0 && !t.fuzzy && op.background == nil {
				w.violate(9, "in the end %s has succeeded and its effect is not there", short(op.id))
			}
		case store.Tolerated, store.Skipped, store.Failed, store.RolledBack, store.Indeterminate:
			if e.State != store.Tolerated && !a.unmet(op) {
				w.violate(11, "in the end %s is %s", short(op.id), e.State)
			}
		default:
			w.violate(25, "in the end %s is %s", short(op.id), e.State)
		}
		if !e.Token.IsZero() {
			w.violate(3, "in the end %s has an open attempt", short(op.id))
		}
	}
	w.logf("the end")
}

// unmet reports whether an op depends on one that is allowed to fail and did.
func (a *audit) unmet(op *opSpec) bool {
	for _, dep := range op.deps {
		if a.w.state(dep) != store.Succeeded {
			return true
		}
	}
	return false
}
