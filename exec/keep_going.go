package exec

import (
	"context"
	"errors"
)

// KeepGoing walks with inner, but gives every step its turn whatever became of the others. At
// the end it returns all failures, joined. What depends on a failed step is skipped all the
// same, and a failed migration still stops the run.
func KeepGoing(inner Executor) Executor {
	return Func(func(ctx context.Context, walk Walk) error {
		walk.KeepGoing()
		return errors.Join(inner.Execute(ctx, walk), walk.Err())
	})
}
