package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq"
)

// Reversible plans with inner, but refuses a plan that holds an op without a Rollback: the error
// matches [seq.ErrNotReversible] and names each of them.
func Reversible(inner seq.Planner) seq.Planner {
	return seq.PlannerFunc(func(ctx context.Context, in seq.Input) (*seq.Plan, error) {
		var errs []error
		for i := range in.Steps {
			if in.Steps[i].Op.Rollback == nil {
				errs = append(errs, fmt.Errorf("%w: %s has no Rollback", seq.ErrNotReversible, in.Steps[i].Op.ID))
			}
		}
		if len(errs) > 0 {
			return nil, errors.Join(errs...)
		}
		return inner.Plan(ctx, in)
	})
}
