package middleware

import (
	"encoding/json"
	"time"

	"github.com/sequencer-go/seq/internal/enum"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// An Event says what just happened in a run. Each watcher gets all events of its sequencer one at a
// time and in order, in a goroutine that is not the run's: those of one op start with Started and
// end with Settled. Of an op's progress a slow watcher hears the latest only. A watcher that panics is
// ignored. One that is slow, or blocks for ever, holds nobody up: Run returns when every watcher has
// heard everything, but waits no longer than five seconds for that.
type Event struct {
	Kind      EventKind
	Time      time.Time // by the sequencer's clock
	Run       string    // the run's ID; empty while waiting for the ledger
	Strategy  string
	RunState  store.RunState  // of run events
	ID        string          // of the op; empty for run events
	Direction store.Direction // of the op's attempt
	Attempt   int             // as in the ledger
	State     store.State     // of Settled: what the op became
	Reason    string          // why it was skipped, is scheduled, or is waiting; of Progress: why it does not move; of RunStarted: why somebody wanted the run, see seq.Because
	Err       error           // of the op; also of one that was tolerated
	Stack     string          // of Overdue: the goroutines of all ops that run
	Delay     time.Duration
	Plan      *plan.Plan // of Planned and NothingToDo; it must not be changed
	Hash      string     // of RunStarted: that of its plan; empty for a rollback
	Actor     string     // of RunStarted: who asked for it, see seq.By
	// Duration is that of the attempt that Settled ends, with all calls and the pauses between them, or of
	// the run that RunFinished ends; by the sequencer's clock.
	Duration time.Duration
	// Counts says, of RunFinished, how many steps the run left in each state: Pending are those that did
	// not start.
	Counts map[store.State]int
	Done   int64    // of Progress: how far the op has come
	Pace   Pace     // of Progress of a Resumable op: how it gets on
	Log    []string // of Settled: the last lines that the op wrote to seq.Logger in its attempt
	Total  int64    // of RunStarted and RollbackStarted: how many steps; of Progress: how much in all, 0 if unknown
}

// EventKind says what an event is about.
type EventKind uint8

// The kinds of event.
const (
	// EventWaiting means that the run has no lease yet. Either another run holds it, and Err is the
	// *store.LeaseError; or the ledger cannot be reached, because of Err, and is asked again after Delay. With
	// an ID it means that an op in the background cannot begin, because of Err, and will be tried again.
	EventWaiting       EventKind = iota
	EventRunStarted              // the plan is made and recorded
	EventStarted                 // an attempt at an op begins, in its Direction
	EventOverdue                 // its context has ended and it does not return; Stack says where it is
	EventRetrying                // it failed with Err and is tried again after Delay
	EventSettled                 // a step has settled in State, also one that never started
	EventRunFinished             // the run ended in RunState
	EventLeaseAcquired           // this run holds the ledger from now on
	EventLeaseLost               // it does not any more, because of Err: what runs is asked to stop
	EventRecovered               // the open attempt of a process that died was closed, in State
	EventPlanned                 // Plan is what will run
	// EventProgress means that an op reported how far it has come, in Done and Total, and if it is Resumable
	// its Pace; with a Reason, that it does not move, and why.
	EventProgress
	EventRollbackStarted // the run is being rolled back; that is recorded
	// EventNothingToDo means that a run, or a rollback, found nothing to do now. The Steps of Plan, Total
	// of them, wait for their time; Reason says if another process did it all. Serve tells it of no look
	// that it takes by itself.
	EventNothingToDo
	// EventNoWorker means that no worker has begun the op of an order, because of Err: none lives, or who
	// has refused it and why. The run waits; see package fleet.
	EventNoWorker
)

var eventNames = [...]string{
	"waiting", "run started", "started", "overdue", "retrying", "settled", "run finished",
	"lease acquired", "lease lost", "recovered", "planned", "progress", "rollback started", "nothing to do", "no worker",
}

// String is the kind in lower case.
func (k EventKind) String() string { return enum.Name(eventNames[:], k) }

// MarshalText writes the kind as its name.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalJSON writes the event with its fields as they are called here, but for Err, which is a text,
// and those that are zero, which are left out.
func (e Event) MarshalJSON() ([]byte, error) {
	out := struct {
		Kind      EventKind
		Time      time.Time
		Run       string              `json:",omitempty"`
		Strategy  string              `json:",omitempty"`
		RunState  *store.RunState     `json:",omitempty"`
		ID        string              `json:",omitempty"`
		Direction *store.Direction    `json:",omitempty"`
		Attempt   int                 `json:",omitempty"`
		State     *store.State        `json:",omitempty"`
		Reason    string              `json:",omitempty"`
		Err       string              `json:",omitempty"`
		Stack     string              `json:",omitempty"`
		Delay     time.Duration       `json:",omitempty"`
		Plan      *plan.Plan          `json:",omitempty"`
		Hash      string              `json:",omitempty"`
		Actor     string              `json:",omitempty"`
		Duration  time.Duration       `json:",omitempty"`
		Counts    map[store.State]int `json:",omitempty"`
		Log       []string            `json:",omitempty"`
		Done      int64               `json:",omitempty"`
		Total     int64               `json:",omitempty"`
		Pace      Pace                `json:",omitzero"`
	}{
		Kind: e.Kind, Time: e.Time, Run: e.Run, Strategy: e.Strategy, ID: e.ID, Attempt: e.Attempt, Reason: e.Reason,
		Err: store.ErrorText(e.Err), Stack: e.Stack, Delay: e.Delay, Plan: e.Plan, Hash: e.Hash, Actor: e.Actor, Duration: e.Duration, Counts: e.Counts, Log: e.Log, Done: e.Done, Total: e.Total, Pace: e.Pace,
	}
	if e.ID != "" {
		out.Direction = &e.Direction
	}
	switch e.Kind {
	case EventSettled, EventRecovered:
		out.State = &e.State
	case EventRunFinished:
		out.RunState = &e.RunState
	}
	return json.Marshal(out)
}
