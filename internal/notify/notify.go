// Package notify hands the events of a sequencer to its watchers, each in order and in a goroutine of
// its own, so that no watcher holds up a run.
package notify

import (
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/middleware"
)

const (
	flushTimeout = 5 * time.Second
	maxBehind    = 1 << 16 // events that a watcher may be behind; it misses what comes then
)

var wall = clock.Wall()

// A Fanout hands events to watchers. A nil one has none, and costs nothing.
type Fanout []*watcher

// To is the fan-out to the watchers of a chain.
func To(chain []middleware.Middleware) Fanout {
	var f Fanout
	for _, m := range chain {
		if m.Watch != nil {
			f = append(f, &watcher{watch: m.Watch})
		}
	}
	return f
}

// Send queues an event for every watcher.
func (f Fanout) Send(e middleware.Event) {
	for _, w := range f {
		w.send(e)
	}
}

// Flush waits until every watcher has heard everything, but no longer than flushTimeout. A watcher
// that was waited for in vain is not waited for again until it is idle.
func (f Fanout) Flush() {
	if len(f) == 0 {
		return
	}
	timeout := make(chan struct{})
	defer wall.AfterFunc(flushTimeout, func() { close(timeout) })()
	for _, w := range f {
		w.flush(timeout)
	}
}

// watcher is a queue, and a goroutine while there is something in it.
type watcher struct {
	watch func(middleware.Event)

	mu    sync.Mutex
	queue []middleware.Event
	idle  chan struct{} // closed when the goroutine ends; nil while there is none
	stuck bool          // a flush timed out, and it has not been idle since
}

func (w *watcher) send(e middleware.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Kind == middleware.EventProgress {
		w.supersede(e)
	}
	if len(w.queue) < maxBehind {
		w.queue = append(w.queue, e)
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
		go w.work()
	}
}

// supersede drops the op's older progress from the end of the queue: the watcher has not heard it yet,
// and a flood of it would leave no room for the rest. The caller holds mu.
func (w *watcher) supersede(e middleware.Event) {
	for i := len(w.queue) - 1; i >= 0 && w.queue[i].Kind == middleware.EventProgress; i-- {
		if was := &w.queue[i]; was.ID == e.ID && was.Run == e.Run && was.Direction == e.Direction {
			w.queue = slices.Delete(w.queue, i, i+1)
			return
		}
	}
}

// work calls the watcher for what is in the queue. When the watcher panics or ends the goroutine,
// another goroutine goes on with the next event.
func (w *watcher) work() {
	over := false
	defer func() {
		if _ = recover(); !over {
			go w.work()
		}
	}()
	for {
		w.mu.Lock()
		events := w.queue
		w.queue = nil
		if len(events) == 0 {
			close(w.idle)
			w.idle, w.stuck, over = nil, false, true
			w.mu.Unlock()
			return
		}
		w.queue = events[1:]
		w.mu.Unlock()
		w.watch(events[0])
	}
}

func (w *watcher) flush(timeout <-chan struct{}) {
	w.mu.Lock()
	idle, stuck := w.idle, w.stuck
	w.mu.Unlock()
	if idle == nil || stuck {
		return
	}
	select {
	case <-idle:
	case <-timeout:
		w.mu.Lock()
		w.stuck = w.idle == idle
		w.mu.Unlock()
	}
}
