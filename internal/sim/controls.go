package sim

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/store"
)

// The simulated store's requests, and what only a world with work in the background asks of leases. In any
// other world nobody asks for anything, and the engine's questions are answered without a step.

// Controls implements [store.Reader].
func (r *replica) Controls(ctx context.Context) ([]store.Control, error) {
	w := r.world
	if !w.background {
		return nil, nil
	}
	return call(ctx, r, stepControl, r.tag("all"), nil, func() ([]store.Control, error) {
		var all []store.Control
		for _, id := range slices.Sorted(maps.Keys(w.db.controls)) {
			all = append(all, w.heard(w.db.control(id)))
		}
		return all, nil
	})
}

// Control implements [store.Reader].
func (r *replica) Control(ctx context.Context, id string) (store.Control, error) {
	w := r.world
	if !w.background || strings.HasPrefix(id, store.LifePrefix) {
		return store.Control{ID: id}, nil
	}
	return call(ctx, r, stepControl, r.tag(id), nil, func() (store.Control, error) { return w.heard(w.db.control(id)), nil })
}

// Ask implements [store.Store].
func (r *replica) Ask(ctx context.Context, c store.Control) error {
	w := r.world
	c, err := store.CleanRequest(c)
	if err != nil {
		return err
	}
	_, err = call(ctx, r, stepAsk, c.ID, nil, func() (struct{}, error) {
		before := w.db.control(c.ID)
		if (c.Number != before.Number+1 || before.Wanted == store.WantCancel) && !w.is(CancelUndone) {
			return struct{}{}, fmt.Errorf("%w: %s", store.ErrAsked, c.ID)
		}
		c.Asked = w.clock.Now()
		c.Heard, c.HeardAt, c.Note, c.NotedAt = before.Heard, before.HeardAt, before.Note, before.NotedAt
		w.db.controls[c.ID] = &c
		w.logf("r%d asks %s: %s, number %d", r.number, w.named(c.ID), c.Wanted, c.Number)
		w.cov["asked: "+c.Wanted.String()]++
		w.audit.asked(&before, &c)
		return struct{}{}, nil
	})
	return err
}

// Answer implements [store.Store].
func (r *replica) Answer(ctx context.Context, lease store.Lease, a store.Answer) error {
	w := r.world
	_, err := call(ctx, r, stepAnswer, a.ID, nil, func() (struct{}, error) {
		if !w.db.current(lease) {
			return struct{}{}, fmt.Errorf("answer: %w", store.ErrLeaseLost)
		}
		c := w.db.control(a.ID)
		if a.Seen > c.Heard {
			c.Heard, c.HeardAt = min(a.Seen, c.Number), w.clock.Now()
			w.logf("r%d hears request %d of %s: %s", r.number, c.Heard, w.named(a.ID), c.Wanted)
			w.audit.heard(&c)
		}
		if a.Note != c.Note {
			c.Note, c.NotedAt = a.Note, w.clock.Now()
		}
		w.db.controls[a.ID] = &c
		return struct{}{}, nil
	})
	return err
}

// Revoke implements [store.Store].
func (r *replica) Revoke(ctx context.Context, name string) error {
	w := r.world
	_, err := call(ctx, r, stepRevoke, name, nil, func() (struct{}, error) {
		if l := w.db.lease(name); !l.Holder.IsZero() { // also one that has expired, which could be renewed
			l.Holder, l.expires = store.Token{}, w.clock.Now()
			w.logf("r%d takes the lease %s away", r.number, name)
			w.count(leaseRevoked)
			l.by.pausedAt = w.events // it hears of that with its next renewal, as one that was paused
		}
		return struct{}{}, nil
	})
	return err
}

// Holder implements [store.Reader]. Outside of a world with work in the background it is asked only about
// sagas, and nobody seems to hold the lease.
func (r *replica) Holder(ctx context.Context, name string) (*store.LeaseError, error) {
	w := r.world
	if !w.background {
		return nil, nil //nolint:nilnil // nobody holds it
	}
	return call(ctx, r, stepRuns, r.tag("holder of "+name), nil, func() (*store.LeaseError, error) {
		if now, l := w.clock.Now(), w.db.lease(name); l.held(now) {
			return &store.LeaseError{Name: name, Expires: l.expires.Sub(now)}, nil
		}
		return nil, nil
	})
}

// Leases implements [store.Reader]; where there is no fleet, the engine asks for people only.
func (r *replica) Leases(ctx context.Context) ([]store.LeaseError, error) {
	w := r.world
	if w.mail == nil {
		return nil, nil
	}
	return call(ctx, r, stepLives, "", nil, func() (held []store.LeaseError, _ error) {
		for _, name := range slices.Sorted(maps.Keys(w.db.leases)) {
			now, l := w.clock.Now(), w.db.leases[name]
			if l.held(now) && (!w.is(LivesUnread) && !w.is(LifeIgnored) || !strings.HasPrefix(name, store.LifePrefix)) {
				held = append(held, store.LeaseError{Name: name, Expires: l.expires.Sub(now)})
			}
		}
		return held, nil
	})
}

// control is what is asked of one.
func (db *database) control(id string) store.Control {
	if c := db.controls[id]; c != nil {
		return *c
	}
	return store.Control{ID: id}
}

// heldBack says which request keeps an owner from taking a lease, nil if none does.
func (w *World) heldBack(name string, owner store.Owner, now time.Time) *store.LeaseError {
	return store.HeldBack(w.db.control(name), owner, now)
}

// heard is a request as the engine reads it.
func (w *World) heard(c store.Control) store.Control {
	if w.is(PauseUnread) && c.Wanted == store.WantPause {
		c.Wanted = store.WantGo
	}
	return c
}

// named is a short name of an op or a lease.
func (w *World) named(id string) string {
	if strings.HasPrefix(id, store.LifePrefix) {
		return "of a worker"
	}
	if w.scenario.find(id) != nil {
		return short(id)
	}
	return id
}

// tag makes the name of a step unique within its replica: a worker has several goroutines that read the
// ledger, and those that hold a lane are told apart by its name.
func (r *replica) tag(what string) string {
	if !r.world.background {
		return what
	}
	r.lanesMu.Lock()
	defer r.lanesMu.Unlock()
	return what + " " + r.lanes[goroutine()]
}

// takes notes which lane the calling goroutine works in: the first that it asks for since it held none.
func (r *replica) takes(name string) {
	if !r.world.background || !strings.HasPrefix(name, store.LanePrefix) {
		return
	}
	r.lanesMu.Lock()
	defer r.lanesMu.Unlock()
	if id := goroutine(); r.lanes[id] == "" {
		if r.lanes == nil {
			r.lanes = map[string]string{}
		}
		r.lanes[id] = name
	}
}

// goroutine is the number of the calling goroutine.
func goroutine() string {
	var b [64]byte
	text := string(b[:runtime.Stack(b[:], false)])
	text = strings.TrimPrefix(text, "goroutine ")
	number, _, _ := strings.Cut(text, " ")
	return number
}
