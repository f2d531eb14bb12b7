package seq

import (
	"context"
	"errors"
	"slices"
)

// DoThen is Do for a worker that knows what it does next. If the op succeeds, next is asked once,
// just before the outcome is recorded, and answers with a step whose After have settled or are step
// i, or with -1. That step is then claimed in the transaction that records the outcome of i, which
// saves a commit, and it is the caller's to do next: nobody else may. It need not: a step that was
// claimed and is not done when the executor returns is given back, as one that never started.
func (w *Walk) DoThen(ctx context.Context, i int, next func() int) error {
	if i >= 0 && i < len(w.steps) && w.journal != nil {
		w.steps[i].next = next
	}
	return w.Do(ctx, i)
}

// reserve asks what comes next, and proposes a claim for it: nil if there is none, or one that had
// better be made when its time has come.
func (c *Call) reserve() *stepState {
	w, next := c.walk, c.state.next
	if next == nil || c.Direction != Forward {
		return nil
	}
	c.state.next = nil // asked once, also if the op is tried again
	i := next()
	if i < 0 || i >= len(w.steps) || w.halted.Load() != nil {
		return nil
	}
	s, step := &w.steps[i], &w.plan.Steps[i]
	plain := step.Skip == "" && step.Op.ShouldRun == nil && s.entry.State != Indeterminate && s.entry.Crashes == 0
	if !plain || step.NotBefore.After(w.clock.Now()) || doubt(step.Op, &s.entry) != nil {
		return nil
	}
	for _, j := range step.After {
		if &w.steps[j] != c.state && w.steps[j].status.Load() != settled {
			return nil
		}
	}
	if w.needs != nil {
		for _, j := range w.needs[i] {
			if &w.steps[j] != c.state && !w.steps[j].satisfied() {
				return nil
			}
		}
	}
	if !s.status.CompareAndSwap(idle, reserving) {
		return nil
	}
	s.call = Call{Step: step, Direction: Forward, walk: w, state: s, saved: s.entry.Saved}
	s.call.propose()
	return s
}

// proposed is the claim of a step that was reserved, nil if none was.
func (s *stepState) proposed() *Claim {
	if s == nil {
		return nil
	}
	return &s.call.claim
}

// reserved notes whether the claim was taken; with an error nobody knows.
func (s *stepState) reserved(taken bool, err error) {
	switch {
	case s == nil:
	case taken:
		s.call.claimed()
		s.status.Store(reserved)
	default:
		if err != nil {
			s.untold = s.call.unmade()
		}
		s.call = Call{}
		s.status.Store(idle)
	}
}

// giveBackAll closes what was claimed and never started. Call it when nothing is running.
func (w *Walk) giveBackAll(ctx context.Context) {
	var held []*stepState
	for i := range w.steps {
		if s := &w.steps[i]; s.status.CompareAndSwap(reserved, idle) {
			held = append(held, s)
		}
	}
	w.giveBack(ctx, held...)
}

func (w *Walk) giveBack(ctx context.Context, held ...*stepState) {
	if len(held) == 0 {
		return
	}
	var b Batch
	for _, s := range held {
		b.Outcomes = append(b.Outcomes, s.call.unmade())
	}
	refused, err := w.journal.write(ctx, b)
	if err != nil && !errors.Is(err, ErrLeaseLost) {
		for _, s := range held {
			s.untold = s.call.unmade()
		}
		return // the next run closes them, as those of somebody who died
	}
	for _, s := range held {
		if !slices.Contains(refused, s.entry.ID) {
			s.entry.Token, s.call = Token{}, Call{}
		}
	}
}
