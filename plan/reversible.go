package plan

import (
	"context"
	"errors"
	"fmt"
)

// Reversible plans with inner, but refuses a plan that holds an op without a Rollback: the error
// matches [ErrNotReversible] and names each of them.
func Reversible(inner Planner) Planner {
	return Func(func(ctx context.Context, in Input) (*Plan, error) {
		var errs []error
		for i := range in.Steps {
			if !in.Steps[i].Reversible {
				errs = append(errs, fmt.Errorf("%w: %s has no Rollback", ErrNotReversible, in.Steps[i].ID))
			}
		}
		if len(errs) > 0 {
			return nil, errors.Join(errs...)
		}
		return inner.Plan(ctx, in)
	})
}
