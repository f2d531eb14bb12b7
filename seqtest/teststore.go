package seqtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
)

// TestStore holds a store to the contract of [seq.Store]. open returns an empty ledger; it is
// called once for each rule.
func TestStore(t *testing.T, open func(tb testing.TB) seq.Store) {
	for name, rule := range map[string]func(*ledger){
		"an empty ledger reads as empty":               (*ledger).empty,
		"a lease is held by one":                       (*ledger).oneHolder,
		"many acquire at once, one gets it":            (*ledger).race,
		"each acquisition has a larger epoch":          (*ledger).epochs,
		"a lease that was given back is lost":          (*ledger).released,
		"a claim opens an attempt":                     (*ledger).claims,
		"a claim needs the attempt it counted":         (*ledger).staleClaim,
		"a claim needs the current lease":              (*ledger).fencedClaim,
		"an outcome closes the attempt":                (*ledger).outcomes,
		"an outcome needs the token":                   (*ledger).foreignOutcome,
		"a true report is welcome without the lease":   (*ledger).lateOutcome,
		"a lost attempt needs a later epoch":           (*ledger).lost,
		"crashes are counted until an attempt reports": (*ledger).crashes,
		"what is refused does not stop the rest":       (*ledger).partial,
		"marks set what has no open attempt":           (*ledger).marks,
		"saved state is kept":                          (*ledger).saves,
		"history tells every attempt":                  (*ledger).history,
		"runs are told, the newest first":              (*ledger).runs,
		"atomic commits the batch with the work":       (*ledger).atomic,
		"atomic keeps nothing of work that failed":     (*ledger).atomicFails,
		"atomic refuses an attempt that is not open":   (*ledger).atomicFenced,
		"atomic commits though the context has ended":  (*ledger).atomicCancelled,
		"a batch may be large":                         (*ledger).large,
		"any error text can be stored":                 (*ledger).texts,
		"an ended context stops a write":               (*ledger).cancelled,
		"one claim of many at once wins":               (*ledger).claimRace,
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			rule(&ledger{t: t, ctx: t.Context(), store: open(t)})
		})
	}
}

// ledger is one rule's view of a store.
type ledger struct {
	t     *testing.T
	ctx   context.Context
	store seq.Store
	lease seq.Lease
}

var owner = seq.Owner{Host: "host", PID: 4711, Revision: "r1"}

func (l *ledger) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *ledger) acquire() seq.Lease {
	l.t.Helper()
	lease, err := l.store.Acquire(l.ctx, owner)
	l.must(err)
	l.lease = lease
	return lease
}

// next is the lease of whoever comes after.
func (l *ledger) next() seq.Lease {
	l.t.Helper()
	l.must(l.store.Release(l.ctx, l.lease))
	return l.acquire()
}

func (l *ledger) write(b seq.Batch, refused ...string) {
	l.t.Helper()
	got, err := l.store.Write(l.ctx, l.lease, b)
	l.must(err)
	if fmt.Sprint(got) != fmt.Sprint(refused) {
		l.t.Fatalf("refused %v, want %v", got, refused)
	}
}

func (l *ledger) claim(id string, attempt int) seq.Claim {
	return seq.Claim{
		ID: id, Token: seq.NewToken(), Run: "run", Attempt: attempt, Generation: 1, Owner: owner, Delivery: seq.Once,
	}
}

// claimed opens an attempt at a.
func (l *ledger) claimed(attempt int) seq.Claim {
	l.t.Helper()
	c := l.claim("a", attempt)
	l.write(seq.Batch{Claims: []seq.Claim{c}})
	return c
}

func (l *ledger) want(id string, state seq.State) seq.Entry {
	l.t.Helper()
	e := entry(l.t, l.store, id)
	if e.State != state {
		l.t.Fatalf("%s is %s, want %s", id, e.State, state)
	}
	if state.Open() == e.Token.IsZero() {
		l.t.Fatalf("%s is %s with token %q", id, state, e.Token)
	}
	return e
}

func done(c seq.Claim) seq.Batch {
	return seq.Batch{Outcomes: []seq.Outcome{{ID: c.ID, Token: c.Token, State: seq.Succeeded, Seq: 1}}}
}

func (l *ledger) empty() {
	entries, err := l.store.Load(l.ctx)
	l.must(err)
	history, err := l.store.History(l.ctx, "2024_01_15_120000_a")
	l.must(err)
	runs, err := l.store.Runs(l.ctx, 10)
	l.must(err)
	if len(entries)+len(history)+len(runs) > 0 {
		l.t.Fatalf("want nothing, got %v, %v, %v", entries, history, runs)
	}
}

func (l *ledger) oneHolder() {
	l.acquire()
	_, err := l.store.Acquire(l.ctx, seq.Owner{Host: "other"})
	var held *seq.LeaseError
	if !errors.As(err, &held) || !errors.Is(err, seq.ErrLeaseHeld) {
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
	won := make(chan seq.Lease, 16)
	for range cap(won) {
		wg.Go(func() {
			lease, err := l.store.Acquire(l.ctx, owner)
			if err == nil {
				won <- lease
			} else if !errors.Is(err, seq.ErrLeaseHeld) {
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
	if err := l.store.Renew(l.ctx, old); !errors.Is(err, seq.ErrLeaseLost) {
		l.t.Errorf("Renew: %v, want %v", err, seq.ErrLeaseLost)
	}
	l.must(l.store.Release(l.ctx, old)) // of a lease that is lost: nothing
	if _, err := l.store.Acquire(l.ctx, owner); !errors.Is(err, seq.ErrLeaseHeld) {
		l.t.Errorf("Acquire after somebody else's Release: %v, want %v", err, seq.ErrLeaseHeld)
	}
}

func (l *ledger) claims() {
	l.acquire()
	c := l.claimed(1)
	e := l.want("a", seq.Running)
	if e.Token != c.Token || e.Attempt != 1 || e.Run != "run" || e.Fence != l.lease.Epoch || e.Generation != 1 || e.Delivery != seq.Once {
		l.t.Fatalf("the entry is %+v", e)
	}
}

func (l *ledger) staleClaim() {
	l.acquire()
	l.write(seq.Batch{Claims: []seq.Claim{l.claim("a", 2)}}, "a")
	first := l.claimed(1)
	l.write(seq.Batch{Claims: []seq.Claim{l.claim("a", 2)}}, "a") // one attempt is open
	l.write(done(first))
	l.write(seq.Batch{Claims: []seq.Claim{l.claim("a", 1)}}, "a")
	l.claimed(2)
}

func (l *ledger) fencedClaim() {
	old := l.acquire()
	l.next()
	refused, err := l.store.Write(l.ctx, old, seq.Batch{Claims: []seq.Claim{l.claim("a", 1)}})
	if !errors.Is(err, seq.ErrLeaseLost) || len(refused) != 1 {
		l.t.Fatalf("refused %v, %v; want a and %v", refused, err, seq.ErrLeaseLost)
	}
	l.want("a", seq.Pending)
}

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

func (l *ledger) lost() {
	old := l.acquire()
	c := l.claimed(1)
	gone := seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: c.Token, State: seq.Indeterminate, Lost: true}}}
	l.write(gone, "a") // its owner is the holder: not dead
	l.next()
	if refused, err := l.store.Write(l.ctx, old, gone); !errors.Is(err, seq.ErrLeaseLost) || len(refused) != 1 {
		l.t.Fatalf("by a former holder: refused %v, %v", refused, err)
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

func (l *ledger) partial() {
	l.acquire()
	c := l.claimed(1)
	l.write(seq.Batch{
		Outcomes: []seq.Outcome{{ID: "x", Token: seq.NewToken(), State: seq.Succeeded}, {ID: "a", Token: c.Token, State: seq.Succeeded, Seq: 1}},
		Claims:   []seq.Claim{l.claim("b", 5), l.claim("c", 1)},
		Run:      &seq.Run{ID: "run", Strategy: "s", Owner: owner},
	}, "x", "b")
	l.want("a", seq.Succeeded)
	l.want("b", seq.Pending)
	l.want("c", seq.Running)
}

func (l *ledger) marks() {
	l.acquire()
	due := time.Date(2031, 5, 6, 2, 0, 0, 123e6, time.UTC)
	l.write(seq.Batch{Marks: []seq.Mark{{ID: "a", State: seq.Scheduled, Run: "run", NotBefore: due, Reason: "due later"}}})
	if e := l.want("a", seq.Scheduled); !e.NotBefore.Equal(due) || e.Error != "due later" || e.Attempt != 0 {
		l.t.Fatalf("the entry is %+v", e)
	}
	c := l.claimed(1)
	if e := l.want("a", seq.Running); !e.NotBefore.Equal(due) {
		l.t.Fatalf("a claim forgot the schedule: %+v", e)
	}
	l.write(seq.Batch{Marks: []seq.Mark{{ID: "a", Attempt: 1, State: seq.Skipped}}}, "a")
	l.write(done(c))
	l.write(seq.Batch{Marks: []seq.Mark{{ID: "a", Attempt: 0, State: seq.RollbackPending}, {ID: "b", Attempt: 3, State: seq.Skipped}}}, "a", "b")
	l.write(seq.Batch{Marks: []seq.Mark{{ID: "a", Attempt: 1, State: seq.RollbackPending, Run: "later"}}})
	if e := l.want("a", seq.RollbackPending); e.Seq != 1 || e.Run != "later" || !e.NotBefore.IsZero() {
		l.t.Fatalf("the entry is %+v", e)
	}
	old := l.lease
	l.next()
	if _, err := l.store.Write(l.ctx, old, seq.Batch{Marks: []seq.Mark{{ID: "a", Attempt: 1, State: seq.Pending}}}); !errors.Is(err, seq.ErrLeaseLost) {
		l.t.Fatalf("a mark by a former holder: %v", err)
	}
	l.want("a", seq.RollbackPending)
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

func (l *ledger) history() {
	l.acquire()
	c := l.claimed(1)
	l.write(seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: c.Token, State: seq.Failed, Error: "boom"}}})
	c = l.claimed(2)
	l.write(done(c))
	c = l.claim("a", 3)
	c.Direction = seq.Rollback
	l.write(seq.Batch{Claims: []seq.Claim{c}})
	l.want("a", seq.RollingBack)
	got, err := l.store.History(l.ctx, "a")
	l.must(err)
	if len(got) != 3 {
		l.t.Fatalf("%d attempts, want 3: %+v", len(got), got)
	}
	for i, a := range got {
		open := i == 2
		if a.ID != "a" || a.Number != i+1 || a.Run != "run" || a.Owner != owner || a.Started.IsZero() || a.Finished.IsZero() != open || a.Lost {
			l.t.Errorf("attempt %d is %+v", i+1, a)
		}
	}
	if got[0].State != seq.Failed || got[0].Error != "boom" || got[1].State != seq.Succeeded || got[2].State != seq.RollingBack || got[2].Direction != seq.Rollback {
		l.t.Errorf("the history is %+v", got)
	}
	l.next()
	l.write(seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: c.Token, State: seq.RollbackPending, Lost: true, Error: "died"}}})
	got, err = l.store.History(l.ctx, "a")
	l.must(err)
	if a := got[2]; !a.Lost || a.Finished.IsZero() || a.State != seq.RollbackPending {
		l.t.Errorf("the lost attempt is %+v", a)
	}
}

func (l *ledger) runs() {
	l.acquire()
	for _, id := range []string{"r1", "r2"} {
		l.write(seq.Batch{Run: &seq.Run{ID: id, Strategy: "batch", Owner: owner}})
	}
	l.write(seq.Batch{Run: &seq.Run{ID: "r1", Strategy: "batch", Owner: owner, State: seq.RunRolledBack}})
	got, err := l.store.Runs(l.ctx, 10)
	l.must(err)
	if len(got) != 2 || got[0].ID != "r2" || got[1].ID != "r1" {
		l.t.Fatalf("the runs are %+v", got)
	}
	if r := got[1]; r.State != seq.RunRolledBack || r.Finished.IsZero() || r.Started.IsZero() || r.Owner != owner || r.Strategy != "batch" || r.Epoch != l.lease.Epoch {
		l.t.Errorf("the older run is %+v", r)
	}
	if r := got[0]; r.State != seq.RunStarted || !r.Finished.IsZero() {
		l.t.Errorf("the newer run is %+v", r)
	}
	if got, err = l.store.Runs(l.ctx, 1); err != nil || len(got) != 1 || got[0].ID != "r2" {
		l.t.Errorf("the latest run is %+v, %v", got, err)
	}
}

func (l *ledger) atomic() {
	l.acquire()
	c := l.claimed(1)
	calls := 0
	refused, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (seq.Batch, error) {
		calls++
		b := done(c)
		b.Claims = []seq.Claim{l.claim("b", 1)}
		return b, nil
	})
	if err != nil || len(refused) > 0 || calls != 1 {
		l.t.Fatalf("%d calls, refused %v, %v", calls, refused, err)
	}
	l.want("a", seq.Succeeded)
	l.want("b", seq.Running)
}

func (l *ledger) atomicFails() {
	l.acquire()
	c := l.claimed(1)
	boom := errors.New("boom")
	for range 2 { // and the claim is good for another try
		if _, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (seq.Batch, error) { return done(c), boom }); !errors.Is(err, boom) {
			l.t.Fatalf("got %v, want %v", err, boom)
		}
		l.want("a", seq.Running)
	}
	if _, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (seq.Batch, error) { return done(c), nil }); err != nil {
		l.t.Fatal(err)
	}
	l.want("a", seq.Succeeded)
}

func (l *ledger) atomicFenced() {
	l.acquire()
	c := l.claimed(1)
	l.write(done(c))
	for _, claim := range []seq.Claim{c, l.claim("b", 1), {ID: "a"}} {
		_, err := l.store.Atomic(l.ctx, l.lease, claim, func(context.Context) (seq.Batch, error) {
			l.t.Error("fn was called for an attempt that is not open")
			return seq.Batch{}, nil
		})
		if !errors.Is(err, seq.ErrFenced) {
			l.t.Errorf("got %v, want %v", err, seq.ErrFenced)
		}
	}
}

func (l *ledger) atomicCancelled() {
	l.acquire()
	c := l.claimed(1)
	ctx, cancel := context.WithCancel(l.ctx)
	_, err := l.store.Atomic(ctx, l.lease, c, func(ctx context.Context) (seq.Batch, error) {
		cancel()
		<-ctx.Done()
		return done(c), nil
	})
	l.must(err)
	l.want("a", seq.Succeeded)
}

func (l *ledger) large() {
	const n = 2500
	l.acquire()
	var b seq.Batch
	for i := range n {
		b.Claims = append(b.Claims, l.claim(fmt.Sprintf("op%d", i), 1))
	}
	l.write(b)
	var out seq.Batch
	for i, c := range b.Claims {
		out.Outcomes = append(out.Outcomes, seq.Outcome{ID: c.ID, Token: c.Token, State: seq.Succeeded, Seq: int64(i + 1)})
	}
	l.write(out)
	entries, err := l.store.Load(l.ctx)
	l.must(err)
	seen := map[int64]bool{}
	for _, e := range entries {
		seen[e.Seq] = e.State == seq.Succeeded
	}
	if len(entries) != n || len(seen) != n {
		l.t.Fatalf("%d entries, %d different places in the order; want %d", len(entries), len(seen), n)
	}
}

func (l *ledger) texts() {
	l.acquire()
	for n, text := range []string{"it's \"quoted\" \\ ; -- ?", "a\x00b", "bad \xff utf-8", strings.Repeat("ü", 10_000), "$1 %s ?0 {}"} {
		stored := seq.ErrorText(errors.New(text))
		c := l.claimed(n + 1)
		l.write(seq.Batch{Outcomes: []seq.Outcome{{ID: "a", Token: c.Token, State: seq.Failed, Error: stored, Saved: []byte(`"` + stored[:1] + `?"`)}}})
		if e := l.want("a", seq.Failed); e.Error != stored {
			l.t.Errorf("%q came back as %q", stored, e.Error)
		}
	}
}

func (l *ledger) cancelled() {
	l.acquire()
	ctx, cancel := context.WithCancel(l.ctx)
	cancel()
	if _, err := l.store.Write(ctx, l.lease, seq.Batch{Claims: []seq.Claim{l.claim("a", 1)}}); err == nil {
		l.t.Error("a write with an ended context succeeded")
	}
	if _, err := l.store.Load(ctx); err == nil {
		l.t.Error("a load with an ended context succeeded")
	}
	l.want("a", seq.Pending)
}

func (l *ledger) claimRace() {
	l.acquire()
	const racers = 12
	var wg sync.WaitGroup
	won := make(chan string, racers)
	for range racers {
		wg.Go(func() {
			refused, err := l.store.Write(l.ctx, l.lease, seq.Batch{Claims: []seq.Claim{l.claim("a", 1)}})
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
