package seq_test

import (
	"context"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// TestASagaIsNotOverWhileAFailureMayHaveLeftSomething: a Rollback takes what an interrupted saga has done, and not
// what failed in it and asks to be undone; the saga stays unfinished then, and the next run of it undoes that, too.
func TestASagaIsNotOverWhileAFailureMayHaveLeftSomething(t *testing.T) {
	ctx, told := context.WithCancel(t.Context())
	undone := 0
	half := seqtest.Fails(id("b"), errBoom)
	half.AllowedToFail, half.RollbackOnFailure = true, true
	half.Rollback = func(context.Context) error { undone++; return nil }
	last := ok("c")
	last.Delivery = seq.Transactional
	last.Run = func(context.Context) error { told(); return context.Cause(ctx) }
	b := newBench(t, strategies.Sequential(strategies.Saga()), ok("a"), half, last)
	if r, _ := b.seq.Run(ctx); r.State != seq.RunInterrupted {
		t.Fatalf("the run is %s", r.State)
	}
	saga := func() store.Run {
		runs, err := b.store.Runs(t.Context(), store.Page{Limit: 9})
		if err != nil {
			t.Fatal(err)
		}
		return runs[len(runs)-1]
	}
	if _, err := b.seq.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.state("a", seq.RolledBack)
	b.state("b", seq.Tolerated)
	if got := saga(); undone != 0 || got.State != seq.RunInterrupted {
		t.Errorf("undone %d times, and the saga is %s", undone, got.State)
	}
	last.Run = func(context.Context) error { return errBoom }
	b.with(strategies.Sequential(strategies.Saga()), ok("a"), half, last)
	if r, _ := b.run(); r.State != seq.RunRolledBack {
		t.Fatalf("the run is %s", r.State)
	}
	if got := saga(); undone != 1 || got.State != seq.RunRolledBack {
		t.Errorf("undone %d times, and the saga is %s", undone, got.State)
	}
}
