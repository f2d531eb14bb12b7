package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

const (
	conditionFalse = "its condition is false"
	dependsOn      = "depends on " // another op, and why that keeps this one from running
)

// gate decides what becomes of a step that will not run now; Pending means that it will.
func (w *Walk) gate(ctx context.Context, s *step) (store.State, string, error) {
	free := s.plain
	for _, j := range s.after {
		before := &w.steps[j]
		if before.status.Load() != settled {
			return store.Failed, "", fmt.Errorf("%w: the executor does it before %s has settled", plan.ErrInvalid, before.plan.ID)
		}
		free = free && before.satisfied()
	}
	if free {
		return store.Pending, "", nil
	}
	if s.plan.Skip != "" {
		return store.Skipped, s.plan.Skip, nil
	}
	for _, j := range s.needs() {
		switch need := &w.steps[j]; {
		case need.satisfied():
		case need.state == store.Scheduled:
			return store.Scheduled, "waits for " + need.plan.ID, nil
		case isBehind(need.reason()):
			return store.Skipped, need.reason(), nil
		default:
			return store.Skipped, fmt.Sprintf("%s%s, which is %s", dependsOn, need.plan.ID, need.state), nil
		}
	}
	if at := s.plan.NotBefore; !at.IsZero() && at.After(w.clock.Now()) {
		return store.Scheduled, dueAt(at), nil
	}
	if s.adopted && s.known().State.Done() {
		return store.Succeeded, "done in the attempt that was under way", nil
	}
	if err := w.limits.refusal(s.task, s.known()); err != nil {
		return store.Failed, "", err
	}
	if s.task.ShouldRun != nil {
		yes, err := w.pool.Ask(questionContext{ctx, w.home, question{w, s}}, s.task.ShouldRun)
		if reason, skips := verdict.SkipReason(err); skips {
			s.satisfies = true
			return store.Skipped, w.redact.text(reason), nil
		}
		if err != nil {
			return store.Failed, "", &questionError{condition, w.redact.error(err)}
		}
		if !yes {
			s.satisfies = true
			return store.Skipped, conditionFalse, nil
		}
	}
	return store.Pending, "", nil
}

func dueAt(at time.Time) string { return "due at " + at.UTC().Format(time.RFC3339) }
