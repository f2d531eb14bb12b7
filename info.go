package seq

import (
	"context"
	"log/slog"

	"github.com/sequencer-go/seq/internal/opctx"
)

// An OpInfo is what an op may know of the call that is being made of it.
type OpInfo struct {
	ID        string
	Run       string // the ID of the run, as in the history; with Unrecorded one that ends with the call
	Strategy  string // of the run
	Direction Direction
	Attempt   int // number in the ledger, over both directions; 0 in a guard, before it is claimed
	Call      int // number of this call within the attempt, from 1: more than 1 after a retry
	// Retry says that an earlier call, in this attempt or in one before, began and did not succeed, so
	// that some of its effect may be there. Of a Transactional op none is. What happened before the op was
	// last done, undone or skipped does not count. It is also true when a person has decided, with
	// [Sequencer.Retry] or [Sequencer.Resolve], that the op is to run.
	Retry       bool
	Environment string // see [InEnvironment]; "" if it was not told
}

// Info is what the call is that ctx belongs to. It reports false outside of an op's functions and of the
// middleware around them. A ShouldRun is asked before there is an attempt, so Attempt and Call are 0 in it.
// Info may be called from any goroutine.
func Info(ctx context.Context) (OpInfo, bool) {
	a := opctx.SubjectOf(ctx)
	if a == nil {
		return OpInfo{}, false
	}
	i := a.Info()
	return OpInfo{
		ID: i.ID, Run: i.Run, Strategy: i.Strategy, Direction: Direction(i.Direction), Attempt: i.Attempt, Call: i.Call,
		Retry: i.Retry, Environment: i.Environment,
	}, true
}

// How much of what an op logs is kept with its attempt. See [Logger].
const (
	MaxLogLines     = opctx.MaxLogLines
	MaxLogLineBytes = opctx.MaxLogLineBytes
)

// Logger is a logger for the op that ctx belongs to: what it gets goes to the logger of [WithLogger] with
// the attributes op, run, attempt and direction. The last [MaxLogLines] lines at Info or above, each cut at
// [MaxLogLineBytes], are also kept with the attempt, whatever that logger's level: see StepReport.Log and
// the event of the settled op. (Of a ShouldRun, which belongs to no attempt, none are.) It is never nil; outside of an op it is slog.Default(). When the op has
// returned nothing more is kept. It may be used from any goroutine.
func Logger(ctx context.Context) *slog.Logger {
	if a := opctx.SubjectOf(ctx); a != nil {
		return a.Logger()
	}
	return slog.Default()
}
