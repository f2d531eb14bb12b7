// Package exec says what an executor is, and has the executors: when each step of a plan starts.
//
// All of them return only after all that they started has ended, and stop starting steps at the first
// failure that is not allowed; [KeepGoing] takes the latter away from any of them.
package exec

import (
	"context"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/plan"
)

// An Executor walks a plan. Execute calls walk.Do for steps whose After has settled, never twice
// for one step at a time, and returns only after all that it started has ended. It stops
// starting steps when one returned an error, and returns what was returned to it.
// seqtest.TestExecutor holds an implementation to this contract.
type Executor interface {
	Execute(ctx context.Context, walk Walk) error
}

// Func is a function as an [Executor].
type Func func(ctx context.Context, walk Walk) error

// Execute calls f.
func (f Func) Execute(ctx context.Context, walk Walk) error { return f(ctx, walk) }

// A Walk is one run on its way through a plan, as executors and the middleware around them see it. It
// is the only thing that calls an op: executors say when, a saga says undo, so every capability of an
// op means the same under all of them. Its methods are safe for concurrent use. It is implemented by
// this module only; seqtest.NewWalk makes one for tests of executors.
type Walk interface {
	// Plan is what is walked. It must not be changed.
	Plan() *plan.Plan
	// Clock is the clock that the run lives by.
	Clock() clock.Clock
	// Do does step i and returns when it has settled: nil if it succeeded, was skipped, is not due,
	// or failed and is allowed to; else why no further step should start. A step that has settled is
	// not done again; Do answers as it did then. All of its After must have settled before.
	Do(ctx context.Context, i int) error
	// DoThen is Do for a worker that knows what it does next. If the op succeeds, next is asked once,
	// just before the outcome is recorded, and answers with a step whose After have settled or are
	// step i, or with -1. That step is then claimed in the transaction that records the outcome of i,
	// which saves a commit, and it is the caller's to do next: nobody else may. It need not: a step
	// that was claimed and is not done when the executor returns is given back, as one that never
	// started.
	DoThen(ctx context.Context, i int, next func() int) error
	// KeepGoing makes Do answer nil also for a step that failed, so that an executor goes on with
	// the others. What depends on the failed step is skipped all the same. Err has the failures.
	KeepGoing()
	// Err is every failure so far that was not allowed, joined; nil if there is none.
	Err() error
	// Interrupted reports whether the run was told to stop, and no op has failed of its own accord.
	Interrupted() bool
	// Rollback turns back: it records that, and undoes the ops of this run that succeeded, those whose
	// outcome nobody knows, and those that failed and ask for it. What an earlier process did in this run
	// counts. The latest comes first, one after another; where workers undo them, what the plan lets be
	// done side by side is undone side by side, by the strategy's executor. From then on Do starts nothing.
	// Call it when nothing is running any more.
	//
	// It goes on when ctx has ended, and whatever becomes of a single op; Err and the run's report say
	// what could not be undone, and name the ops without a Rollback. If the decision cannot be
	// recorded, nothing is undone, and the run stays as if its process had died here: the next one goes on
	// with it. If the ledger cannot be told, or the lease is lost, what is left stays to be undone.
	Rollback(ctx context.Context) error
}
