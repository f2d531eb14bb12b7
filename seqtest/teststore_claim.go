package seqtest

import (
	"errors"
	"sync"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about claims.

func (l *ledger) claims() {
	l.acquire()
	c := l.claimed(1)
	e := l.want("a", store.Running)
	if e.Token != c.Token || e.Attempt != 1 || e.Run != "run" || e.Fence != l.lease.Epoch || e.Generation != 1 || e.Delivery != store.Once {
		l.t.Fatalf("the entry is %+v", e)
	}
	l.write(done(c))
	l.next()
	l.claimed(2)
	if e := l.want("a", store.Running); e.Fence != l.lease.Epoch {
		l.t.Fatalf("the fence is %d, want %d", e.Fence, l.lease.Epoch)
	}
}

func (l *ledger) staleClaim() {
	l.acquire()
	l.write(store.Batch{Claims: []store.Claim{l.claim("a", 2)}}, "a")
	first := l.claimed(1)
	l.write(store.Batch{Claims: []store.Claim{l.claim("a", 2)}}, "a") // one attempt is open
	l.write(done(first))
	l.write(store.Batch{Claims: []store.Claim{l.claim("a", 1)}}, "a")
	l.claimed(2)
}

func (l *ledger) fencedClaim() {
	old := l.acquire()
	l.next()
	refused, err := l.store.Write(l.ctx, old, store.Batch{Claims: []store.Claim{l.claim("a", 1)}})
	if !errors.Is(err, store.ErrLeaseLost) || len(refused) != 1 {
		l.t.Fatalf("refused %v, %v; want a and %v", refused, err, store.ErrLeaseLost)
	}
	l.want("a", store.Pending)
}

func (l *ledger) claimRace() {
	l.acquire()
	const racers = 12
	var wg sync.WaitGroup
	won := make(chan string, racers)
	for range racers {
		wg.Go(func() {
			refused, err := l.store.Write(l.ctx, l.lease, store.Batch{Claims: []store.Claim{l.claim("a", 1)}})
			if err != nil {
				l.t.Errorf("claim: %v", err)
			} else if len(refused) == 0 {
				won <- "me"
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		l.t.Fatalf("%d of %d have the claim, want 1", len(won), racers)
	}
}

func (l *ledger) checksums() {
	l.acquire()
	want := func(checksum string) {
		l.t.Helper()
		if e := entry(l.t, l.store, "a"); e.Checksum != checksum {
			l.t.Fatalf("the checksum is %q, want %q", e.Checksum, checksum)
		}
	}
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.Pending, Checksum: "one"}}})
	want("one")
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.Scheduled}}})
	want("one")
	c := l.claim("a", 1)
	c.Checksum = "two"
	l.write(store.Batch{Claims: []store.Claim{c}})
	want("two")
	l.write(done(c))
	want("two")
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", Attempt: 1, State: store.Succeeded, Checksum: "three"}}})
	want("three")
}

func (l *ledger) places() {
	l.acquire()
	want := func(place int64) {
		l.t.Helper()
		if e := entry(l.t, l.store, "a"); e.Seq != place {
			l.t.Fatalf("the place is %d, want %d", e.Seq, place)
		}
	}
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.Succeeded, Seq: 5}}})
	want(5)
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.RollbackPending}}})
	want(5)
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.RollbackPending, Seq: 6}}})
	want(6)
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.RollbackPending, Seq: 5}}})
	c := l.claim("a", 1)
	c.Direction = store.Rollback
	l.write(store.Batch{Claims: []store.Claim{c}})
	want(5) // an undoing attempt keeps it
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.RollbackFailed}}})
	want(5)
	l.claimed(2)
	want(0)
}
