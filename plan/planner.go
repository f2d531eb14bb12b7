package plan

import (
	"context"
	"slices"
	"time"

	"github.com/sequencer-go/seq/internal/graph"
)

// A Planner turns an input into a plan. It must not keep or change the input, and must decide from
// the input alone, so that the same input gives the same plan. The plan must hold every step of the
// input once; what a step declared to depend on need not be in its After, the engine adds it.
// seqtest.TestPlanner holds an implementation to this contract.
type Planner interface {
	Plan(ctx context.Context, in Input) (*Plan, error)
}

// Func is a function as a [Planner].
type Func func(ctx context.Context, in Input) (*Plan, error)

// Plan calls f.
func (f Func) Plan(ctx context.Context, in Input) (*Plan, error) { return f(ctx, in) }

// Input is what there is to plan: valid, without cycles, and complete in itself.
type Input struct {
	// Steps are those to plan, in chronological order. After holds the steps that the op
	// declared to depend on, and NotBefore when it is due; Wave is 0.
	Steps []Step
	// Now is the time of the decision.
	Now time.Time
}

// Arrange returns the plan that has the input's steps in the given order, a list of indices
// without repetition. After is carried over; an After that is not in the list is dropped.
func (in Input) Arrange(order []int) *Plan {
	place := make([]int, len(in.Steps)) // in the order, counted from 1
	for at, i := range order {
		place[i] = at + 1
	}
	room := len(order) // one more for each step, because many planners add one
	for _, i := range order {
		room += len(in.Steps[i].After)
	}
	steps, flat := make([]Step, len(order)), make([]int, 0, room)
	for at, i := range order {
		steps[at] = in.Steps[i]
		from := len(flat)
		for _, j := range in.Steps[i].After {
			if place[j] > 0 {
				flat = append(flat, place[j]-1)
			}
		}
		to := len(flat)
		flat = flat[:to+1]
		steps[at].After = flat[from : to : to+1]
	}
	return &Plan{Steps: steps}
}

// Order lists the steps so that each stands behind all of its After: those without such a reason
// in the order of rank, smallest first, and of equal rank as they stand in in.Steps. A nil rank
// makes all equal. It is linear in steps and edges, but for sorting the ranks.
func (in Input) Order(rank func(i int) int) []int {
	return graph.Order(len(in.Steps), afterOf(in.Steps), rank)
}

// Dependents turns After around: next(i) lists the steps that wait for step i, and waiting[i] is how
// many steps i waits for. It is for executors: its cost is linear, next allocates nothing, and waiting
// is the caller's to count down.
func Dependents(steps []Step) (next func(i int) []int, waiting []int) {
	return graph.Dependents(len(steps), afterOf(steps))
}

func afterOf(steps []Step) func(i int) []int {
	return func(i int) []int { return steps[i].After }
}

// appendOnce appends v to a list that does not have it.
func appendOnce(list []int, v int) []int {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
