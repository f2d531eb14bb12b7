package engine

import "sync/atomic"

// A counter counts what is running. Unlike a sync.WaitGroup it may be waited for while more begins; the
// wait ends when nothing was running for a moment.
type counter struct {
	n    atomic.Int64
	idle atomic.Pointer[chan struct{}] // somebody waits for this to be closed
}

func (c *counter) add() { c.n.Add(1) }

func (c *counter) done() {
	if c.n.Add(-1) != 0 {
		return
	}
	if idle := c.idle.Swap(nil); idle != nil {
		close(*idle)
	}
}

// wait returns when nothing is running. One goroutine may wait at a time.
func (c *counter) wait() {
	for c.n.Load() != 0 {
		idle := make(chan struct{})
		c.idle.Store(&idle)
		if c.n.Load() == 0 && c.idle.CompareAndSwap(&idle, nil) {
			return // it ended before it could know that somebody waits
		}
		<-idle
	}
}
