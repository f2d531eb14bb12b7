package exec

import (
	"context"
	"errors"

	"github.com/sequencer-go/seq"
)

// KeepGoing walks with inner, but gives every step its turn whatever became of the others. At
// the end it returns all failures, joined. What depends on a failed step is skipped all the
// same, and a failed migration still stops the run.
func KeepGoing(inner seq.Executor) seq.Executor {
	return seq.ExecutorFunc(func(ctx context.Context, walk *seq.Walk) error {
		walk.KeepGoing()
		return errors.Join(inner.Execute(ctx, walk), walk.Err())
	})
}
