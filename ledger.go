package seq

import "github.com/sequencer-go/seq/store"

// State is where an op stands in the ledger: see [store.State].
type State = store.State

// The states of an op.
const (
	Pending         = store.Pending         // not done; the next run takes it up
	Scheduled       = store.Scheduled       // enrolled, waits for its time or for an op that does
	Running         = store.Running         // an attempt is open
	Succeeded       = store.Succeeded       // done; no run takes it up again unless asked to repeat
	Skipped         = store.Skipped         // not run for a reason; the next run looks again
	Failed          = store.Failed          // its last attempt returned an error
	Tolerated       = store.Tolerated       // as Failed, and allowed to
	Indeterminate   = store.Indeterminate   // applied or not, nobody knows
	RollbackPending = store.RollbackPending // will be undone: decided, not started or not finished
	RollingBack     = store.RollingBack     // an attempt to undo it is open
	RolledBack      = store.RolledBack      // undone; pending again for the next run
	RollbackFailed  = store.RollbackFailed  // undoing it failed: its effect may still be there
	Waived          = store.Waived          // a person decided that it need not run; counts as done
)

// RunState is where a run stands: see [store.RunState].
type RunState = store.RunState

// The states of a run.
const (
	RunStarted        = store.RunStarted        // under way, or its process died
	RunSucceeded      = store.RunSucceeded      // all that was planned is done, skipped, tolerated or scheduled
	RunFailed         = store.RunFailed         // an op failed; what was done stays done
	RunRollingBack    = store.RunRollingBack    // decided to undo; recorded before the first rollback
	RunRolledBack     = store.RunRolledBack     // undone as far as ops can be undone
	RunRollbackFailed = store.RunRollbackFailed // something could not be undone
	RunAbandoned      = store.RunAbandoned      // its process died and a run of another strategy came after it
	RunWaiting        = store.RunWaiting        // only scheduled ops are left, and it waits for them without the lease
	RunBusy           = store.RunBusy           // never started: another run held the ledger and [OrReturn] was asked for
	RunInterrupted    = store.RunInterrupted    // it was told to stop, or lost the lease; no op failed of its own accord
)

// Delivery is what an op promises across crashes: see [store.Delivery].
type Delivery = store.Delivery

// The three honest promises.
const (
	Repeatable    = store.Repeatable    // at least once; the zero value
	Transactional = store.Transactional // exactly once: effect and record commit together
	Once          = store.Once          // at most once
	Resumable     = store.Resumable     // exactly once, batch by batch, see [Checkpoint]
)

// Direction tells doing from undoing: see [store.Direction].
type Direction = store.Direction

// The directions of a call, and of a line in an op's history.
const (
	Forward  = store.Forward  // the op's Run
	Rollback = store.Rollback // the op's Rollback
	ByHand   = store.ByHand   // no call, but what a person found, see [Sequencer.Resolve]
)

// What a ledger may answer: the errors of package store, under the names that callers of Run match.
var (
	// ErrLeaseHeld means that another run holds the ledger. See [store.LeaseError].
	ErrLeaseHeld = store.ErrLeaseHeld
	// ErrLeaseLost means that another process took over the run.
	ErrLeaseLost = store.ErrLeaseLost
	// ErrFenced means that an attempt was closed by somebody else, so that its owner's word no
	// longer counts.
	ErrFenced = store.ErrFenced
	// ErrUnknownOutcome means that a commit was sent and nobody knows whether it took effect.
	ErrUnknownOutcome = store.ErrUnknownOutcome
	// ErrTxBroken means that a Transactional op ended its transaction itself.
	ErrTxBroken = store.ErrTxBroken
	// ErrSchemaNewer means that the ledger was made by a newer version of this library.
	ErrSchemaNewer = store.ErrSchemaNewer
	// ErrUnknownValue means that a text is not one of the values of its type.
	ErrUnknownValue = store.ErrUnknownValue
)
