package seq

import (
	"context"
	"github.com/sequencer-go/seq/store"
)

// DoThen is Do for a worker that knows what it does next. If the op succeeds, next is asked once,
// just before the outcome is recorded, and answers with a step whose After have settled or are step
// i, or with -1. That step is then claimed in the transaction that records the outcome of i, which
// saves a commit, and it is the caller's to do next: nobody else may. It need not: a step that was
// claimed and is not done when the executor returns is given back, as one that never started.
func (w *Walk) DoThen(ctx context.Context, i int, next func() int) error {
	return w.do(ctx, i, next)
}

// reserve asks what comes next, and proposes a claim for it: nil if there is none, or one that had
// better be made when its time has come.
func (c *Call) reserve() *stepState {
	w, next := c.walk, c.next
	if next == nil {
		return nil
	}
	c.next = nil // asked once, also if the op is tried again
	i := next()
	if i < 0 || i >= len(w.steps) || w.halted.Load() != nil {
		return nil
	}
	s := &w.steps[i]
	if !s.plain {
		return nil
	}
	for _, j := range s.after {
		if before := &w.steps[j]; before != c.state && (before.status.Load() != settled || !before.satisfied()) {
			return nil
		}
	}
	if !s.status.CompareAndSwap(idle, reserving) {
		return nil
	}
	s.call = w.newCall(s, Forward)
	s.call.propose()
	return s
}

// proposed is the claim of a step that was reserved, if one was.
func (s *stepState) proposed() []store.Claim {
	if s == nil {
		return nil
	}
	return s.call.paper.claim[:]
}

// reserved notes whether the claim was taken.
func (s *stepState) reserved(taken bool) {
	switch {
	case s == nil:
	case taken:
		s.status.Store(reserved)
	default:
		s.withdraw()
		s.status.Store(idle)
	}
}

// withdraw ends a call that was claimed, or may be, and that nobody makes.
func (s *stepState) withdraw() {
	s.owe(s.call.unmade())
	s.call.file()
	s.call = nil
}

// owe notes what the ledger may have to be told later.
func (s *stepState) owe(out store.Outcome) {
	if s.untold == nil {
		s.untold = &out
	}
}

// owed are the outcomes that the ledger has not heard, and those of what was claimed ahead and never
// started. Call it when nothing is running.
func (w *Walk) owed() []store.Outcome {
	var owed []store.Outcome
	add := func(s *stepState) {
		if s.status.CompareAndSwap(reserved, idle) {
			s.withdraw()
		}
		if s.untold != nil {
			owed = append(owed, *s.untold)
		}
	}
	for i := range w.steps {
		add(&w.steps[i])
	}
	for _, s := range w.earlier {
		add(s)
	}
	return owed
}
