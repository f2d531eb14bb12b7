package engine

import (
	"context"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
)

// overdueAfter is how long after the end of its context an op is expected to return.
const overdueAfter = 10 * time.Second

// watchOverdue tells the watchers when the op has not returned some time after its context ended, with
// the stacks of the ops that run, and then goes on waiting for it: an op that is left behind could
// still act when it has long been started again. stop ends the watch.
func (a *attempt) watchOverdue(ctx context.Context) (stop func()) {
	w := a.walk
	if w.watchers == nil {
		return func() {}
	}
	waiting, over := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(done)
		if clock.Sleep(waiting, ledger.Wall, overdueAfter) == nil {
			w.announce(middleware.Event{
				Kind: middleware.EventOverdue, ID: a.Step.ID, Direction: a.Direction, Attempt: a.Attempt,
				Err: context.Cause(ctx), Reason: "it does not heed the end of its context", Stack: w.pool.Stacks(),
			})
		}
	})
	return func() {
		over()
		if !unhook() {
			<-done
		}
	}
}
