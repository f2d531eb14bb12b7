package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
)

const (
	// Where there are no news, the pauses before the ledger is asked again grow from the first to the last.
	firstPoll = 2 * time.Millisecond
	lastPoll  = 100 * time.Millisecond

	livesEvery    = 500 * time.Millisecond // how often leaders look who lives
	noWorkerAfter = 4 * time.Second        // how long an order waits before it is said that nobody lives
)

// dispatch is the leader's side of orders: which are out, and what the ledger says of them. The ledger alone
// decides; news only say when to look.
type dispatch struct {
	walk *Walk
	via  *Remote

	mu         sync.Mutex
	out        map[string]*sentOrder // by op
	unsent     []*sentOrder
	sending    bool
	unrecalled []*sentOrder // recalled without an answer of the ledger: they may still be good
	named      []string     // ops to look at, which look has not taken
	fresh      bool         // orders were sent since look looked last
	heard      bool         // there were news of workers
	looking    bool         // the goroutine of look runs
	closing    sync.WaitGroup

	wake          chan struct{}
	stop          context.CancelFunc
	looked        chan struct{} // closed when look has returned
	stopListening func()
}

func newDispatch(w *Walk, via *Remote) *dispatch {
	return &dispatch{walk: w, via: via, out: map[string]*sentOrder{}, wake: make(chan struct{}, 1)}
}

// open is an error if no order could be sent. It comes before anything is written of a run: one that goes on
// with a saga, or with a rollback, leaves that as it is.
func (d *dispatch) open(ctx context.Context) error {
	if d == nil {
		return nil
	}
	if err := d.via.Carrier.Open(ctx, d.anOrder()); err != nil {
		return fmt.Errorf("the fleet: %w", err)
	}
	return nil
}

// anOrder is an order of nothing.
func (d *dispatch) anOrder() *Order {
	lease := d.walk.session.Lease()
	return &Order{Ledger: lease.Identity.String(), Lease: lease.Name, Epoch: lease.Epoch, Holder: lease.Holder.String()}
}

// close ends what the dispatch has started. No order may be waited for.
func (d *dispatch) close(ctx context.Context) {
	d.mu.Lock()
	looking := d.looking
	d.looking = false
	d.mu.Unlock()
	if !looking {
		return
	}
	d.stop()
	<-d.looked
	d.stopListening()
	d.closing.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	d.via.Carrier.End(ctx, d.anOrder())
}

// forgetTimeout bounds the removal of orders that nobody needs.
const forgetTimeout = 5 * time.Second

func (d *dispatch) forget(ctx context.Context, orders []*sentOrder) {
	if len(orders) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	d.via.Carrier.Forget(ctx, ordersOf(orders))
}

func ordersOf(sent []*sentOrder) []*Order {
	orders := make([]*Order, len(sent))
	for i, e := range sent {
		orders[i] = &e.order
	}
	return orders
}

// send sends an order, together with those that arrive while others are being sent.
func (d *dispatch) send(ctx context.Context, e *sentOrder) error {
	d.mu.Lock()
	if !d.looking {
		d.start()
	}
	d.out[e.order.ID] = e
	d.unsent = append(d.unsent, e)
	if d.sending {
		d.mu.Unlock()
		return nil // whoever sends takes it along; if that fails, the order counts as lost
	}
	d.sending = true
	d.mu.Unlock()
	var failed error
	for {
		d.mu.Lock()
		group := d.unsent
		d.unsent = nil
		if len(group) == 0 {
			d.sending, d.fresh = false, true
			d.mu.Unlock()
			d.wakeUp()
			return failed
		}
		d.mu.Unlock()
		err := ledger.Retry(ctx, func(ctx context.Context, _ bool) error { return d.via.Carrier.Send(ctx, ordersOf(group)) })
		now := ledger.Wall.Now()
		d.mu.Lock()
		for _, other := range group {
			other.sent = now
		}
		d.mu.Unlock()
		if err != nil && slices.Contains(group, e) {
			failed = err
		}
	}
}

// start starts the goroutine that looks. The caller holds mu.
func (d *dispatch) start() {
	ctx, stop := context.WithCancel(context.WithoutCancel(d.walk.ctx))
	d.stop, d.looked, d.looking = stop, make(chan struct{}), true
	d.stopListening = d.via.Carrier.Listen(ctx, d.walk.session.Lease().Holder.String(), d.hear)
	go func() {
		defer close(d.looked)
		d.look(ctx)
	}()
}

// lookAt has the ledger asked of some ops soon.
func (d *dispatch) lookAt(ids ...string) {
	d.mu.Lock()
	d.named = append(d.named, ids...)
	d.mu.Unlock()
	d.wakeUp()
}

// wakeUp ends a rest of look.
func (d *dispatch) wakeUp() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// takeNews are the ops that were named since it was called last and whose orders are out, and whether orders were sent.
func (d *dispatch) takeNews() (named []string, sent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	named, sent = d.named, d.fresh
	d.named, d.fresh = nil, false
	return slices.DeleteFunc(named, func(id string) bool { return d.out[id] == nil }), sent
}

// hear takes news of a worker.
func (d *dispatch) hear(n News) {
	d.mu.Lock()
	if n.Kind != NewsRefused { // which may have been asked for
		d.heard = true
	}
	e := d.out[n.ID]
	if e != nil && n.Kind == NewsRefused {
		if e.refused == nil {
			e.refused, e.at = map[string]string{}, ledger.Wall.Now()
		}
		e.refused[n.Worker] = n.Why
	}
	d.mu.Unlock()
	switch {
	case n.Kind == NewsSettled && n.ID == "":
		d.lookAt(n.Settled...)
	case n.Kind != NewsEvent:
		d.lookAt(n.ID)
	case e != nil:
		d.relay(e, n)
	}
}

// relay tells the watchers what happens at a worker.
func (d *dispatch) relay(e *sentOrder, n News) {
	if n.Event == middleware.EventStarted {
		d.started(e, n.Attempt)
		return
	}
	ev := middleware.Event{
		Kind: n.Event, ID: n.ID, Direction: e.order.Direction, Attempt: n.Attempt, Done: n.Done, Total: n.Total, Delay: n.Delay,
	}
	if n.Why != "" {
		ev.Err = errors.New(n.Why)
	}
	d.walk.announce(ev)
}

// started tells the watchers once that the attempt has begun.
func (d *dispatch) started(e *sentOrder, attempt int) {
	d.mu.Lock()
	a := e.attempt
	fresh := !a.started
	a.started = true
	d.mu.Unlock()
	if fresh {
		d.walk.announce(middleware.Event{Kind: middleware.EventStarted, ID: e.order.ID, Direction: e.order.Direction, Attempt: attempt})
	}
}
