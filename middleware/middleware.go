// Package middleware says what surrounds a run or its steps, and has the middleware that ships.
//
// The order in which they stand is a law, see [Layer]: Saga, then Defer or Await, then Record and
// Tolerate, then Retry and Timeout; Log stands anywhere. Add one to a sequencer with Use, which finds
// its place.
//
// One of your own is a function around the next handler, in the field Step:
//
//   - A hook does something before and after next. At LayerGuard it sees each attempt once, and its final
//     error; at LayerCall, each call that a retry makes.
//   - A guard, at LayerGuard, decides before anything is written whether a step may start: it calls next,
//     or returns seq.Skip with a reason, or an error. Undoing passes it too: see Call's Direction.
//   - Who returns nil says that the op succeeded, and must have called next; who returns seq.Skip must not
//     have called it. Anything else fails the step, with an error that names the middleware and matches
//     seq.ErrInvalidStrategy.
//   - [For] limits it to some calls. What it needs to know of the op is in the call's Step, and seq.Info,
//     seq.Logger and seq.Saved take its context.
//
// A watcher, in the field Watch, hears events and holds nothing up; see [Throttle]. What surrounds a whole
// run is in the field Run.
package middleware

import (
	"context"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/internal/role"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// Middleware surrounds a run, each attempt at a step, or both, and may watch what happens. A nil
// field passes through. Of a list, the first is outermost in both.
type Middleware struct {
	Name  string // for error messages
	Layer Layer  // where it must stand; zero means anywhere
	Err   error  // why it cannot be used; reported before anything runs

	Run   func(next exec.Executor) exec.Executor
	Step  func(next Handler) Handler
	Watch func(Event) // called for each event, one at a time; see [Event]

	// Role is what it and the engine have agreed on. Only [Record], [Unrecorded], [Await] and [Retry] set
	// it: its values cannot be named outside of this module.
	Role *role.Role
}

// SequencerPart makes Middleware something that a sequencer's Use takes.
func (Middleware) SequencerPart() {}

// A Handler makes one attempt at one step, in either direction.
type Handler func(ctx context.Context, call *Call) error

// A Call is one step being done or undone, as middleware sees it. With Record around it, one
// call is one attempt in the ledger, however often middleware calls next. Pass on the context that
// came with it, or one derived from that: the op's attempt is known by it.
type Call struct {
	Step      *plan.Step
	Run       string // the ID of the run
	Attempt   int    // number in the ledger; 0 if nothing is recorded
	Direction store.Direction
	Doubt     bool        // an earlier attempt was cut off: its effect may be there
	Clock     clock.Clock // that the run lives by
}

// Retrying tells the run's watchers that the call that ctx belongs to failed with err and will be made
// again after delay. It does nothing if ctx belongs to none.
func Retrying(ctx context.Context, err error, delay time.Duration) {
	if a := opctx.Of(ctx); a != nil {
		a.Retrying(err, delay)
	}
}
