package seq

import (
	"sync"
	"time"
)

// An Event says what just happened in a run. Events of one run come one at a time and in order;
// those of one op start with Started and end with Settled. A watcher that panics is ignored; one
// that blocks delays the run.
type Event struct {
	Kind      EventKind
	Time      time.Time // by the sequencer's clock
	Run       string    // the run's ID; empty while waiting for the ledger
	Strategy  string
	RunState  RunState  // of run events
	ID        string    // of the op; empty for run events
	Direction Direction // of the op's attempt
	Attempt   int       // as in the ledger
	State     State     // of Settled: what the op became
	Reason    string    // why it was skipped, is scheduled, or is waiting
	Err       error     // of the op; also of one that was tolerated
	Stack     string    // of Overdue: the goroutines of all ops that run
	Delay     time.Duration
	Plan      *Plan // of Planned; it must not be changed
	Done      int   // of Progress: how far the op has come
	Total     int   // of RunStarted and RollbackStarted: how many steps; of Progress: how much in all, 0 if unknown
}

// EventKind says what an event is about.
type EventKind uint8

// The kinds of event.
const (
	EventWaiting         EventKind = iota // another run holds the ledger; Err is the [LeaseError]
	EventRunStarted                       // the plan is made and recorded
	EventStarted                          // an attempt at an op begins, in its Direction
	EventOverdue                          // its context has ended and it does not return; Stack says where it is
	EventRetrying                         // it failed with Err and is tried again after Delay
	EventSettled                          // an op came to rest in State, also one that never started
	EventRunFinished                      // the run came to rest in RunState
	EventLeaseAcquired                    // this run holds the ledger from now on
	EventLeaseLost                        // it does not any more, because of Err: what runs is asked to stop
	EventRecovered                        // the open attempt of a process that died was closed, in State
	EventPlanned                          // Plan is what will run
	EventProgress                         // the op told how far it has come
	EventRollbackStarted                  // the run turns back; the decision is recorded
)

var eventNames = [...]string{
	"waiting", "run started", "started", "overdue", "retrying", "settled", "run finished",
	"lease acquired", "lease lost", "recovered", "planned", "progress", "rollback started",
}

// String is the kind in lower case.
func (k EventKind) String() string { return name(eventNames[:], k) }

// announcer hands events to the watchers, one at a time.
type announcer struct {
	mu       sync.Mutex
	watchers []func(Event)
}

func announcerFor(chain []Middleware) *announcer {
	a := &announcer{}
	for _, m := range chain {
		if m.Watch != nil {
			a.watchers = append(a.watchers, m.Watch)
		}
	}
	if len(a.watchers) == 0 {
		return nil
	}
	return a
}

// announce is nil-safe, so that a run nobody watches pays nothing.
func (a *announcer) announce(e Event) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, watch := range a.watchers {
		func() {
			defer func() { _ = recover() }()
			watch(e)
		}()
	}
}
