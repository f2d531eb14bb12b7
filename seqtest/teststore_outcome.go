package seqtest

import (
	"context"
	"errors"
	"slices"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about what an open attempt may write.

func (l *ledger) outcomes() {
	l.acquire()
	c := l.claimed(1)
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Succeeded, Saved: []byte(`{"x":1}`)}}})
	if e := l.want("a", store.Succeeded); e.Seq == 0 || string(e.Saved) != `{"x":1}` || e.Error != "" {
		l.t.Fatalf("the entry is %+v", e)
	}
	l.write(done(c), "a") // a second outcome of one attempt
	again := l.claimed(2)
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: again.Token, State: store.Failed, Error: "boom"}}})
	if e := l.want("a", store.Failed); e.Error != "boom" || e.Seq != 0 || string(e.Saved) != `{"x":1}` {
		l.t.Fatalf("the entry is %+v", e)
	}
}

func (l *ledger) foreignOutcome() {
	l.acquire()
	l.claimed(1)
	l.write(done(l.claim("a", 1)), "a")
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", State: store.Succeeded}}}, "a") // the zero token is nobody's
	l.write(done(l.claim("b", 1)), "b")
	l.want("a", store.Running)
}

func (l *ledger) lateOutcome() {
	old := l.acquire()
	c := l.claimed(1)
	l.next()
	refused, err := l.store.Write(l.ctx, old, done(c))
	if err != nil || len(refused) > 0 {
		l.t.Fatalf("refused %v, %v", refused, err)
	}
	l.want("a", store.Succeeded)
}

// What a run writes most is an outcome and the claim of the next op. Who has lost the lease may say
// what has happened, and may not go on.
func (l *ledger) lateOutcomeAndClaim() {
	old := l.acquire()
	a, b := l.claim("a", 1), l.claim("b", 1)
	l.write(store.Batch{Claims: []store.Claim{a, b}})
	l.next()
	batch := func(c store.Claim) store.Batch {
		both := done(c)
		both.Claims = []store.Claim{l.claim("next", 1)}
		return both
	}
	refused, err := l.store.Write(l.ctx, old, batch(a))
	if !errors.Is(err, store.ErrLeaseLost) || !slices.Equal(refused, []string{"next"}) {
		l.t.Errorf("Write: refused %v, %v", refused, err)
	}
	refused, err = l.store.Atomic(l.ctx, old, b, func(context.Context) (store.Batch, error) { return batch(b), nil })
	if !errors.Is(err, store.ErrLeaseLost) || !slices.Equal(refused, []string{"next"}) {
		l.t.Errorf("Atomic: refused %v, %v", refused, err)
	}
	l.want("a", store.Succeeded)
	l.want("b", store.Succeeded)
	if entries, err := l.store.Load(l.ctx); err != nil || len(entries) != 2 {
		l.t.Errorf("%d entries, %v; want 2", len(entries), err)
	}
}

func (l *ledger) lost() {
	old := l.acquire()
	c := l.claimed(1)
	gone := store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Indeterminate, Lost: true}}}
	l.write(gone, "a") // its owner is the holder: not dead
	second := l.next()
	l.next()
	for _, former := range []store.Lease{old, second} { // of them the second came after the attempt
		if refused, err := l.store.Write(l.ctx, former, gone); !errors.Is(err, store.ErrLeaseLost) || len(refused) != 1 {
			l.t.Fatalf("by a former holder: refused %v, %v", refused, err)
		}
	}
	l.write(gone)
	if e := l.want("a", store.Indeterminate); e.Crashes != 1 {
		l.t.Fatalf("the entry is %+v", e)
	}
	l.write(done(c), "a") // the dead one's own report comes too late
	l.want("a", store.Indeterminate)
}

func (l *ledger) crashes() {
	l.acquire()
	for n := 1; n <= 3; n++ {
		c := l.claimed(n)
		l.next()
		l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Pending, Lost: true}}})
		if e := l.want("a", store.Pending); e.Crashes != n {
			l.t.Fatalf("%d crashes, want %d", e.Crashes, n)
		}
	}
	c := l.claimed(4)
	history, err := l.store.History(l.ctx, "a", store.Page{Limit: 2})
	l.must(err)
	if len(history) != 2 || history[0].Lost || !history[0].Finished.IsZero() || !history[1].Lost {
		l.t.Fatalf("the attempt after a lost one is %+v", history)
	}
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Failed}}})
	if e := l.want("a", store.Failed); e.Crashes != 0 {
		l.t.Fatalf("%d crashes after a report", e.Crashes)
	}
}

func (l *ledger) saves() {
	l.acquire()
	c := l.claimed(1)
	l.write(store.Batch{Saves: []store.Snapshot{{ID: "a", Token: c.Token, Data: []byte("1")}, {ID: "a", Token: store.NewToken(), Data: []byte("2")}}}, "a")
	if e := l.want("a", store.Running); string(e.Saved) != "1" {
		l.t.Fatalf("saved %q", e.Saved)
	}
	l.write(done(c))
	if e := l.want("a", store.Succeeded); string(e.Saved) != "1" {
		l.t.Fatalf("an outcome without saved state lost it: %q", e.Saved)
	}
	l.write(store.Batch{Saves: []store.Snapshot{{ID: "a", Token: c.Token, Data: []byte("3")}}}, "a")
}

func (l *ledger) headway() {
	l.acquire()
	c := l.claimed(1)
	l.write(store.Batch{Headway: []store.Headway{{ID: "a", Token: c.Token, Done: 3, Total: 10}, {ID: "a", Token: store.NewToken(), Done: 9, Total: 9}}}, "a")
	if e := l.want("a", store.Running); e.Done != 3 || e.Total != 10 {
		l.t.Fatalf("%d of %d done, want 3 of 10", e.Done, e.Total)
	}
	l.write(done(c))
	l.write(store.Batch{Headway: []store.Headway{{ID: "a", Token: c.Token, Done: 4, Total: 10}}}, "a")
	if e := l.want("a", store.Succeeded); e.Done != 3 || e.Total != 10 {
		l.t.Fatalf("%d of %d done after the end, want 3 of 10", e.Done, e.Total)
	}
	c = l.claimed(2)
	if e := l.want("a", store.Running); e.Done != 3 || e.Total != 10 || e.Best != 3 {
		l.t.Fatalf("a new attempt of the same generation forgot the progress: %+v", e)
	}
	l.write(store.Batch{Headway: []store.Headway{{ID: "a", Token: c.Token, Done: 2, Total: 5}}})
	if e := l.want("a", store.Running); e.Done != 2 || e.Total != 5 || e.Best != 3 {
		l.t.Fatalf("after less progress: %+v", e)
	}
}
