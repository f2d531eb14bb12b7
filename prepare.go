package seq

import (
	"slices"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// NewWalk returns a walk over a plan that records nothing and calls do for each step, for tests
// and benchmarks of executors. Dependencies are honoured as in a real run.
func NewWalk(plan *Plan, do Handler) *Walk {
	w := &Walk{plan: plan, handler: do, clock: clock.Wall(), needs: declared(plan.Steps)}
	w.prepare(nil)
	for i, needs := range w.needs {
		apart := func(j int) bool { return !slices.Contains(plan.Steps[i].After, j) }
		if slices.ContainsFunc(needs, apart) { // nobody has completed the plan
			w.steps[i].plain = false
		}
	}
	return w
}

// prepare lays out the state of the steps.
func (w *Walk) prepare(entries map[string]*store.Entry) {
	steps := w.plan.Steps
	w.steps, w.dues = make([]stepState, len(steps)), nil
	for i := range steps {
		s := &w.steps[i]
		s.step, s.after = &steps[i], steps[i].After
		if len(entries) > 0 {
			s.entry = entries[steps[i].Op.ID]
		}
		s.plain = s.simple()
		if w.dues == nil && !steps[i].NotBefore.IsZero() {
			w.dues = make([]time.Time, len(steps)) // what came before it is due at once
		}
		if w.dues == nil {
			continue
		}
		w.dues[i] = steps[i].NotBefore
		for _, j := range w.needsOf(i) {
			if d := w.dues[j]; d.After(w.dues[i]) {
				w.dues[i] = d
			}
		}
	}
}

// needsOf are the steps that the op of step i declared to depend on.
func (w *Walk) needsOf(i int) []int {
	if w.needs != nil {
		return w.needs[i]
	}
	s := w.steps[i].step
	return s.After[:s.declared]
}

// due is when a step is due, its own time or that of what it waits for; zero: at once.
func (w *Walk) due(i int) time.Time {
	if w.dues == nil {
		return time.Time{}
	}
	return w.dues[i]
}
