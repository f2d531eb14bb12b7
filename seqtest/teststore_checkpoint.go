package seqtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about a long op that commits its work piece by piece: each call of Atomic
// leaves the attempt open, and saves how far it is.

// checkpoint saves that an attempt has come to n, under a lease.
func (l *ledger) checkpoint(lease store.Lease, c store.Claim, n int64) error {
	refused, err := l.store.Atomic(l.ctx, lease, c, func(context.Context) (store.Batch, error) { return piece(c, n), nil })
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("refused %v", refused)
	}
	return err
}

func piece(c store.Claim, n int64) store.Batch {
	return store.Batch{
		Saves:   []store.Snapshot{{ID: c.ID, Token: c.Token, Data: fmt.Append(nil, n)}},
		Headway: []store.Headway{{ID: c.ID, Token: c.Token, Done: n, Total: 9}},
	}
}

func (l *ledger) wantPiece(c store.Claim, n, best int64) store.Entry {
	l.t.Helper()
	e := l.want(c.ID, store.Running)
	if string(e.Saved) != strconv.FormatInt(n, 10) || e.Done != n || e.Total != 9 || e.Best != best || e.Token != c.Token || e.Attempt != c.Attempt || e.Moved.IsZero() {
		l.t.Fatalf("after piece %d: %+v", n, e)
	}
	return e
}

func (l *ledger) checkpoints() {
	l.acquire()
	l.dies(l.claimed(1))
	l.dies(l.claimed(2))
	c := l.claimed(3)
	if e := l.want("a", store.Running); e.Crashes != 2 || !e.Moved.IsZero() {
		l.t.Fatalf("before the first: %+v", e)
	}
	for n := int64(1); n <= 3; n++ {
		l.must(l.checkpoint(l.lease, c, n))
		if e := l.wantPiece(c, n, n); e.Crashes != 0 {
			l.t.Fatalf("after piece %d: %d crashes", n, e.Crashes)
		}
	}
	l.must(l.checkpoint(l.lease, c, 3)) // the same again
	l.wantPiece(c, 3, 3)
	l.must(l.checkpoint(l.lease, c, 2)) // and what goes back
	l.wantPiece(c, 2, 3)
	h, err := l.store.History(l.ctx, "a", store.Page{Limit: 9})
	if err != nil || len(h) != 3 || !h[0].Finished.IsZero() || h[0].State != store.Running {
		l.t.Fatalf("the history is %+v, %v", h, err)
	}
	l.write(done(c))
	if err := l.checkpoint(l.lease, c, 4); !errors.Is(err, store.ErrFenced) {
		l.t.Fatalf("after the outcome: %v, want %v", err, store.ErrFenced)
	}
	if e := l.want("a", store.Succeeded); e.Done != 2 || string(e.Saved) != "2" {
		l.t.Fatalf("the entry is %+v", e)
	}
}

func (l *ledger) checkpointsInCompany() {
	l.acquire()
	c := l.open("a", "other", "over")
	l.write(done(c["over"]))
	refused, err := l.store.Atomic(l.ctx, l.lease, c["a"], func(context.Context) (store.Batch, error) {
		b := piece(c["a"], 1)
		for _, id := range []string{"other", "over"} {
			p := piece(c[id], 2)
			b.Saves, b.Headway = append(b.Saves, p.Saves...), append(b.Headway, p.Headway...)
		}
		forged := piece(store.Claim{ID: "other", Token: store.NewToken()}, 3)
		b.Saves, b.Headway = append(b.Saves, forged.Saves...), append(b.Headway, forged.Headway...)
		return b, nil
	})
	if err != nil || fmt.Sprint(refused) != "[over other over other]" {
		l.t.Fatalf("refused %v, %v", refused, err)
	}
	l.wantPiece(c["a"], 1, 1)
	l.wantPiece(c["other"], 2, 2)
	if e := l.want("over", store.Succeeded); e.Saved != nil || e.Done != 0 || !e.Moved.IsZero() {
		l.t.Fatalf("what was over is %+v", e)
	}
}

// A lane is worked on beside deploys: neither takes anything from the other.
func (l *ledger) lanes() {
	const name = store.LanePrefix + "users"
	l.acquire()
	lane := l.named(name)
	claim := func(lease store.Lease, id string, attempt int) store.Claim {
		l.t.Helper()
		c := l.claim(id, attempt)
		refused, err := l.store.Write(l.ctx, lease, store.Batch{Claims: []store.Claim{c}})
		if err != nil || len(refused) > 0 {
			l.t.Fatalf("claim %s: refused %v, %v", id, refused, err)
		}
		return c
	}
	lost := func(lease store.Lease, c store.Claim, wantRefused int) {
		l.t.Helper()
		refused, err := l.store.Write(l.ctx, lease, store.Batch{Outcomes: []store.Outcome{{ID: c.ID, Token: c.Token, State: store.Pending, Lost: true}}})
		if err != nil || len(refused) != wantRefused {
			l.t.Fatalf("closing %s as lost: refused %v, %v", c.ID, refused, err)
		}
	}
	slow, deployed := claim(lane, "slow", 1), claim(l.lease, "deployed", 1)
	l.must(l.checkpoint(lane, slow, 1))
	old := l.lease
	l.next()               // a takeover of the deploy
	lost(l.lease, slow, 1) // recovers what is its own, and nothing else
	l.must(l.checkpoint(lane, slow, 2))
	l.wantPiece(slow, 2, 2)
	l.must(l.checkpoint(old, deployed, 1)) // nobody has closed it yet
	lost(l.lease, deployed, 0)
	if err := l.checkpoint(old, deployed, 2); !errors.Is(err, store.ErrFenced) {
		l.t.Fatalf("after its own lease was taken over: %v, want %v", err, store.ErrFenced)
	}
	deployed = claim(l.lease, "deployed", 2)

	l.must(l.store.Revoke(l.ctx, lane.Name)) // a takeover of the lane
	before := lane
	lane = l.named(name)
	lost(lane, deployed, 1)
	l.must(l.checkpoint(l.lease, deployed, 3))
	l.wantPiece(deployed, 3, 3)
	lost(lane, slow, 0)
	next := claim(lane, "slow", 2)
	called := false
	_, err := l.store.Atomic(l.ctx, before, slow, func(context.Context) (store.Batch, error) {
		called = true
		return piece(slow, 7), nil
	})
	if !errors.Is(err, store.ErrFenced) || called {
		l.t.Fatalf("whoever wakes up late: %v, called %t; want %v", err, called, store.ErrFenced)
	}
	if e := l.want("slow", store.Running); string(e.Saved) != "2" || e.Done != 2 || e.Token != next.Token {
		l.t.Fatalf("the successor has %+v", e)
	}
	l.must(l.checkpoint(lane, next, 3))
	l.wantPiece(next, 3, 3)
}

func (l *ledger) moved() {
	l.acquire()
	c := l.claimed(1)
	l.write(store.Batch{Saves: []store.Snapshot{{ID: "a", Token: c.Token, Data: []byte("x")}}})
	if e := l.want("a", store.Running); !e.Moved.IsZero() {
		l.t.Fatalf("nothing was reported, and it moved at %s", e.Moved)
	}
	report := func(c store.Claim, doneSoFar int64) store.Entry {
		l.t.Helper()
		l.write(store.Batch{Headway: []store.Headway{{ID: "a", Token: c.Token, Done: doneSoFar, Total: 9}}})
		return l.want("a", store.Running)
	}
	first := report(c, 3).Moved
	h, err := l.store.History(l.ctx, "a", store.Page{Limit: 1})
	l.must(err)
	if first.Before(h[0].Started) {
		l.t.Fatalf("it moved at %s, and began at %s", first, h[0].Started)
	}
	l.later(first)
	e := report(c, 3) // as far as before
	if !e.Moved.After(first) {
		l.t.Fatalf("a later report left %s", e.Moved)
	}
	l.write(store.Batch{Headway: []store.Headway{{ID: "a", Token: store.NewToken(), Done: 4}}}, "a")
	if now := l.want("a", store.Running).Moved; !now.Equal(e.Moved) {
		l.t.Fatalf("what was refused moved it to %s", now)
	}
	l.closes(c, store.Outcome{State: store.Failed})
	c = l.claimed(2)
	if now := l.want("a", store.Running).Moved; !now.Equal(e.Moved) {
		l.t.Fatalf("in the next attempt of the generation it is %s, and was %s", now, e.Moved)
	}
	l.closes(c, store.Outcome{State: store.Succeeded})
	if now := l.want("a", store.Succeeded).Moved; !now.Equal(e.Moved) {
		l.t.Fatalf("when it is done it is %s, and was %s", now, e.Moved)
	}
	c = l.claim("a", 3)
	c.Generation = 2
	l.write(store.Batch{Claims: []store.Claim{c}})
	if now := l.want("a", store.Running).Moved; !now.IsZero() {
		l.t.Fatalf("a new generation moved at %s", now)
	}
	if report(c, 1).Moved.IsZero() {
		l.t.Fatal("its first report has no time")
	}
	plain := l.claim("plain", 1) // all else is as with most
	plain.Delivery = store.Repeatable
	l.write(store.Batch{Claims: []store.Claim{plain}})
	l.write(store.Batch{Headway: []store.Headway{{ID: "plain", Token: plain.Token}}})
	l.write(done(plain))
	if e := l.want("plain", store.Succeeded); e.Moved.IsZero() {
		l.t.Fatalf("it came nowhere, and that has no time: %+v", e)
	}
}

func (l *ledger) steered() {
	l.acquire()
	c := l.claimed(1)
	told := func(steered bool) (got store.Control) {
		l.t.Helper()
		c.Steered = steered
		refused, err := l.store.Atomic(l.ctx, l.lease, c, func(ctx context.Context) (store.Batch, error) {
			got = store.ControlOf(ctx)
			return piece(c, 1), nil
		})
		if err != nil || len(refused) > 0 {
			l.t.Fatalf("refused %v, %v", refused, err)
		}
		return got
	}
	if got := told(true); got != (store.Control{ID: "a"}) {
		l.t.Fatalf("nothing was asked: %+v", got)
	}
	l.asks("b", store.WantCancel)
	if got := told(true); got != (store.Control{ID: "a"}) {
		l.t.Fatalf("of another was asked: %+v", got)
	}
	for _, wanted := range []store.Wanted{store.WantPause, store.WantGo, store.WantCancel} {
		number := l.control("a").Number + 1
		l.must(l.store.Ask(l.ctx, store.Control{ID: "a", Number: number, Wanted: wanted, Size: 10 * number, Rest: 5, Actor: "it's ?", Reason: "two words"}))
		want := l.control("a")
		got := told(true)
		got.Until, got.Asked, got.HeardAt, got.Note, got.NotedAt = want.Until, want.Asked, want.HeardAt, want.Note, want.NotedAt
		if got != want {
			l.t.Fatalf("it was told\n%+v, want\n%+v", got, want)
		}
		if got = told(false); got != (store.Control{}) {
			l.t.Fatalf("who does not ask is told %+v", got)
		}
		l.answers("a", number, "heard")
		if got = told(true); got.Heard != number {
			l.t.Fatalf("after the answer it was told %+v", got)
		}
	}
	if got := store.ControlOf(l.ctx); got != (store.Control{}) {
		l.t.Fatalf("outside of a transaction: %+v", got)
	}
	for _, token := range []store.Token{{}, store.NewToken()} {
		forged := c
		forged.Token, forged.Steered = token, true
		if err := l.checkpoint(l.lease, forged, 2); !errors.Is(err, store.ErrFenced) {
			l.t.Fatalf("another token: %v, want %v", err, store.ErrFenced)
		}
	}
	c.Steered = true
	boom := errors.New("boom")
	if _, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (store.Batch, error) { return piece(c, 5), boom }); !errors.Is(err, boom) {
		l.t.Fatalf("got %v, want %v", err, boom)
	}
	l.wantPiece(c, 1, 1)
	l.write(done(c))
	if err := l.checkpoint(l.lease, c, 2); !errors.Is(err, store.ErrFenced) {
		l.t.Fatalf("after the outcome: %v, want %v", err, store.ErrFenced)
	}
}
