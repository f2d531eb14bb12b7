package middleware

import (
	"context"
	"errors"

	"github.com/sequencer-go/seq/exec"
)

// Saga undoes a run that failed, once all that was running has ended: every op of this run that
// completed, or whose outcome nobody knows, in reverse order of completion; where workers undo them, see
// [exec.Walk], side by side as far as the plan allows. The decision is
// recorded before the first rollback, so that another process can go on with it. When a
// rollback fails, what that op depends on stays to be undone behind it, and the rest goes on; when it
// was that of a migration, everything that completed before it stays, because nobody can say what the
// migration needs. A run refuses to go on beside them until Rollback has worked, or Resolve has said
// what is there. What has no Rollback stays, and is named in the report.
// (Garcia-Molina and Salem, Sagas, SIGMOD 1987.)
//
// A run that is interrupted (it was told to stop, or lost its lease) is not undone: it stays unfinished
// until a run of its strategy and selection goes on with it, or a person rolls it back. See
// [SagaUndoingInterrupted].
func Saga() Middleware { return saga(false) }

// SagaUndoingInterrupted is [Saga] that also undoes a run that was told to stop.
func SagaUndoingInterrupted() Middleware { return saga(true) }

func saga(undoInterrupted bool) Middleware {
	return Middleware{Name: "saga", Layer: LayerSaga, Run: func(next exec.Executor) exec.Executor {
		return exec.Func(func(ctx context.Context, walk exec.Walk) error {
			err := next.Execute(ctx, walk)
			if err == nil || walk.Interrupted() && !undoInterrupted {
				return err
			}
			return errors.Join(err, walk.Rollback(ctx))
		})
	}}
}
