package seqtest

import (
	"errors"
	"sync"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about the lease.

func (l *ledger) empty() {
	entries, err := l.store.Load(l.ctx)
	l.must(err)
	history, err := l.store.History(l.ctx, "2024_01_15_120000_a", store.Page{Limit: 100})
	l.must(err)
	runs, err := l.store.Runs(l.ctx, store.Page{Limit: 10})
	l.must(err)
	if len(entries)+len(history)+len(runs) > 0 {
		l.t.Fatalf("want nothing, got %v, %v, %v", entries, history, runs)
	}
}

func (l *ledger) oneHolder() {
	l.acquire()
	_, err := l.store.Acquire(l.ctx, store.RunLease, store.Owner{Host: "other"})
	var held *store.LeaseError
	if !errors.As(err, &held) || !errors.Is(err, store.ErrLeaseHeld) {
		l.t.Fatalf("a second Acquire: %v, want a LeaseError", err)
	}
	if held.Holder != owner {
		l.t.Errorf("the holder is %v, want %v", held.Holder, owner)
	}
	if held.Expires <= 0 || held.Expires > l.lease.TTL {
		l.t.Errorf("it expires in %s, want up to %s", held.Expires, l.lease.TTL)
	}
	l.must(l.store.Renew(l.ctx, l.lease))
	l.must(l.store.Release(l.ctx, l.lease))
	l.acquire()
}

func (l *ledger) race() {
	var wg sync.WaitGroup
	won := make(chan store.Lease, 16)
	for range cap(won) {
		wg.Go(func() {
			lease, err := l.store.Acquire(l.ctx, store.RunLease, owner)
			if err == nil {
				won <- lease
			} else if !errors.Is(err, store.ErrLeaseHeld) {
				l.t.Errorf("Acquire: %v", err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		l.t.Fatalf("%d of %d hold the lease, want 1", len(won), cap(won))
	}
}

func (l *ledger) epochs() {
	a := l.acquire()
	b := l.next()
	if b.Epoch <= a.Epoch || a.Holder == b.Holder || a.Epoch < 1 {
		l.t.Fatalf("%+v after %+v", b, a)
	}
}

func (l *ledger) released() {
	old := l.acquire()
	l.next()
	if err := l.store.Renew(l.ctx, old); !errors.Is(err, store.ErrLeaseLost) {
		l.t.Errorf("Renew: %v, want %v", err, store.ErrLeaseLost)
	}
	l.must(l.store.Release(l.ctx, old)) // of a lease that is lost: nothing
	if _, err := l.store.Acquire(l.ctx, store.RunLease, owner); !errors.Is(err, store.ErrLeaseHeld) {
		l.t.Errorf("Acquire after somebody else's Release: %v, want %v", err, store.ErrLeaseHeld)
	}
}

func (l *ledger) holder() {
	want := func(someone bool) {
		l.t.Helper()
		held, err := l.store.Holder(l.ctx, store.RunLease)
		l.must(err)
		if (held != nil) != someone || someone && (held.Holder != owner || held.Expires <= 0 || held.Since.IsZero()) {
			l.t.Fatalf("the holder is %+v, want one: %t", held, someone)
		}
	}
	want(false)
	l.acquire()
	want(true)
	l.must(l.store.Release(l.ctx, l.lease))
	want(false)
	other := store.Owner{Host: "other", PID: 1}
	_, err := l.store.Acquire(l.ctx, store.RunLease, other)
	l.must(err)
	held, err := l.store.Holder(l.ctx, store.RunLease)
	l.must(err)
	if held == nil || held.Holder != other {
		l.t.Fatalf("the next holder is %+v", held)
	}
}

func (l *ledger) givenBack() {
	l.acquire()
	c := l.claimed(1)
	l.must(l.store.Release(l.ctx, l.lease)) // and nobody has taken it since
	for what, b := range map[string]store.Batch{
		"claim": {Claims: []store.Claim{l.claim("b", 1)}},
		"mark":  {Marks: []store.Mark{{ID: "b", State: store.Skipped}}},
		"run":   {Run: &store.Run{ID: "r", Owner: owner}},
		"lost":  {Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Pending, Lost: true}}},
	} {
		if _, err := l.store.Write(l.ctx, l.lease, b); !errors.Is(err, store.ErrLeaseLost) {
			l.t.Errorf("a %s: got %v, want %v", what, err, store.ErrLeaseLost)
		}
	}
	if err := l.store.Renew(l.ctx, l.lease); !errors.Is(err, store.ErrLeaseLost) {
		l.t.Errorf("Renew: got %v, want %v", err, store.ErrLeaseLost)
	}
	l.want("a", store.Running)
	l.want("b", store.Pending)
	if runs, err := l.store.Runs(l.ctx, store.Page{Limit: 1}); err != nil || len(runs) > 0 {
		l.t.Errorf("the runs are %+v, %v", runs, err)
	}
}
