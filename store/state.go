package store

import (
	"slices"

	"github.com/sequencer-go/seq/internal/enum"
)

// State is where an op stands. The ledger keeps it, and reports and events use the same words:
// every state is an outcome, or says that there is none yet.
type State uint8

// The states of an op.
const (
	Pending         State = iota // not done; the next run takes it up
	Scheduled                    // enrolled, waits for its time or for an op that does
	Running                      // an attempt is open
	Succeeded                    // done; no run takes it up again unless asked to repeat
	Skipped                      // not run for a reason; the next run looks again
	Failed                       // its last attempt returned an error
	Tolerated                    // as Failed, and allowed to
	Indeterminate                // the process died in the middle: applied or not, nobody knows
	RollbackPending              // will be undone: decided, not started or not finished
	RollingBack                  // an attempt to undo it is open
	RolledBack                   // undone; pending again for the next run
	RollbackFailed               // undoing it failed: its effect may still be there
	Waived                       // a person decided that it need not run; counts as done, see seq.Sequencer.Skip
	UnknownState                 // a newer library says what, in a word that this one does not know; nobody may touch it
)

var stateNames = [...]string{
	"pending", "scheduled", "running", "succeeded", "skipped", "failed", "tolerated",
	"indeterminate", "rollback-pending", "rolling-back", "rolled-back", "rollback-failed", "waived",
}

// String is the state in lower case with hyphens, as stores keep it; UnknownState is "unknown",
// which no store keeps.
func (s State) String() string {
	if s == UnknownState {
		return unknownWord
	}
	return enum.Name(stateNames[:], s)
}

const unknownWord = "unknown"

// ParseState is the inverse of String. It fails with an error matching [ErrUnknownValue].
func ParseState(s string) (State, error) { return enum.Parse[State](stateNames[:], s, "state") }

// KnownStates lists the states that the ledger keeps: all but UnknownState.
func KnownStates() []string { return slices.Clone(stateNames[:]) }

// MarshalText writes the state as its name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Done reports whether the op needs no run, and satisfies what depends on it.
func (s State) Done() bool { return s == Succeeded || s == Waived }

// Open reports whether somebody is working on the op, or was when they died.
func (s State) Open() bool { return s == Running || s == RollingBack }

// RunState is where a run stands.
type RunState uint8

// The states of a run.
const (
	RunStarted        RunState = iota // under way, or its process died
	RunSucceeded                      // all that was planned is done, skipped, tolerated or scheduled
	RunFailed                         // an op failed; what was done stays done
	RunRollingBack                    // decided to undo; recorded before the first rollback
	RunRolledBack                     // undone as far as ops can be undone
	RunRollbackFailed                 // something could not be undone
	RunAbandoned                      // its process died and a run of another strategy came after it
	RunWaiting                        // only scheduled ops are left, and it waits for them without the lease
	RunBusy                           // never started: another run held the ledger and seq.OrReturn was asked for
	RunInterrupted                    // it was told to stop; what is unfinished is there to go on with
	UnknownRun                        // a newer library says what, in a word that this one does not know
)

var runStateNames = [...]string{
	"started", "succeeded", "failed", "rolling-back", "rolled-back", "rollback-failed", "abandoned", "waiting", "busy",
	"interrupted",
}

// String is the state in lower case with hyphens, as stores keep it; UnknownRun is "unknown", which
// no store keeps.
func (s RunState) String() string {
	if s == UnknownRun {
		return unknownWord
	}
	return enum.Name(runStateNames[:], s)
}

// ParseRunState is the inverse of String. It fails with an error matching [ErrUnknownValue].
func ParseRunState(s string) (RunState, error) {
	return enum.Parse[RunState](runStateNames[:], s, "run state")
}

// MarshalText writes the state as its name.
func (s RunState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the state from its name, as [ParseState] does.
func (s *State) UnmarshalText(text []byte) (err error) {
	*s, err = ParseState(string(text))
	return err
}

// UnmarshalText reads the state from its name, as [ParseRunState] does.
func (s *RunState) UnmarshalText(text []byte) (err error) {
	*s, err = ParseRunState(string(text))
	return err
}

// Final reports whether the run is over, for good.
func (s RunState) Final() bool {
	switch s {
	case RunStarted, RunRollingBack, RunWaiting, RunInterrupted, UnknownRun:
		return false
	default:
		return true
	}
}

// Stopped reports whether nobody works on the run: it is over, or was interrupted.
func (s RunState) Stopped() bool { return s.Final() || s == RunInterrupted }
