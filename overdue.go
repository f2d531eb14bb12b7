package seq

import (
	"context"
	"runtime"
	"strings"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// overdueAfter is how long after the end of its context an op is expected to return.
const overdueAfter = 10 * time.Second

// overdue tells the watchers when the op has not returned some time after its context ended, with
// the stacks of the ops that run, and then goes on waiting for it: an op that is left behind could
// still act when it has long been started again. stop ends it.
func (c *Call) overdue(ctx context.Context) (stop func()) {
	if c.walk.announcer == nil {
		return func() {}
	}
	waiting, over := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(done)
		if clock.Sleep(waiting, wall, overdueAfter) == nil {
			c.walk.announce(Event{
				Kind: EventOverdue, ID: c.Step.Op.ID, Direction: c.Direction, Attempt: c.Attempt,
				Err: context.Cause(ctx), Reason: "it does not heed the end of its context", Stack: opStacks(),
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

// opStacks are the stacks of all goroutines that are inside an op.
func opStacks() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var ops []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(stack, "seq.(*hand).call") {
			ops = append(ops, stack)
		}
	}
	return strings.Join(ops, "\n\n")
}
