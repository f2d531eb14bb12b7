package seqtest

import (
	"slices"
	"strconv"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about what is kept for people.

func (l *ledger) history() {
	l.acquire()
	c := l.claimed(1)
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Failed, Error: "boom"}}})
	c = l.claimed(2)
	l.write(done(c))
	c = l.claim("a", 3)
	c.Direction = store.Rollback
	l.write(store.Batch{Claims: []store.Claim{c}})
	l.want("a", store.RollingBack)
	got, err := l.store.History(l.ctx, "a", store.Page{Limit: 100})
	l.must(err)
	if len(got) != 3 {
		l.t.Fatalf("%d attempts, want 3: %+v", len(got), got)
	}
	slices.Reverse(got)
	for i, a := range got {
		open := i == 2
		if a.ID != "a" || a.Number != i+1 || a.Run != "run" || a.Owner != owner || a.Started.IsZero() || a.Finished.IsZero() != open || a.Lost {
			l.t.Errorf("attempt %d is %+v", i+1, a)
		}
	}
	if got[0].State != store.Failed || got[0].Error != "boom" || got[1].State != store.Succeeded || got[2].State != store.RollingBack || got[2].Direction != store.Rollback {
		l.t.Errorf("the history is %+v", got)
	}
	l.next()
	l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.RollbackPending, Lost: true, Error: "died"}}})
	got, err = l.store.History(l.ctx, "a", store.Page{Limit: 100})
	l.must(err)
	if a := got[0]; !a.Lost || a.Finished.IsZero() || a.State != store.RollbackPending {
		l.t.Errorf("the lost attempt is %+v", a)
	}
}

func (l *ledger) pastAttempts() {
	l.acquire()
	l.write(store.Batch{Claims: []store.Claim{l.claim("b", 1)}})
	for n, state := range []store.State{store.Failed, store.Tolerated, store.Succeeded} {
		c := l.claim("a", n+1)
		c.Owner = store.Owner{Host: "host" + strconv.Itoa(n+1), PID: n, Binary: "binary" + strconv.Itoa(n+1), Actor: owner.Actor}
		l.write(store.Batch{Claims: []store.Claim{c}})
		if e := l.want("a", store.Running); e.Binary != c.Owner.Binary {
			l.t.Fatalf("the entry is %+v", e)
		}
		if open, err := l.store.History(l.ctx, "a", store.Page{Limit: 1}); err != nil || open[0].Number != n+1 || open[0].Error != "" {
			l.t.Fatalf("the open attempt is %+v, %v", open, err)
		}
		l.write(store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: state, Error: strconv.Itoa(n + 1)}}})
	}
	got, err := l.store.History(l.ctx, "a", store.Page{Limit: 100})
	l.must(err)
	slices.Reverse(got)
	for n, state := range []store.State{store.Failed, store.Tolerated, store.Succeeded} {
		if len(got) != 3 || got[n].State != state || got[n].Error != strconv.Itoa(n+1) || got[n].Owner.Actor != owner.Actor || got[n].Owner.PID != n || got[n].Owner.Binary != "binary"+strconv.Itoa(n+1) {
			l.t.Fatalf("the history is %+v", got)
		}
	}
	got, err = l.store.History(l.ctx, "b", store.Page{Limit: 100})
	l.must(err)
	if len(got) != 1 || !got[0].Finished.IsZero() || got[0].State != store.Running {
		l.t.Fatalf("the history of another op is %+v", got)
	}
}

// unfinishedRuns are those that nobody has brought to an end, however many came after them.
func (l *ledger) unfinishedRuns() {
	l.acquire()
	for _, r := range []store.Run{
		{ID: "r0", State: store.RunStarted},
		{ID: "r1", State: store.RunSucceeded},
		{ID: "r2", State: store.RunInterrupted, Saga: true},
		{ID: "r3", State: store.RunInterrupted},
		{ID: "r4", State: store.RunRollingBack},
		{ID: "r5", State: store.RunWaiting},
		{ID: "r6", State: store.RunFailed},
	} {
		l.write(store.Batch{Run: &r})
	}
	got, err := l.store.UnfinishedRuns(l.ctx)
	var ids []string
	for _, r := range got {
		ids = append(ids, r.ID)
		if r.ID == "r2" && !r.Saga {
			l.t.Error("it is not known as a saga any more")
		}
	}
	if want := []string{"r5", "r4", "r2", "r0"}; err != nil || !slices.Equal(ids, want) {
		l.t.Errorf("got %v, %v; want %v", ids, err, want)
	}
	l.write(store.Batch{Run: &store.Run{ID: "r2", State: store.RunSucceeded, Saga: true}})
	if got, err = l.store.UnfinishedRuns(l.ctx); err != nil || len(got) != 3 {
		l.t.Errorf("got %v, %v once one of them is over", got, err)
	}
}

func (l *ledger) runs() {
	l.acquire()
	for _, id := range []string{"r9", "r2"} {
		l.write(store.Batch{Run: &store.Run{ID: id, Strategy: "batch", Owner: owner}})
	}
	l.write(store.Batch{Run: &store.Run{ID: "r9", Strategy: "batch", Owner: owner, State: store.RunRolledBack, Reason: "it's late", Work: "w", Selection: "all", Error: "broken"}})
	got, err := l.store.Runs(l.ctx, store.Page{Limit: 10})
	l.must(err)
	if len(got) != 2 || got[0].ID != "r2" || got[1].ID != "r9" {
		l.t.Fatalf("the runs are %+v", got)
	}
	if r := got[1]; r.State != store.RunRolledBack || r.Finished.IsZero() || r.Started.IsZero() || r.Owner != owner || r.Strategy != "batch" || r.Reason != "it's late" || r.Epoch != l.lease.Epoch || r.Lease != store.RunLease || r.Work != "w" || r.Selection != "all" || r.Error != "broken" || r.Number != 1 {
		l.t.Errorf("the older run is %+v", r)
	}
	if r := got[0]; r.State != store.RunStarted || !r.Finished.IsZero() {
		l.t.Errorf("the newer run is %+v", r)
	}
	if got, err = l.store.Runs(l.ctx, store.Page{Limit: 1}); err != nil || len(got) != 1 || got[0].ID != "r2" {
		l.t.Errorf("the latest run is %+v, %v", got, err)
	}
}
