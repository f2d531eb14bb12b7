package plan

import (
	"context"
	"slices"
	"time"
)

// TimeGated plans what is due with inner, and behind it, by time, what is not: nothing that is
// due waits for something that is not. An op that depends on one that is not due counts as due
// with it. Without a schedule the plan is inner's.
func TimeGated(inner Planner) Planner { return timeGated{inner} }

type timeGated struct{ inner Planner }

// Plan implements [Planner].
func (g timeGated) Plan(ctx context.Context, in Input) (*Plan, error) {
	due := make([]time.Time, len(in.Steps)) // zero: now
	var times []time.Time
	for _, i := range in.Order(nil) {
		if at := in.Steps[i].NotBefore; at.After(in.Now) {
			due[i] = at
		}
		for _, j := range in.Steps[i].After {
			if due[j].After(due[i]) {
				due[i] = due[j]
			}
		}
		times = append(times, due[i])
	}
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	if len(times) < 2 {
		return g.inner.Plan(ctx, in)
	}
	whole := &Plan{}
	for _, at := range times {
		part, err := g.inner.Plan(ctx, subset(in, func(i int) bool { return due[i].Equal(at) }))
		if err != nil {
			return nil, err
		}
		appendPlan(whole, part)
	}
	return whole, nil
}

// subset is the input with only the steps that keep is true for.
func subset(in Input, keep func(i int) bool) Input {
	var order []int
	for i := range in.Steps {
		if keep(i) {
			order = append(order, i)
		}
	}
	return Input{Steps: in.Arrange(order).Steps, Now: in.Now}
}

// appendPlan puts a plan behind another. Dependencies from one to the other are not in either; the
// engine adds what ops declared.
func appendPlan(whole, part *Plan) {
	steps, waves := len(whole.Steps), 0
	if steps > 0 {
		for i := range whole.Steps {
			waves = max(waves, whole.Steps[i].Wave+1)
		}
	}
	for _, s := range part.Steps {
		s.Wave += waves
		s.After = slices.Clone(s.After)
		for k := range s.After {
			s.After[k] += steps
		}
		whole.Steps = append(whole.Steps, s)
	}
}
