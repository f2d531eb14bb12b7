package seqtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about reading in pages, and about what may go.

func (l *ledger) markedAttempts() {
	l.acquire()
	c := l.claimed(1)
	before := l.closes(c, store.Outcome{State: store.Failed, Error: "boom", Permanent: true})
	was, err := l.store.History(l.ctx, "a", store.Page{Limit: 9})
	l.must(err)
	for n, state := range []store.State{store.Pending, store.Scheduled, store.Pending} {
		l.write(store.Batch{Marks: []store.Mark{{ID: "a", Attempt: 1, State: state, Run: fmt.Sprint("run", n)}}})
		is, err := l.store.History(l.ctx, "a", store.Page{Limit: 9})
		l.must(err)
		if len(is) != 1 || len(was) != 1 || is[0] != was[0] {
			l.t.Fatalf("after mark %d the history is %+v, before %+v", n+1, is, was)
		}
	}
	e := l.want("a", store.Pending)
	if e.Attempt != 1 || e.Failures != before.Failures || !e.Permanent || e.Fence != before.Fence || e.Lease != before.Lease || e.Run != "run2" {
		l.t.Fatalf("the entry is %+v, before %+v", e, before)
	}
	l.write(done(c), "a") // its attempt is over, wherever its line is kept
	second := l.claimed(2)
	l.closes(second, store.Outcome{State: store.Succeeded})
	is, err := l.store.History(l.ctx, "a", store.Page{Limit: 9})
	l.must(err)
	if len(is) != 2 || is[1] != was[0] || is[0].Number != 2 || is[0].State != store.Succeeded {
		l.t.Fatalf("the history is %+v", is)
	}
}

func (l *ledger) pages() {
	const n = 7
	l.acquire()
	for attempt := range n {
		l.closes(l.claimed(attempt+1), store.Outcome{State: store.Failed})
		l.write(store.Batch{Run: &store.Run{ID: fmt.Sprint("r", attempt), Owner: owner}})
	}
	var numbers, runs []int64
	for page := (store.Page{Limit: 3}); ; {
		got, err := l.store.History(l.ctx, "a", page)
		l.must(err)
		if len(got) == 0 || len(numbers) > 2*n {
			break
		}
		for _, a := range got {
			numbers, page.Before = append(numbers, int64(a.Number)), int64(a.Number)
		}
	}
	for page := (store.Page{Limit: 3}); ; {
		got, err := l.store.Runs(l.ctx, page)
		l.must(err)
		if len(got) == 0 || len(runs) > 2*n {
			break
		}
		for _, r := range got {
			runs, page.Before = append(runs, r.Number), r.Number
		}
	}
	if want := "[7 6 5 4 3 2 1]"; fmt.Sprint(numbers) != want || fmt.Sprint(runs) != want {
		l.t.Fatalf("the attempts are %v and the runs %v, want %s", numbers, runs, want)
	}
	for _, limit := range []int{0, -1} {
		history, err := l.store.History(l.ctx, "a", store.Page{Limit: limit})
		l.must(err)
		runs, err := l.store.Runs(l.ctx, store.Page{Limit: limit})
		l.must(err)
		attempts, err := l.store.RunAttempts(l.ctx, "run", store.Position{}, limit)
		l.must(err)
		if len(history)+len(runs)+len(attempts) > 0 {
			l.t.Fatalf("with limit %d: %v, %v, %v", limit, history, runs, attempts)
		}
	}
}

func (l *ledger) runAttempts() {
	l.acquire()
	claim := func(id string, attempt int, run string) store.Claim {
		c := l.claim(id, attempt)
		c.Run = run
		return c
	}
	for attempt, run := range []string{"r1", "r2", "r1"} {
		c := claim("a", attempt+1, run)
		l.write(store.Batch{Claims: []store.Claim{c}})
		l.closes(c, store.Outcome{State: store.Failed})
	}
	l.write(store.Batch{Claims: []store.Claim{claim("c", 1, "r1"), claim("b", 1, "r1"), claim("d", 1, "r2")}})
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", Attempt: 3, State: store.RollbackPending, Run: "r2"}}}) // no attempt of r2
	const want = "a1 a3 b1 c1"
	for limit := 1; limit <= 5; limit++ {
		var text strings.Builder
		after := store.Position{}
		for {
			got, err := l.store.RunAttempts(l.ctx, "r1", after, limit)
			l.must(err)
			if len(got) == 0 || text.Len() > 100 {
				break
			}
			if len(got) > limit {
				l.t.Fatalf("%d attempts, at most %d wanted", len(got), limit)
			}
			for _, a := range got {
				fmt.Fprintf(&text, " %s%d", a.ID, a.Number)
				after = store.Position{ID: a.ID, Number: a.Number}
			}
		}
		if text.String() != " "+want {
			l.t.Fatalf("by %d: the attempts are%s, want %s", limit, text.String(), want)
		}
	}
	if got, err := l.store.RunAttempts(l.ctx, "r2", store.Position{}, 9); err != nil || len(got) != 2 || got[0].Number != 2 || got[1].ID != "d" {
		l.t.Fatalf("the attempts of the other run are %+v, %v", got, err)
	}
	if got, err := l.store.RunAttempts(l.ctx, "r3", store.Position{}, 9); err != nil || len(got) > 0 {
		l.t.Fatalf("the attempts of no run are %+v, %v", got, err)
	}
}

func (l *ledger) lookup() {
	if _, known, err := l.store.LookupRun(l.ctx, "r1"); err != nil || known {
		l.t.Fatalf("in an empty ledger: %t, %v", known, err)
	}
	l.acquire()
	want := store.Run{ID: "r1", Strategy: "batch", Owner: owner, Reason: "why", Work: "w", Selection: "a, b", Error: "boom"}
	l.write(store.Batch{Run: &want})
	l.write(store.Batch{Run: &store.Run{ID: "r2"}})
	got, known, err := l.store.LookupRun(l.ctx, "r1")
	l.must(err)
	if got.Started.IsZero() {
		l.t.Errorf("the run is %+v", got)
	}
	want.Number, want.Lease, want.Epoch, want.Started = 1, store.RunLease, l.lease.Epoch, got.Started
	if !known || got != want {
		l.t.Fatalf("the run is %+v, want %+v", got, want)
	}
	if _, known, err := l.store.LookupRun(l.ctx, "r"); err != nil || known {
		l.t.Fatalf("a part of an ID: %t, %v", known, err)
	}
}

// pruned prunes until there is no more.
func (l *ledger) pruned(m store.Maintainer, keep store.Retention) (all store.Pruned) {
	l.t.Helper()
	for range 100 {
		got, err := m.Prune(l.ctx, keep)
		l.must(err)
		all.Attempts, all.Runs, all.Lives = all.Attempts+got.Attempts, all.Runs+got.Runs, all.Lives+got.Lives
		if !got.More {
			return all
		}
	}
	l.t.Fatal("there is always more to prune")
	return all
}

func (l *ledger) prune() {
	m, can := store.As[store.Maintainer](l.store)
	if !can {
		l.t.Skip("it is no store.Maintainer")
	}
	if got, err := m.Prune(l.ctx, store.Retention{}); err != nil || got != (store.Pruned{}) {
		l.t.Fatalf("an empty ledger: %+v, %v", got, err)
	}
	l.acquire()
	for n := range 12 {
		c := l.claim("a", n+1)
		c.Run = fmt.Sprint("r", n)
		state := store.Failed
		if n == 11 {
			state = store.Succeeded
		}
		l.write(store.Batch{Run: &store.Run{ID: c.Run}, Claims: []store.Claim{c}})
		l.write(store.Batch{Run: &store.Run{ID: c.Run, State: store.RunSucceeded}, Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: state}}})
	}
	ended, alive := l.named(store.NewLife()), l.named(store.NewLife())
	l.must(l.store.Release(l.ctx, ended))
	l.must(l.store.Release(l.ctx, l.named("lane"))) // no life
	before := l.want("a", store.Succeeded)
	if got := l.pruned(m, store.Retention{Age: time.Hour}); got != (store.Pruned{}) {
		l.t.Fatalf("what is young was removed: %+v", got)
	}
	if got := l.pruned(m, store.Retention{Runs: 3, Limit: 2}); got.Attempts != 11 || got.Runs != 9 || got.Lives != 1 {
		l.t.Fatalf("removed %+v, want 11 attempts, 9 runs and a life", got)
	}
	after := l.want("a", store.Succeeded)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		l.t.Fatalf("the entry is %+v, was %+v", after, before)
	}
	if h, err := l.store.History(l.ctx, "a", store.Page{Limit: 99}); err != nil || len(h) != 1 || h[0].Number != 12 {
		l.t.Fatalf("the history is %+v, %v", h, err)
	}
	runs, err := l.store.Runs(l.ctx, store.Page{Limit: 99})
	l.must(err)
	if len(runs) != 3 || runs[0].ID != "r11" || runs[0].Number != 12 {
		l.t.Fatalf("the runs are %+v", runs)
	}
	l.must(l.store.Renew(l.ctx, alive))
	l.pruned(m, store.Retention{})
	l.write(store.Batch{Run: &store.Run{ID: "next"}})
	if runs, err = l.store.Runs(l.ctx, store.Page{Limit: 1}); err != nil || len(runs) != 1 || runs[0].Number != 13 {
		l.t.Fatalf("the next run is %+v, %v", runs, err)
	}
	l.claimed(13)
}

func (l *ledger) pruneKeeps() {
	m, can := store.As[store.Maintainer](l.store)
	if !can {
		l.t.Skip("it is no store.Maintainer")
	}
	l.acquire()
	final := func(id string, state store.RunState) {
		l.write(store.Batch{Run: &store.Run{ID: id, State: state}})
	}
	attempt := func(id string, number int, run string, state store.State) {
		l.t.Helper()
		c := l.claim(id, number)
		c.Run = run
		l.write(store.Batch{Claims: []store.Claim{c}})
		l.write(store.Batch{Outcomes: []store.Outcome{{ID: id, Token: c.Token, State: state}}})
	}
	for _, id := range []string{"indeterminate", "undo", "undone", "doubt", "same", "waiting", "open", "done"} {
		attempt(id, 1, "r1", store.Failed)
	}
	attempt("doubt", 2, "r1", store.Indeterminate)
	attempt("doubt", 3, "r2", store.Failed)
	attempt("indeterminate", 2, "r3", store.Indeterminate)
	attempt("undo", 2, "r4", store.Succeeded)
	l.write(store.Batch{Marks: []store.Mark{{ID: "undo", Attempt: 2, State: store.RollbackPending, Run: "r4"}}})
	attempt("undone", 2, "r5", store.RollbackFailed)
	attempt("same", 2, "r6", store.Failed)
	attempt("same", 3, "r6", store.Failed)
	attempt("waiting", 2, "r7", store.Failed)
	attempt("waiting", 3, "r8", store.Failed)
	attempt("done", 2, "r9", store.Failed)
	attempt("done", 3, "r9", store.Succeeded)
	attempt("marked", 1, "r0", store.Failed)
	attempt("marked", 2, "r2", store.Succeeded)
	l.write(store.Batch{Marks: []store.Mark{{ID: "marked", Attempt: 2, State: store.Succeeded, Run: "r2"}}})
	c := l.claim("open", 2)
	c.Run = "r10"
	l.write(store.Batch{Claims: []store.Claim{c}})
	for n := range 11 {
		state := store.RunFailed
		switch n {
		case 7:
			state = store.RunInterrupted
		case 0, 2:
			state = store.RunSucceeded
		}
		final(fmt.Sprint("r", n), state)
	}
	final("latest", store.RunSucceeded)
	l.pruned(m, store.Retention{})
	for id, want := range map[string]string{
		"indeterminate": "21", "undo": "21", "undone": "21", "doubt": "32", "same": "32", "waiting": "32", "open": "21", "done": "3", "marked": "2",
	} {
		h, err := l.store.History(l.ctx, id, store.Page{Limit: 99})
		l.must(err)
		var numbers strings.Builder
		for _, a := range h {
			fmt.Fprint(&numbers, a.Number)
		}
		if got := numbers.String(); got != want {
			l.t.Errorf("of %s the attempts %s are left, want %s", id, got, want)
		}
	}
	runs, err := l.store.Runs(l.ctx, store.Page{Limit: 99})
	l.must(err)
	var ids strings.Builder
	for _, r := range runs {
		ids.WriteString(" " + r.ID)
	}
	if got, want := ids.String(), " latest r10 r7 r5 r4 r3"; got != want {
		l.t.Errorf("the runs%s are left, want%s", got, want)
	}
}
