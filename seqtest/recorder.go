package seqtest

import (
	"fmt"
	"sync"

	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// A Recorder writes down what happens in runs, in order. Hand its Middleware to a sequencer:
//
//	rec := seqtest.NewRecorder()
//	_, err := seq.New(store, ops...).Use(strategies.Batch(), rec.Middleware()).Run(ctx)
//	seqtest.AssertRan(t, rec, "2024_01_15_120000_migrate_users")
//
// It may be used for many runs, one after another or at a time.
type Recorder struct {
	mu     sync.Mutex
	events []middleware.Event
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder { return &Recorder{} }

// Middleware is what makes the recorder see a run.
func (r *Recorder) Middleware() middleware.Middleware {
	return middleware.Middleware{Name: "recorder", Watch: func(e middleware.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	}}
}

// Events are all events so far.
func (r *Recorder) Events() []middleware.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]middleware.Event(nil), r.events...)
}

// Reset forgets all events.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// Trace is what happened to ops, a line per event, as in "run 2024_01_15_120000_a",
// "succeeded 2024_01_15_120000_a", "rollback 2024_01_15_120000_a", "rolled-back …", "skipped …".
func (r *Recorder) Trace() []string {
	var lines []string
	for _, e := range r.Events() {
		switch e.Kind {
		case middleware.EventStarted:
			lines = append(lines, fmt.Sprintf("%s %s", e.Direction, e.ID))
		case middleware.EventRetrying:
			lines = append(lines, "retry "+e.ID)
		case middleware.EventSettled:
			lines = append(lines, fmt.Sprintf("%s %s", e.State, e.ID))
		}
	}
	return lines
}

// Skips are the ops that were skipped, by ID, with the reason of the last time.
func (r *Recorder) Skips() map[string]string {
	skips := map[string]string{}
	for _, e := range r.Events() {
		if e.Kind == middleware.EventSettled && e.State == store.Skipped {
			skips[e.ID] = e.Reason
		}
	}
	return skips
}

// last is how an op settled the last time.
func (r *Recorder) last(id string) (state store.State, reason string, settled bool) {
	for _, e := range r.Events() {
		if e.Kind == middleware.EventSettled && e.ID == id {
			state, reason, settled = e.State, e.Reason, true
		}
	}
	return state, reason, settled
}

// Ran lists the ops whose Run was called, in the order of the calls.
func (r *Recorder) Ran() []string { return r.started(store.Forward) }

// Undone lists the ops whose Rollback was called, in the order of the calls.
func (r *Recorder) Undone() []string { return r.started(store.Rollback) }

// Settled lists the ops that came to rest in state, in the order in which they did.
func (r *Recorder) Settled(state store.State) []string {
	return r.ids(func(e middleware.Event) bool { return e.Kind == middleware.EventSettled && e.State == state })
}

// Overlap is the largest number of calls that were under way at a time.
func (r *Recorder) Overlap() int {
	most := 0
	open := map[string]bool{}
	for _, e := range r.Events() {
		switch key := e.Direction.String() + e.ID; e.Kind {
		case middleware.EventStarted:
			open[key] = true
			most = max(most, len(open))
		case middleware.EventSettled:
			delete(open, key)
		}
	}
	return most
}

func (r *Recorder) started(d store.Direction) []string {
	return r.ids(func(e middleware.Event) bool { return e.Kind == middleware.EventStarted && e.Direction == d })
}

func (r *Recorder) ids(which func(middleware.Event) bool) []string {
	ids := []string{}
	for _, e := range r.Events() {
		if which(e) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}
