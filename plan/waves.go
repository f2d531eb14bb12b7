package plan

import "context"

// Waves plans topological waves: the first holds what depends on nothing, each next one what
// depends only on waves before it. Within a wave, ops stand in chronological order. Its cost is
// linear in ops and dependencies.
func Waves() Planner { return Func(waves) }

func waves(_ context.Context, in Input) (*Plan, error) {
	return byLevel(in, levels(in)), nil
}

// levels is the wave of each step: one more than the highest of those it waits for, 0 if it waits for
// none.
func levels(in Input) []int {
	level := make([]int, len(in.Steps))
	for _, i := range in.Order(nil) {
		for _, j := range in.Steps[i].After {
			level[i] = max(level[i], level[j]+1)
		}
	}
	return level
}

// byLevel arranges steps by level, and chronologically within one, by counting.
func byLevel(in Input, level []int) *Plan {
	top := 0
	for _, l := range level {
		top = max(top, l+1)
	}
	next := make([]int, top+1)
	for _, l := range level {
		next[l+1]++
	}
	for l := range top {
		next[l+1] += next[l]
	}
	order := make([]int, len(level))
	for i, l := range level {
		order[next[l]] = i
		next[l]++
	}
	p := in.Arrange(order)
	for at, i := range order {
		p.Steps[at].Wave = level[i]
	}
	return p
}
