package seqtest

import (
	"context"
	"errors"
	"slices"

	"github.com/sequencer-go/seq"
)

// The rules of [TestStore] about what an open attempt may write.

func (l *ledger) outcomes() {
	l.acquire()
	c := l.claimed(1)
	l.write(seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: c.Token, State: seq.Succeeded, Seq: 7, Saved: []byte(`{"x":1}`)}}})
	if e := l.want("a", seq.Succeeded); e.Seq != 7 || string(e.Saved) != `{"x":1}` || e.Error != "" {
		l.t.Fatalf("the entry is %+v", e)
	}
	l.write(done(c), "a") // a second outcome of one attempt
	again := l.claimed(2)
	if e := l.want("a", seq.Running); e.Seq != 0 {
		l.t.Fatalf("a new attempt has the old order of completion: %+v", e)
	}
	l.write(seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: again.Token, State: seq.Failed, Error: "boom"}}})
	if e := l.want("a", seq.Failed); e.Error != "boom" || string(e.Saved) != `{"x":1}` {
		l.t.Fatalf("the entry is %+v", e)
	}
}

func (l *ledger) foreignOutcome() {
	l.acquire()
	l.claimed(1)
	l.write(done(l.claim("a", 1)), "a")
	l.write(seq.Batch{Outcomes: []seq.Outcome{{ID: "a", State: seq.Succeeded}}}, "a") // the zero token is nobody's
	l.write(done(l.claim("b", 1)), "b")
	l.want("a", seq.Running)
}

func (l *ledger) lateOutcome() {
	old := l.acquire()
	c := l.claimed(1)
	l.next()
	refused, err := l.store.Write(l.ctx, old, done(c))
	if err != nil || len(refused) > 0 {
		l.t.Fatalf("refused %v, %v", refused, err)
	}
	l.want("a", seq.Succeeded)
}

// What a run writes most is an outcome and the claim of the next op. Who has lost the lease may say
// what has happened, and may not go on.
func (l *ledger) lateOutcomeAndClaim() {
	old := l.acquire()
	a, b := l.claim("a", 1), l.claim("b", 1)
	l.write(seq.Batch{Claims: []seq.Claim{a, b}})
	l.next()
	batch := func(c seq.Claim) seq.Batch {
		both := done(c)
		both.Claims = []seq.Claim{l.claim("next", 1)}
		return both
	}
	refused, err := l.store.Write(l.ctx, old, batch(a))
	if !errors.Is(err, seq.ErrLeaseLost) || !slices.Equal(refused, []string{"next"}) {
		l.t.Errorf("Write: refused %v, %v", refused, err)
	}
	refused, err = l.store.Atomic(l.ctx, old, b, func(context.Context) (seq.Batch, error) { return batch(b), nil })
	if !errors.Is(err, seq.ErrLeaseLost) || !slices.Equal(refused, []string{"next"}) {
		l.t.Errorf("Atomic: refused %v, %v", refused, err)
	}
	l.want("a", seq.Succeeded)
	l.want("b", seq.Succeeded)
	if entries, err := l.store.Load(l.ctx); err != nil || len(entries) != 2 {
		l.t.Errorf("%d entries, %v; want 2", len(entries), err)
	}
}

func (l *ledger) lost() {
	old := l.acquire()
	c := l.claimed(1)
	gone := seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: c.Token, State: seq.Indeterminate, Lost: true}}}
	l.write(gone, "a") // its owner is the holder: not dead
	second := l.next()
	l.next()
	for _, former := range []seq.Lease{old, second} { // of them the second came after the attempt
		if refused, err := l.store.Write(l.ctx, former, gone); !errors.Is(err, seq.ErrLeaseLost) || len(refused) != 1 {
			l.t.Fatalf("by a former holder: refused %v, %v", refused, err)
		}
	}
	l.write(gone)
	if e := l.want("a", seq.Indeterminate); e.Crashes != 1 {
		l.t.Fatalf("the entry is %+v", e)
	}
	l.write(done(c), "a") // the dead one's own report comes too late
	l.want("a", seq.Indeterminate)
}

func (l *ledger) crashes() {
	l.acquire()
	for n := 1; n <= 3; n++ {
		c := l.claimed(n)
		l.next()
		l.write(seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: c.Token, State: seq.Pending, Lost: true}}})
		if e := l.want("a", seq.Pending); e.Crashes != n {
			l.t.Fatalf("%d crashes, want %d", e.Crashes, n)
		}
	}
	c := l.claimed(4)
	l.write(seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: c.Token, State: seq.Failed}}})
	if e := l.want("a", seq.Failed); e.Crashes != 0 {
		l.t.Fatalf("%d crashes after a report", e.Crashes)
	}
}

func (l *ledger) saves() {
	l.acquire()
	c := l.claimed(1)
	l.write(seq.Batch{Saves: []seq.Snapshot{{ID: "a", Token: c.Token, Data: []byte("1")}, {ID: "a", Token: seq.NewToken(), Data: []byte("2")}}}, "a")
	if e := l.want("a", seq.Running); string(e.Saved) != "1" {
		l.t.Fatalf("saved %q", e.Saved)
	}
	l.write(done(c))
	if e := l.want("a", seq.Succeeded); string(e.Saved) != "1" {
		l.t.Fatalf("an outcome without saved state lost it: %q", e.Saved)
	}
	l.write(seq.Batch{Saves: []seq.Snapshot{{ID: "a", Token: c.Token, Data: []byte("3")}}}, "a")
}

func (l *ledger) headway() {
	l.acquire()
	c := l.claimed(1)
	l.write(seq.Batch{Headway: []seq.Headway{{ID: "a", Token: c.Token, Done: 3, Total: 10}, {ID: "a", Token: seq.NewToken(), Done: 9, Total: 9}}}, "a")
	if e := l.want("a", seq.Running); e.Done != 3 || e.Total != 10 {
		l.t.Fatalf("%d of %d done, want 3 of 10", e.Done, e.Total)
	}
	l.write(done(c))
	l.write(seq.Batch{Headway: []seq.Headway{{ID: "a", Token: c.Token, Done: 4, Total: 10}}}, "a")
	if e := l.want("a", seq.Succeeded); e.Done != 3 || e.Total != 10 {
		l.t.Fatalf("%d of %d done after the end, want 3 of 10", e.Done, e.Total)
	}
	l.claimed(2)
	if e := l.want("a", seq.Running); e.Done != 0 || e.Total != 0 {
		l.t.Fatalf("a new attempt begins with %d of %d done", e.Done, e.Total)
	}
}
