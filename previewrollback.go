package seq

import (
	"context"
	"github.com/sequencer-go/seq/store"
	"slices"
)

// PreviewRollback returns what [Sequencer.Rollback] would undo now, as a plan whose steps stand in
// the order of undoing. It locks nothing and writes nothing, and fails as Rollback would.
func (s *Sequencer) PreviewRollback(ctx context.Context, opts ...RunOption) (*Plan, error) {
	s, sel, err := s.with(opts)
	if err == nil {
		err = s.catalog().err
	}
	if err != nil {
		return nil, err
	}
	p, err := s.load(ctx, sel, s.read)
	if err != nil {
		return nil, err
	}
	targets, err := p.targets()
	if err != nil {
		return nil, err
	}
	states := make([]*stepState, len(targets))
	for i, e := range targets {
		states[i] = &stepState{entry: e}
	}
	slices.SortStableFunc(states, latestFirst)
	plan := &Plan{Strategy: rollbackName, Direction: Rollback}
	for i, st := range states {
		step := Step{Op: p.catalog.ops[p.catalog.index[st.entry.ID]].op, Wave: i}
		if i > 0 {
			step.After = []int{i - 1}
		}
		plan.Steps = append(plan.Steps, step)
	}
	return plan, nil
}

// latest keeps the entries that completed last.
func (s *selection) latest(done []*store.Entry) []*store.Entry {
	slices.SortFunc(done, func(a, b *store.Entry) int { return completed(b, a) })
	return done[:min(s.last, len(done))]
}
