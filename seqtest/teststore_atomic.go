package seqtest

import (
	"context"
	"errors"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about Atomic.

func (l *ledger) atomic() {
	l.acquire()
	c := l.claimed(1)
	calls := 0
	refused, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (store.Batch, error) {
		calls++
		b := done(c)
		b.Claims = []store.Claim{l.claim("b", 1)}
		return b, nil
	})
	if err != nil || len(refused) > 0 || calls != 1 {
		l.t.Fatalf("%d calls, refused %v, %v", calls, refused, err)
	}
	l.want("a", store.Succeeded)
	l.want("b", store.Running)
}

func (l *ledger) atomicFails() {
	l.acquire()
	c := l.claimed(1)
	boom := errors.New("boom")
	for range 2 { // and the claim is good for another try
		if _, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (store.Batch, error) { return done(c), boom }); !errors.Is(err, boom) {
			l.t.Fatalf("got %v, want %v", err, boom)
		}
		l.want("a", store.Running)
	}
	if _, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (store.Batch, error) { return done(c), nil }); err != nil {
		l.t.Fatal(err)
	}
	l.want("a", store.Succeeded)
}

func (l *ledger) atomicFenced() {
	l.acquire()
	c := l.claimed(1)
	l.write(done(c))
	l.write(store.Batch{Claims: []store.Claim{l.claim("c", 1)}})
	for _, claim := range []store.Claim{c, l.claim("b", 1), {ID: "a"}, l.claim("c", 1), {ID: "c"}} {
		_, err := l.store.Atomic(l.ctx, l.lease, claim, func(context.Context) (store.Batch, error) {
			l.t.Error("fn was called for an attempt that is not open")
			return store.Batch{}, nil
		})
		if !errors.Is(err, store.ErrFenced) {
			l.t.Errorf("got %v, want %v", err, store.ErrFenced)
		}
	}
}

func (l *ledger) atomicCancelled() {
	l.acquire()
	c := l.claimed(1)
	ctx, cancel := context.WithCancel(l.ctx)
	_, err := l.store.Atomic(ctx, l.lease, c, func(ctx context.Context) (store.Batch, error) {
		cancel()
		<-ctx.Done()
		return done(c), nil
	})
	l.must(err)
	l.want("a", store.Succeeded)
}
