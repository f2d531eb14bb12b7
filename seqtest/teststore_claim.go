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

// Completions are numbered by the store, and a person's word for an import.
func (l *ledger) places() {
	l.acquire()
	place := func(id string) int64 {
		l.t.Helper()
		return entry(l.t, l.store, id).Seq
	}
	want := func(number int64) {
		l.t.Helper()
		if got := place("a"); got != number {
			l.t.Fatalf("the place is %d, want %d", got, number)
		}
	}
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.Succeeded, Seq: 5}}})
	want(5)
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.RollbackPending}}})
	want(5)
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", State: store.RollbackPending, Seq: 6}}})
	want(6)
	c := l.claim("a", 1)
	c.Direction = store.Rollback
	l.write(store.Batch{Claims: []store.Claim{c}})
	want(6) // an undoing attempt keeps it
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.RollbackFailed}}})
	want(6)
	again := l.claimed(2)
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: again.Token, State: store.Succeeded, Withdrawn: true}}})
	want(6) // it was not called
	again = l.claimed(3)
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: again.Token, State: store.Failed}}})
	want(0)
	var claims, more store.Batch
	for _, id := range []string{"z", "y", "x"} {
		c := l.claim(id, 1)
		claims.Claims = append(claims.Claims, c)
		more.Outcomes = append(more.Outcomes, store.Outcome{ID: id, Token: c.Token, State: store.Succeeded})
	}
	l.write(claims)
	l.write(more) // in the order of the batch
	z, y, x := place("z"), place("y"), place("x")
	if z < 1 || y <= z || x <= y {
		l.t.Fatalf("completed one after another, and numbered %d, %d, %d", z, y, x)
	}
	c = l.claim("y", 2)
	c.Direction = store.Rollback
	l.write(store.Batch{Claims: []store.Claim{c}})
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "y", Token: c.Token, State: store.RolledBack}}})
	if undone := place("y"); undone <= x {
		l.t.Fatalf("undone after %d, and numbered %d", x, undone)
	}
	l.next()
	c = l.claimed(4)
	l.write(done(c))
	last := place("a")
	if last <= place("y") {
		l.t.Fatalf("completed after %d, and numbered %d", place("y"), last)
	}
	for n, state := range []store.State{store.Succeeded, store.Pending, store.Succeeded} { // by hand: kept, taken away, given anew
		c = l.claim("a", 5+n)
		c.Direction = store.ByHand
		l.write(store.Batch{Claims: []store.Claim{c}})
		l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: state}}})
		switch got := place("a"); {
		case n == 0 && got != last, n == 1 && got != 0, n == 2 && got <= place("y"):
			l.t.Fatalf("found by hand to be %s: numbered %d, before %d", state, got, last)
		}
	}
}
