package engine

import (
	"context"
	"fmt"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// rest is how a step settles that no run has to touch.
type rest struct {
	state     store.State
	reason    string
	satisfies bool // what depends on it may start
	err       error
}

// atRest reports whether a plan holds nothing that a run would call or record, and settles it so: what is
// enrolled and not due, what was left alone before for the same reason, what failed as often as it may.
// Then a start needs neither the lease nor a row. Conditions are asked only if everything else is at
// rest, and only those whose answer was no and whose dependencies are done.
func (e *Engine) atRest(ctx context.Context, w *Walk, p *Planning) bool {
	rests := make([]rest, len(w.steps))
	var conditional []int
	for i := range w.steps {
		r, ok := w.rest(i, rests, p)
		if !ok || r.state == store.Scheduled && e.awaits() {
			return false
		}
		rests[i] = r
		if r.satisfies {
			conditional = append(conditional, i)
		}
	}
	defer w.pool.Close()
	for _, i := range conditional {
		s := &w.steps[i]
		if yes, err := w.pool.Ask(questionContext{ctx, w.home, question{w, s}}, s.task.ShouldRun); yes || err != nil {
			return false
		}
	}
	for i, r := range rests {
		s := &w.steps[i]
		s.state, s.satisfies = r.state, r.satisfies
		if r.err != nil {
			r.err = w.opError(s.plan.ID, store.Forward, effectOf(nil, s.known().State, r.err), r.err)
		}
		s.say(r.reason, r.err)
		s.status.Store(settled)
	}
	return true
}

// rest is how step i settles without being touched; false if it does not. It asks in the order of gate.
func (w *Walk) rest(i int, rests []rest, p *Planning) (rest, bool) {
	s, due := &w.steps[i], w.due(i)
	entry := s.known()
	skipped := func(reason string) (rest, bool) { // a reason that is new has to be recorded
		return rest{state: store.Skipped, reason: reason}, entry.State == store.Skipped && entry.Error == reason
	}
	if entry.State == store.Scheduled && due.After(p.now) && due.Equal(entry.NotBefore) {
		return rest{state: store.Scheduled, reason: dueAt(due)}, true
	}
	if isBehind(s.plan.Skip) {
		return rest{state: store.Skipped, reason: s.plan.Skip}, true
	}
	if s.plan.Skip != "" {
		return skipped(s.plan.Skip)
	}
	for _, j := range s.needs() {
		if need := &rests[j]; isBehind(need.reason) {
			return rest{state: store.Skipped, reason: need.reason}, true
		} else if need.state == store.Skipped && !need.satisfies || need.state == store.Tolerated {
			return skipped(fmt.Sprintf("%s%s, which is %s", dependsOn, w.steps[j].plan.ID, need.state))
		} else if need.state == store.Scheduled {
			return rest{}, false
		}
	}
	err := w.limits.refusal(s.task, entry) // an attempt that is open is closed only by a run
	switch {
	case !s.plan.NotBefore.IsZero():
		return rest{}, false
	case err != nil && !entry.State.Open() && s.plan.AllowedToFail && w.tolerates && s.plan.Kind != plan.Migration:
		return rest{state: store.Tolerated, err: err}, true
	case err == nil && s.plan.Conditional && declined(entry):
		return rest{state: store.Skipped, reason: conditionFalse, satisfies: true}, true
	default:
		return rest{}, false
	}
}
