package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/engine"
)

// snooze is how long an order rests that a worker has refused.
const snooze = time.Second

// Loop is a transport within one process. It needs no database: with it a fleet runs on any ledger. See
// [Loopback].
type Loop struct {
	mu        sync.Mutex
	numbered  int64
	queue     []parcel
	held      map[int64]time.Time // that a worker has taken, and when
	more      chan struct{}
	listeners map[string]map[int]func(News)
	listened  int
}

// parcel is an order on its way.
type parcel struct {
	ref  int64
	text string
	due  time.Time
}

// Loopback returns a transport within this process, for tests and for fleets of one. Workers take their orders
// by [Loop.Serve].
func Loopback() *Loop {
	return &Loop{held: map[int64]time.Time{}, more: make(chan struct{}), listeners: map[string]map[int]func(News){}}
}

// Open implements [Transport].
func (l *Loop) Open(context.Context, *Order) error { return nil }

// End implements [Transport].
func (l *Loop) End(context.Context, *Order) {}

// Send implements [Transport].
func (l *Loop) Send(_ context.Context, orders []*Order) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range orders {
		text, err := encode(o)
		if err != nil {
			return err
		}
		l.numbered++
		o.Ref = l.numbered
		l.queue = append(l.queue, parcel{ref: o.Ref, text: text})
	}
	l.rouse()
	return nil
}

// rouse wakes all who wait for orders. The caller holds mu.
func (l *Loop) rouse() {
	close(l.more)
	l.more = make(chan struct{})
}

// Resend implements [Transport].
func (l *Loop) Resend(ctx context.Context, orders []*Order, stale time.Duration) error {
	l.mu.Lock()
	var lost []*Order
	for _, o := range orders {
		there := false
		for _, p := range l.queue {
			there = there || p.ref == o.Ref
		}
		taken, held := l.held[o.Ref]
		if !there && (!held || clock.Wall().Now().Sub(taken) >= stale) {
			lost = append(lost, o)
		}
	}
	l.mu.Unlock()
	return l.Send(ctx, lost)
}

// Forget implements [Transport].
func (l *Loop) Forget(_ context.Context, orders []*Order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range orders {
		for i, p := range l.queue {
			if p.ref == o.Ref {
				l.queue = append(l.queue[:i:i], l.queue[i+1:]...)
				break
			}
		}
	}
}

// Listen implements [Transport].
func (l *Loop) Listen(_ context.Context, holder string, hear func(News)) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listened++
	n := l.listened
	if l.listeners[holder] == nil {
		l.listeners[holder] = map[int]func(News){}
	}
	l.listeners[holder][n] = hear
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.listeners[holder], n)
	}
}

func (l *Loop) tell(n News) {
	l.mu.Lock()
	var hear []func(News)
	for _, f := range l.listeners[n.Holder] {
		hear = append(hear, f)
	}
	l.mu.Unlock()
	for _, f := range hear {
		f(n)
	}
}

// Waiting is how many orders nobody has taken.
func (l *Loop) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// Serve has w do orders, at most n at a time, until ctx ends. Then it takes no more, waits for those that are
// under way, and returns. Several workers may be served.
func (l *Loop) Serve(ctx context.Context, w *Worker, n int) {
	var group sync.WaitGroup
	for range max(n, 1) {
		group.Go(func() {
			for {
				p, ok := l.take(ctx)
				if !ok {
					return
				}
				l.finish(p, w.do(context.WithoutCancel(ctx), p.text, l.tell))
			}
		})
	}
	group.Wait()
}

// take waits for an order; false when ctx has ended.
func (l *Loop) take(ctx context.Context) (parcel, bool) {
	for {
		l.mu.Lock()
		now := clock.Wall().Now()
		next := time.Hour
		for i, p := range l.queue {
			if p.due.After(now) {
				next = min(next, p.due.Sub(now))
				continue
			}
			if ctx.Err() == nil {
				l.queue = append(l.queue[:i:i], l.queue[i+1:]...)
				l.held[p.ref] = now
				l.mu.Unlock()
				return p, true
			}
		}
		more := l.more
		l.mu.Unlock()
		wait, cancel := context.WithCancel(ctx)
		stop := clock.Wall().AfterFunc(next, cancel)
		select {
		case <-more:
		case <-wait.Done():
		}
		stop()
		cancel()
		if ctx.Err() != nil {
			return parcel{}, false
		}
	}
}

// finish puts an order back that was not done.
func (l *Loop) finish(p parcel, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, p.ref)
	if err == nil {
		return
	}
	p.due = clock.Wall().Now().Add(100 * time.Millisecond)
	if refused := (*engine.RefusedError)(nil); errors.As(err, &refused) {
		p.due = clock.Wall().Now().Add(snooze)
	}
	l.queue = append(l.queue, p)
	l.rouse()
}
