package engine

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// sessionWatcher tells the watchers of a sequencer what happens to the session of a call.
type sessionWatcher struct {
	engine *Engine
	run    string
	held   atomic.Pointer[store.LeaseError] // by whom the lease was held when the wait began
}

func (s *sessionWatcher) send(e middleware.Event) {
	if s.engine.Watchers == nil {
		return
	}
	e.Time, e.Strategy, e.Run = s.engine.Clock.Now(), s.engine.Strategy.Name, s.run
	s.engine.Watchers.Send(e)
}

func (s *sessionWatcher) LeaseHeld(by *store.LeaseError) {
	s.held.CompareAndSwap(nil, by)
	s.send(middleware.Event{Kind: middleware.EventWaiting, Err: by, Reason: fmt.Sprintf("waits for %s", by.Holder)})
}

func (s *sessionWatcher) Unreachable(err error, pause time.Duration) {
	s.send(middleware.Event{Kind: middleware.EventWaiting, Err: err, Delay: pause, Reason: "tries again"})
}

func (s *sessionWatcher) Acquired() { s.send(middleware.Event{Kind: middleware.EventLeaseAcquired}) }

func (s *sessionWatcher) Lost(err error) {
	s.send(middleware.Event{Kind: middleware.EventLeaseLost, Err: err})
}

func (s *sessionWatcher) Recovered(o store.Outcome) {
	s.send(middleware.Event{Kind: middleware.EventRecovered, ID: o.ID, State: o.State, Reason: o.Error})
}
