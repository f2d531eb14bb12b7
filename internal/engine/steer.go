package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/store"
)

// A Steer changes what is asked of an op, or of the holder of a lease.
type Steer struct {
	Call string // the name of the call, for its errors
	ID   string // of an op; "" for runs
	// To changes what was asked before; e is how the op stands, nil if the ledger does not know it. An
	// error refuses.
	To func(c *store.Control, e *store.Entry) error
}

// Steer writes a request. The answer is what is asked from now on.
func (e *Engine) Steer(ctx context.Context, req *Request, s Steer) (store.Control, error) {
	id, doing := store.RunLease, s.Call
	var t *Task
	if s.ID != "" {
		doing += " " + ident.Quoted(s.ID)
		t = e.Catalog.find(s.ID)
		switch {
		case t == nil:
			return store.Control{}, e.Catalog.notRegistered(s.Call, s.ID)
		case !t.Background:
			return store.Control{}, fmt.Errorf("%w: %s: it does not work in the background, but in a run; to stop that, call Stop", ErrInvalidOption, doing)
		}
		id = t.ID
	}
	for again := 0; ; again++ {
		c, err := e.Store.Control(ctx, id)
		if err == nil && t != nil && len(t.RenamedFrom) > 0 {
			c, err = e.askedBefore(ctx, t, c)
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", doing, err)
		}
		if c.Wanted == store.WantCancel {
			return c, fmt.Errorf("%w: %s: it was cancelled by %s (%s), which is final; give new work a new ID", ErrInvalidOption, doing, c.Actor, c.Reason)
		}
		var entry *store.Entry
		if t != nil {
			if entry, err = e.steerable(ctx, id); err != nil {
				return c, fmt.Errorf("%s: %w", doing, err)
			}
		}
		if err := s.To(&c, entry); err != nil {
			return c, fmt.Errorf("%w: %s: %w", ErrInvalidOption, doing, err)
		}
		c.Number++
		c.Actor, c.Reason = req.Actor, req.Reason
		switch err := e.Store.Ask(ctx, c); {
		case err == nil:
			return c, nil
		case !errors.Is(err, store.ErrAsked) || again == 2:
			return c, fmt.Errorf("%s: %w", doing, err)
		}
	}
}

// askedBefore is what the next request of a task that was renamed changes: what is asked of it, under the
// number of its own requests.
func (e *Engine) askedBefore(ctx context.Context, t *Task, own store.Control) (store.Control, error) {
	controls, err := e.controls(ctx)
	if err != nil {
		return own, err
	}
	if c := askedOf(controls, t); c != nil {
		asked := *c
		asked.ID, asked.Number = own.ID, own.Number
		return asked, nil
	}
	return own, nil
}

// steerable is how an op stands of which something is asked; it fails if it is done.
func (e *Engine) steerable(ctx context.Context, id string) (*store.Entry, error) {
	entries, err := ledger.ByID(e.Store.Load(ctx))
	if err != nil {
		return nil, err
	}
	entry := e.Catalog.entry(entries, id)
	if isDone(entry) {
		return nil, fmt.Errorf("%w: it is %s, and there is nothing to steer", ErrInvalidOption, entry.State)
	}
	return entry, nil
}

// Evict takes the lease of runs away from whoever holds it, if it did not end by itself within wait: its
// writes are refused from then on. It reports whether it had to.
func (e *Engine) Evict(ctx context.Context, wait time.Duration) (evicted bool, err error) {
	for left := wait; ; left -= workPoll {
		holder, err := e.Store.Holder(ctx, store.RunLease)
		if err != nil || holder == nil {
			return false, err
		}
		if left <= 0 {
			return true, e.Store.Revoke(ctx, store.RunLease)
		}
		if err := clock.Sleep(ctx, ledger.Wall, min(left, workPoll)); err != nil {
			return false, err
		}
	}
}
