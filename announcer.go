package seq

import (
	"slices"
	"sync"
	"time"
)

// announcer hands events to the watchers of a sequencer. A nil one has none, and costs nothing.
type announcer []*watcher

func announcerFor(chain []Middleware) announcer {
	var a announcer
	for _, m := range chain {
		if m.Watch != nil {
			a = append(a, &watcher{watch: m.Watch})
		}
	}
	return a
}

func (a announcer) announce(e Event) {
	for _, w := range a {
		w.tell(e)
	}
}

// flush waits until every watcher has heard everything, but for those that seem to be stuck.
func (a announcer) flush() {
	if len(a) == 0 {
		return
	}
	timeout := make(chan struct{})
	defer wall.AfterFunc(flushTimeout, func() { close(timeout) })()
	for _, w := range a {
		w.flush(timeout)
	}
}

const (
	flushTimeout = 5 * time.Second
	maxBehind    = 1 << 16 // events that a watcher may be behind; it misses what comes then
)

// watcher is a queue, and a goroutine while there is something in it.
type watcher struct {
	watch func(Event)

	mu    sync.Mutex
	queue []Event
	idle  chan struct{} // closed when the goroutine ends; nil while there is none
	stuck bool          // it made somebody wait for nothing; nobody will again until it is idle
}

func (w *watcher) tell(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Kind == EventProgress {
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

// supersede drops what the op told of its progress since anything else happened: the watcher has not
// heard it yet, and a flood of it would leave no room for the rest.
func (w *watcher) supersede(e Event) {
	for i := len(w.queue) - 1; i >= 0 && w.queue[i].Kind == EventProgress; i-- {
		if was := &w.queue[i]; was.ID == e.ID && was.Run == e.Run && was.Direction == e.Direction {
			w.queue = slices.Delete(w.queue, i, i+1)
			return
		}
	}
}

// work tells the watcher what is in the queue. It survives a watcher that ends its goroutine.
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
