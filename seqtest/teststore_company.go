package seqtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] again, for several items in one batch: whatever becomes of one, each of
// the others is what it would have been alone.

func (l *ledger) open(ids ...string) map[string]store.Claim {
	l.t.Helper()
	claims, b := map[string]store.Claim{}, store.Batch{}
	for _, id := range ids {
		claims[id] = l.claim(id, 1)
		b.Claims = append(b.Claims, claims[id])
	}
	l.write(b)
	return claims
}

// company is a batch of outcomes of which some must be refused: foreign has another's token, over was
// closed before, missing never was, zero has no token.
func company(c map[string]store.Claim, state store.State) []store.Outcome {
	out := func(id string, token store.Token) store.Outcome {
		return store.Outcome{ID: id, Token: token, State: state, Error: "of " + id, Saved: []byte(id)}
	}
	return []store.Outcome{
		out("one", c["one"].Token), out("missing", store.NewToken()), out("foreign", c["one"].Token),
		out("over", c["over"].Token), out("zero", store.Token{}), out("two", c["two"].Token),
	}
}

func (l *ledger) outcomesInCompany() {
	const refused = "[missing foreign over zero]"
	check := func() {
		l.t.Helper()
		for _, id := range []string{"one", "two"} {
			if e := l.want(id, store.Failed); e.Error != "of "+id || string(e.Saved) != id || e.Failures != 1 {
				l.t.Errorf("the entry is %+v", e)
			}
		}
		for _, id := range []string{"foreign", "zero"} {
			if e := l.want(id, store.Running); e.Error != "" || e.Saved != nil {
				l.t.Errorf("the entry is %+v", e)
			}
		}
		if e := l.want("over", store.Succeeded); e.Error != "" || e.Saved != nil || e.Failures != 0 {
			l.t.Errorf("the entry is %+v", e)
		}
		l.want("missing", store.Pending)
		if entries, err := l.store.Load(l.ctx); err != nil || len(entries) > 7 {
			l.t.Errorf("%d entries, %v", len(entries), err)
		}
		for id, state := range map[string]store.State{"one": store.Failed, "two": store.Failed, "foreign": store.Running, "over": store.Succeeded} {
			if h, err := l.store.History(l.ctx, id, store.Page{Limit: 9}); err != nil || len(h) != 1 || h[0].State != state {
				l.t.Errorf("the history of %s is %+v, %v", id, h, err)
			}
		}
	}
	l.acquire()
	c := l.open("one", "two", "foreign", "over", "zero")
	l.write(done(c["over"]))
	got, err := l.store.Write(l.ctx, l.lease, store.Batch{Outcomes: company(c, store.Failed)})
	if err != nil || fmt.Sprint(got) != refused {
		l.t.Fatalf("refused %v, %v; want %s", got, err, refused)
	}
	check()
}

func (l *ledger) lostInCompany() {
	l.acquire()
	c := l.open("one", "two", "foreign", "over", "zero", "told")
	l.write(done(c["over"]))
	l.next()
	fresh := l.claim("fresh", 1) // of this epoch
	l.write(store.Batch{Claims: []store.Claim{fresh}})
	lane := l.named("lane")
	abroad := l.claim("abroad", 1)
	if refused, err := l.store.Write(l.ctx, lane, store.Batch{Claims: []store.Claim{abroad}}); err != nil || len(refused) > 0 {
		l.t.Fatalf("refused %v, %v", refused, err)
	}
	life := l.named(store.NewLife())
	alive := l.claim("alive", 1)
	alive.Life = life.Name
	l.write(store.Batch{Claims: []store.Claim{alive}})
	c["fresh"], c["abroad"], c["alive"] = fresh, abroad, alive
	b := store.Batch{Outcomes: company(c, store.Indeterminate)}
	for _, id := range []string{"fresh", "abroad", "alive"} {
		b.Outcomes = append(b.Outcomes, store.Outcome{ID: id, Token: c[id].Token, State: store.Indeterminate})
	}
	for i := range b.Outcomes {
		b.Outcomes[i].Lost = true
	}
	b.Outcomes = append(b.Outcomes, store.Outcome{ID: "told", Token: c["told"].Token, State: store.Succeeded})
	l.write(b, "missing", "foreign", "over", "zero", "fresh", "abroad", "alive")
	for _, id := range []string{"one", "two"} {
		if e := l.want(id, store.Indeterminate); e.Crashes != 1 {
			l.t.Errorf("the entry is %+v", e)
		}
	}
	if e := l.want("told", store.Succeeded); e.Crashes != 0 || e.Seq == 0 {
		l.t.Errorf("the entry is %+v", e)
	}
	for _, id := range []string{"foreign", "zero", "fresh", "abroad", "alive"} {
		l.want(id, store.Running)
	}
	old := l.lease
	l.next()
	late := store.Batch{Outcomes: []store.Outcome{
		{ID: "fresh", Token: fresh.Token, State: store.Pending, Lost: true},
		{ID: "alive", Token: alive.Token, State: store.Succeeded},
	}}
	if refused, err := l.store.Write(l.ctx, old, late); !errors.Is(err, store.ErrLeaseLost) || fmt.Sprint(refused) != "[fresh]" {
		l.t.Errorf("by a former holder: refused %v, %v", refused, err)
	}
	l.want("alive", store.Succeeded)
	l.want("fresh", store.Running)
}

func (l *ledger) claimsInCompany() {
	l.acquire()
	c := l.open("open", "ready", "stale")
	l.write(store.Batch{Outcomes: []store.Outcome{
		{ID: "ready", Token: c["ready"].Token, State: store.Failed, Error: "first"}, {ID: "stale", Token: c["stale"].Token, State: store.Failed},
	}})
	l.write(store.Batch{Marks: []store.Mark{{ID: "marked", State: store.Scheduled}}})
	old := l.lease
	l.next()
	b := store.Batch{Claims: []store.Claim{
		l.claim("new", 1), l.claim("open", 2), l.claim("ready", 2), l.claim("stale", 3), l.claim("gap", 2), l.claim("marked", 1),
	}}
	if refused, err := l.store.Write(l.ctx, old, b); !errors.Is(err, store.ErrLeaseLost) || len(refused) != 6 {
		l.t.Fatalf("by a former holder: refused %v, %v", refused, err)
	}
	if h, err := l.store.History(l.ctx, "ready", store.Page{Limit: 9}); err != nil || len(h) != 1 {
		l.t.Fatalf("what was refused left a mark in history: %+v, %v", h, err)
	}
	l.write(b, "open", "stale", "gap")
	for id, attempts := range map[string]int{"new": 1, "open": 1, "ready": 2, "marked": 1} {
		e := l.want(id, store.Running)
		h, err := l.store.History(l.ctx, id, store.Page{Limit: 9})
		if err != nil || len(h) != attempts || e.Attempt != attempts || h[0].Number != attempts || !h[0].Finished.IsZero() {
			l.t.Errorf("%s is %+v, its history %+v, %v", id, e, h, err)
		}
	}
	h, err := l.store.History(l.ctx, "ready", store.Page{Limit: 9})
	if err != nil || h[1].State != store.Failed || h[1].Error != "first" || h[1].Finished.IsZero() {
		l.t.Errorf("the history is %+v, %v", h, err)
	}
	if h, err = l.store.History(l.ctx, "stale", store.Page{Limit: 9}); err != nil || len(h) != 1 || h[0].State != store.Failed {
		l.t.Errorf("the history is %+v, %v", h, err)
	}
	if e := entry(l.t, l.store, "gap"); e.Attempt != 0 {
		l.t.Errorf("the entry is %+v", e)
	}
}

func (l *ledger) marksInCompany() {
	l.acquire()
	c := l.open("open", "ready", "stale")
	l.write(store.Batch{Outcomes: []store.Outcome{
		{ID: "ready", Token: c["ready"].Token, State: store.Succeeded}, {ID: "stale", Token: c["stale"].Token, State: store.Failed, Error: "why"},
	}})
	mark := func(id string, attempt int) store.Mark {
		return store.Mark{ID: id, Attempt: attempt, State: store.RollbackPending, Run: "next", Reason: "turned back"}
	}
	l.write(store.Batch{Marks: []store.Mark{mark("new", 0), mark("open", 1), mark("ready", 1), mark("stale", 2), mark("gap", 1)}}, "open", "stale", "gap")
	l.want("new", store.RollbackPending)
	l.want("open", store.Running)
	if e := l.want("stale", store.Failed); e.Error != "why" {
		l.t.Errorf("the entry is %+v", e)
	}
	if e := l.want("ready", store.RollbackPending); e.Error != "turned back" || e.Run != "next" || e.Seq == 0 || e.Attempt != 1 {
		l.t.Errorf("the entry is %+v", e)
	}
	l.want("gap", store.Pending)
	for id, state := range map[string]store.State{"ready": store.Succeeded, "stale": store.Failed, "open": store.Running} {
		if h, err := l.store.History(l.ctx, id, store.Page{Limit: 9}); err != nil || len(h) != 1 || h[0].State != state || h[0].Run != "run" {
			l.t.Errorf("the history of %s is %+v, %v", id, h, err)
		}
	}
}

func (l *ledger) savesInCompany() {
	l.acquire()
	c := l.open("one", "two", "foreign", "over")
	l.write(done(c["over"]))
	var b store.Batch
	for _, o := range company(c, store.Failed) {
		if o.ID == "zero" {
			continue
		}
		b.Saves = append(b.Saves, store.Snapshot{ID: o.ID, Token: o.Token, Data: o.Saved})
		b.Headway = append(b.Headway, store.Headway{ID: o.ID, Token: o.Token, Done: 3, Total: 4})
	}
	l.write(b, "missing", "foreign", "over", "missing", "foreign", "over")
	for _, id := range []string{"one", "two"} {
		if e := l.want(id, store.Running); string(e.Saved) != id || e.Done != 3 || e.Total != 4 || e.Best != 3 {
			l.t.Errorf("the entry is %+v", e)
		}
	}
	for id, state := range map[string]store.State{"foreign": store.Running, "over": store.Succeeded, "missing": store.Pending} {
		if e := l.want(id, state); e.Saved != nil || e.Done != 0 || e.Total != 0 || e.Best != 0 {
			l.t.Errorf("the entry is %+v", e)
		}
	}
}

func (l *ledger) atomicOpen() {
	l.acquire()
	c := l.claimed(1)
	c = func() store.Claim { l.dies(c); return l.claimed(2) }()
	for n := range int64(3) {
		refused, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (store.Batch, error) {
			return store.Batch{
				Saves:   []store.Snapshot{{ID: "a", Token: c.Token, Data: fmt.Append(nil, n)}},
				Headway: []store.Headway{{ID: "a", Token: c.Token, Done: n + 1, Total: 3}},
			}, nil
		})
		if err != nil || len(refused) > 0 {
			l.t.Fatalf("refused %v, %v", refused, err)
		}
		if e := l.want("a", store.Running); string(e.Saved) != strconv.FormatInt(n, 10) || e.Done != n+1 || e.Crashes != 0 || e.Token != c.Token {
			l.t.Fatalf("after %d: %+v", n+1, e)
		}
	}
	boom := errors.New("boom")
	_, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (store.Batch, error) {
		return store.Batch{Saves: []store.Snapshot{{ID: "a", Token: c.Token, Data: []byte("lost")}}}, boom
	})
	if e := l.want("a", store.Running); !errors.Is(err, boom) || string(e.Saved) != "2" {
		l.t.Fatalf("%v, and saved %q", err, e.Saved)
	}
	if refused, err := l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (store.Batch, error) { return store.Batch{}, nil }); err != nil || len(refused) > 0 {
		l.t.Fatalf("with nothing to record: refused %v, %v", refused, err)
	}
	l.next()
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Pending, Lost: true}}})
	if _, err = l.store.Atomic(l.ctx, l.lease, c, func(context.Context) (store.Batch, error) { return store.Batch{}, nil }); !errors.Is(err, store.ErrFenced) {
		l.t.Fatalf("after the attempt was closed: %v, want %v", err, store.ErrFenced)
	}
}
