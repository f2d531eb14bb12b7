package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/sequencer-go/seq/internal/safecall"
	"github.com/sequencer-go/seq/plan"
)

// askPlanner has a planner, which may be the user's, plan, and completes its plan.
func askPlanner(ctx context.Context, planner plan.Planner, in plan.Input) (*planned, error) {
	made := &planned{}
	err := safecall.Do(func() (err error) {
		made.Plan, err = planner.Plan(ctx, in)
		return err
	})
	if err == nil {
		made.declared, err = complete(made.Plan, in)
	}
	return made, err
}

// complete checks what a planner made, which may be the user's, and mends what must hold whatever
// the plan: a step waits for what its op declared to depend on, and stands in a later wave. What was
// declared comes first in After; declared says how much of it that is, nil if nowhere is any.
func complete(made *plan.Plan, in plan.Input) (declared []int32, err error) {
	if made == nil {
		return nil, fmt.Errorf("%w: there is none", plan.ErrInvalid)
	}
	find := finder(in)
	place := make([]int, len(in.Steps)) // from input to plan, counted from 1
	for i := range made.Steps {
		from := find(&made.Steps[i])
		if from < 0 || place[from] > 0 {
			return nil, fmt.Errorf("%w: step %d is none of those to plan, or stands there twice", plan.ErrInvalid, i)
		}
		place[from] = i + 1
		declare(&made.Steps[i], &in.Steps[from])
	}
	for from, at := range place {
		if at == 0 {
			return nil, fmt.Errorf("%w: it leaves out %s", plan.ErrInvalid, in.Steps[from].ID)
		}
	}
	needed := make([]int, len(made.Steps)) // the last step that declared to need this one, counted from 1
	var after []int
	for i := range made.Steps {
		s := &made.Steps[i]
		after = after[:0]
		for _, from := range in.Steps[s.Index].After {
			j := place[from] - 1
			if j >= i {
				return nil, outOfOrder(s)
			}
			needed[j] = i + 1
			after = append(after, j)
			s.Wave = max(s.Wave, made.Steps[j].Wave+1)
		}
		if len(after) > 0 {
			if declared == nil {
				declared = make([]int32, len(made.Steps))
			}
			declared[i] = int32(len(after))
		}
		for _, j := range s.After {
			if j < 0 || j >= i {
				return nil, outOfOrder(s)
			}
			if needed[j] != i+1 {
				after = append(after, j)
				s.Wave = max(s.Wave, made.Steps[j].Wave+1)
			}
		}
		if !slices.Equal(after, s.After) {
			s.After = slices.Clone(after)
		}
	}
	return declared, nil
}

// declare writes what the op declared, and what its Inspect found, into a planned step: that is not the
// planner's to change.
func declare(s, in *plan.Step) {
	s.Alias, s.Kind, s.Tags, s.DependsOn = in.Alias, in.Kind, in.Tags, in.DependsOn
	s.Delivery, s.DeliveryNote, s.Connections, s.Notes = in.Delivery, in.DeliveryNote, in.Connections, in.Notes
	s.AllowedToFail, s.Reversible, s.Conditional, s.Checksum = in.AllowedToFail, in.Reversible, in.Conditional, in.Checksum
	s.Retry, s.Timeout = in.Retry, in.Timeout
}

func outOfOrder(s *plan.Step) error {
	return fmt.Errorf("%w: %s does not stand behind all that it waits for", plan.ErrInvalid, s.ID)
}

// finder returns a function that finds a planned step in the input, and corrects its Index; -1 if it
// is not there. A planner may have made the step anew.
func finder(in plan.Input) func(s *plan.Step) int {
	var index map[string]int
	return func(s *plan.Step) int {
		if s.Index >= 0 && s.Index < len(in.Steps) && in.Steps[s.Index].ID == s.ID {
			return s.Index
		}
		if index == nil {
			index = make(map[string]int, len(in.Steps))
			for i := range in.Steps {
				index[in.Steps[i].ID] = i
			}
		}
		i, known := index[s.ID]
		if !known {
			return -1
		}
		s.Index = i
		return i
	}
}
