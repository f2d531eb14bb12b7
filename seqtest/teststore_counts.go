package seqtest

import (
	"bytes"

	"github.com/sequencer-go/seq/store"
)

// The rules of [TestStore] about what is counted, and in which generation.

// closes closes an attempt of a.
func (l *ledger) closes(c store.Claim, out store.Outcome) store.Entry {
	l.t.Helper()
	out.ID, out.Token = "a", c.Token
	l.write(store.Batch{Outcomes: []store.Outcome{out}})
	return l.want("a", out.State)
}

// dies closes an attempt of a as that of somebody who died.
func (l *ledger) dies(c store.Claim) store.Entry {
	l.t.Helper()
	l.next()
	return l.closes(c, store.Outcome{State: store.Pending, Lost: true})
}

func (l *ledger) generations() {
	l.acquire()
	c := l.claimed(1)
	l.write(store.Batch{
		Saves:   []store.Snapshot{{ID: "a", Token: c.Token, Data: []byte("7")}},
		Headway: []store.Headway{{ID: "a", Token: c.Token, Done: 7, Total: 9}},
	})
	l.closes(c, store.Outcome{State: store.Failed})
	same := l.claimed(2)
	if e := l.want("a", store.Running); string(e.Saved) != "7" || e.Done != 7 || e.Total != 9 || e.Best != 7 || e.Failures != 1 {
		l.t.Fatalf("the next attempt of the generation has %+v", e)
	}
	l.closes(same, store.Outcome{State: store.Succeeded})
	c = l.claim("a", 3)
	c.Direction = store.Rollback
	l.write(store.Batch{Claims: []store.Claim{c}})
	if e := l.want("a", store.RollingBack); string(e.Saved) != "7" || e.Best != 7 {
		l.t.Fatalf("what is undone has %+v", e)
	}
	l.dies(c)
	c = l.claim("a", 4)
	c.Generation = 2
	l.write(store.Batch{Claims: []store.Claim{c}})
	e := l.want("a", store.Running)
	if e.Saved != nil || e.Done != 0 || e.Total != 0 || e.Best != 0 || e.Failures != 0 || e.Crashes != 0 || e.Generation != 2 {
		l.t.Fatalf("a new generation has %+v", e)
	}
	l.write(store.Batch{Headway: []store.Headway{{ID: "a", Token: c.Token, Done: 1}}})
	if e := l.want("a", store.Running); e.Best != 1 {
		l.t.Fatalf("the best is %d, want 1", e.Best)
	}
}

// A death counts with those before it, unless an attempt got further than every earlier one.
func (l *ledger) further() {
	l.acquire()
	attempt := 0
	die := func(saved string, doneSoFar int64, crashes int) {
		l.t.Helper()
		attempt++
		c := l.claimed(attempt)
		var b store.Batch
		if saved != "" {
			b.Saves = []store.Snapshot{{ID: "a", Token: c.Token, Data: []byte(saved)}}
		}
		if doneSoFar != 0 {
			b.Headway = []store.Headway{{ID: "a", Token: c.Token, Done: doneSoFar}}
		}
		l.write(b)
		if e := l.dies(c); e.Crashes != crashes {
			l.t.Fatalf("attempt %d: %d crashes, want %d: %+v", attempt, e.Crashes, crashes, e)
		}
	}
	die("", 0, 1)
	die("", 0, 2)
	die("", 5, 1) // further
	die("", 5, 2) // as far
	die("", 4, 3) // less far
	die("", 6, 1)
	die("x", 0, 1) // saved for the first time
	die("x", 0, 2) // the same again
	die("y", 0, 1)
	attempt++
	c := l.claimed(attempt)
	if e := l.closes(c, store.Outcome{State: store.Failed}); e.Crashes != 0 {
		l.t.Fatalf("%d crashes after a report", e.Crashes)
	}
	if e := l.want("a", store.Failed); !bytes.Equal(e.Saved, []byte("y")) || e.Best != 6 {
		l.t.Fatalf("the entry is %+v", e)
	}
}

func (l *ledger) failures() {
	l.acquire()
	want := func(e store.Entry, failures int, permanent bool) {
		l.t.Helper()
		if e.Failures != failures || e.Permanent != permanent {
			l.t.Fatalf("%d failures, permanent %t; want %d, %t", e.Failures, e.Permanent, failures, permanent)
		}
	}
	c := l.claimed(1)
	want(l.closes(c, store.Outcome{State: store.Failed}), 1, false)
	c = l.claimed(2)
	want(l.closes(c, store.Outcome{State: store.Tolerated, Permanent: true}), 2, true)
	l.write(store.Batch{Marks: []store.Mark{{ID: "a", Attempt: 2, State: store.Skipped}}})
	want(l.want("a", store.Skipped), 2, true)
	c = l.claimed(3)
	want(l.want("a", store.Running), 2, true) // until it reports
	want(l.closes(c, store.Outcome{State: store.Indeterminate}), 2, false)
	want(l.dies(l.claimed(4)), 2, false)
	c = l.claim("a", 5)
	c.Direction = store.Rollback
	l.write(store.Batch{Claims: []store.Claim{c}})
	want(l.closes(c, store.Outcome{State: store.Failed}), 2, false) // it was not an attempt to do it
	c = l.claim("a", 6)
	c.Direction = store.ByHand
	l.write(store.Batch{Claims: []store.Claim{c}})
	want(l.closes(c, store.Outcome{State: store.Failed}), 0, false)
	got, err := l.store.History(l.ctx, "a", store.Page{Limit: 100})
	l.must(err)
	for _, a := range got {
		if a.Permanent != (a.Number == 2) {
			l.t.Errorf("attempt %d is %+v", a.Number, a)
		}
	}
}

func (l *ledger) withdrawn() {
	l.acquire()
	l.dies(l.claimed(1))
	l.closes(l.claimed(2), store.Outcome{State: store.Failed, Permanent: true})
	l.next()
	c := l.claimed(3)
	l.next()
	l.closes(c, store.Outcome{State: store.Failed, Lost: true})
	c = l.claimed(4)
	e := l.closes(c, store.Outcome{State: store.Failed, Withdrawn: true})
	if e.Crashes != 1 || e.Failures != 1 || e.Permanent {
		l.t.Fatalf("the entry is %+v", e)
	}
	l.closes(l.claimed(5), store.Outcome{State: store.Failed, Permanent: true})
	if e = l.closes(l.claimed(6), store.Outcome{State: store.Failed, Withdrawn: true}); !e.Permanent || e.Failures != 2 {
		l.t.Fatalf("the entry is %+v", e)
	}
	got, err := l.store.History(l.ctx, "a", store.Page{Limit: 2})
	l.must(err)
	if len(got) != 2 || !got[0].Withdrawn || got[0].Permanent || got[1].Withdrawn || !got[1].Permanent {
		l.t.Fatalf("the history is %+v", got)
	}
}

func (l *ledger) interrupted() {
	l.acquire()
	l.dies(l.claimed(1))
	e := l.closes(l.claimed(2), store.Outcome{State: store.Indeterminate, Interrupted: true})
	if e.Crashes != 1 || e.Failures != 0 {
		l.t.Fatalf("the entry is %+v", e)
	}
	if e = l.closes(l.claimed(3), store.Outcome{State: store.Failed, Interrupted: true}); e.Failures != 0 {
		l.t.Fatalf("the entry is %+v", e)
	}
	got, err := l.store.History(l.ctx, "a", store.Page{Limit: 3})
	l.must(err)
	if len(got) != 3 || !got[0].Interrupted || !got[1].Interrupted || got[2].Interrupted || !got[2].Lost || got[1].Lost {
		l.t.Fatalf("the history is %+v", got)
	}
	run := store.Run{ID: "r", State: store.RunInterrupted, Error: "told to stop"}
	l.write(store.Batch{Run: &run})
	got2, known, err := l.store.LookupRun(l.ctx, "r")
	l.must(err)
	if !known || got2.State != store.RunInterrupted || got2.Finished.IsZero() || got2.State.Final() {
		l.t.Fatalf("the run is %+v", got2)
	}
	run.State = store.RunStarted
	l.write(store.Batch{Run: &run})
	if got2, _, err = l.store.LookupRun(l.ctx, "r"); err != nil || !got2.Finished.IsZero() || got2.Error != "told to stop" {
		l.t.Fatalf("the run that goes on is %+v, %v", got2, err)
	}
}
