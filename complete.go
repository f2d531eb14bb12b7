package seq

import (
	"fmt"
	"slices"
)

// complete checks what a planner made, which may be the user's, and mends what must hold whatever
// the plan: a step waits for what its op declared to depend on, and stands in a later wave.
func complete(plan *Plan, in Input) error {
	if plan == nil {
		return fmt.Errorf("%w: there is none", ErrInvalidPlan)
	}
	place := make([]int, len(in.Steps)) // from input to plan, counted from 1
	for i := range plan.Steps {
		from := in.find(&plan.Steps[i])
		if from < 0 || place[from] > 0 {
			return fmt.Errorf("%w: step %d is none of those to plan, or stands there twice", ErrInvalidPlan, i)
		}
		place[from] = i + 1
	}
	for from, at := range place {
		if at == 0 {
			return fmt.Errorf("%w: it leaves out %s", ErrInvalidPlan, in.Steps[from].Op.ID)
		}
	}
	needed := make([]int, len(plan.Steps)) // the last step that declared to need this one, counted from 1
	var after []int
	for i := range plan.Steps {
		s := &plan.Steps[i]
		after = after[:0] // what was declared comes first
		for _, from := range in.Steps[s.input].After {
			j := place[from] - 1
			if j >= i {
				return outOfOrder(s)
			}
			needed[j] = i + 1
			after = append(after, j)
			s.Wave = max(s.Wave, plan.Steps[j].Wave+1)
		}
		s.declared = len(after)
		for _, j := range s.After {
			if j < 0 || j >= i {
				return outOfOrder(s)
			}
			if needed[j] != i+1 {
				after = append(after, j)
				s.Wave = max(s.Wave, plan.Steps[j].Wave+1)
			}
		}
		if !slices.Equal(after, s.After) {
			s.After = slices.Clone(after)
		}
	}
	return nil
}

// declared is what each step's op declared to depend on, in a plan that nobody has completed.
func declared(steps []Step) [][]int {
	needs := make([][]int, len(steps))
	index := make(map[string]int, len(steps))
	for i := range steps {
		index[steps[i].Op.ID] = i
		for _, old := range steps[i].Op.RenamedFrom {
			index[old] = i
		}
	}
	for i := range steps {
		for _, id := range steps[i].Op.DependsOn {
			if j, planned := index[id]; planned {
				needs[i] = append(needs[i], j)
			}
		}
	}
	return needs
}

func outOfOrder(s *Step) error {
	return fmt.Errorf("%w: %s does not stand behind all that it waits for", ErrInvalidPlan, s.Op.ID)
}

// find is the index of a planned step in the input, -1 if it is not there. A planner may have
// made the step anew.
func (in Input) find(s *Step) int {
	if s.input < len(in.Steps) && in.Steps[s.input].Op == s.Op {
		return s.input
	}
	for i := range in.Steps {
		if in.Steps[i].Op == s.Op {
			s.input = i
			return i
		}
	}
	return -1
}
