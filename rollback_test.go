package seq_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sequencer-go/seq/store"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/strategies"
)

func TestSagaTellsWhatCouldNotBeUndone(t *testing.T) {
	broken := ok("b")
	stuck := errors.New("stuck")
	broken.Rollback = func(context.Context) error { return stuck }
	b := newBench(t, strategies.TransactionalBatch(strategies.Limit(1)), ok("a"), broken, seqtest.Irreversible(id("c")), fail("d", "a", "b", "c"))
	r, err := b.run()
	var whole *seq.RunError
	if !errors.As(err, &whole) || !errors.Is(err, errBoom) || !errors.Is(err, stuck) || whole.State != seq.RunRollbackFailed {
		t.Fatalf("got %v", err)
	}
	if got := slices.Sorted(slices.Values(whole.NotUndone)); !slices.Equal(got, ids("b", "c")) || !slices.Equal(r.NotUndone, whole.NotUndone) {
		t.Errorf("not undone: %v, in the report %v", got, r.NotUndone)
	}
	seqtest.AssertRolledBack(t, b.rec, id("a")) // the others are undone all the same
	b.state("b", seq.RollbackFailed)
	b.state("c", seq.Succeeded)

	// Nothing runs over the effect that is still there …
	if _, err := b.run(); !errors.Is(err, seq.ErrRollbackFailed) {
		t.Errorf("the next run: %v", err)
	}
	// … and Rollback tries again.
	b.with(strategies.TransactionalBatch(), ok("a"), ok("b"), seqtest.Irreversible(id("c")), ok("d", "a", "b", "c"))
	if r, err := b.seq.Rollback(t.Context()); err != nil || !slices.Equal(r.RolledBack(), ids("b")) {
		t.Fatalf("%v\n%s", err, r)
	}
	b.mustRun()
}

func TestSagaUndoesAFailureOnlyIfAsked(t *testing.T) {
	asks := fail("b")
	asks.RollbackOnFailure = true
	b := newBench(t, strategies.TransactionalBatch(strategies.Limit(1)), ok("a"), asks)
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	seqtest.AssertRolledBack(t, b.rec, ids("b", "a")...)
	b = newBench(t, strategies.TransactionalBatch(strategies.Limit(1)), ok("a"), fail("b"))
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	seqtest.AssertRolledBack(t, b.rec, id("a"))
}

func TestSagaUndoesAfterACancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, strategies.TransactionalBatch(), ok("a"), ok("b", "a"), ok("c", "b"))
	stop := ok("b", "a")
	stop.Run = func(context.Context) error { cancel(); return nil }
	var alive error
	first := ok("a")
	first.Rollback = func(ctx context.Context) error { alive = ctx.Err(); return nil }
	b.with(strategies.TransactionalBatch(strategies.UndoInterrupted()), first, stop, ok("c", "b"))
	r, err := b.seq.Run(ctx)
	if !errors.Is(err, context.Canceled) || r.State != seq.RunRolledBack {
		t.Fatalf("%v\n%s", err, r)
	}
	seqtest.AssertRolledBack(t, b.rec, ids("b", "a")...)
	if alive != nil {
		t.Errorf("Rollback was called with an ended context: %v", alive)
	}
}

func TestARollbackThatPanicsIsAFailedRollback(t *testing.T) {
	bad := ok("a")
	bad.Rollback = func(context.Context) error { panic("no") }
	b := newBench(t, strategies.TransactionalBatch(), bad, fail("b", "a"))
	if _, err := b.run(); !errors.Is(err, seq.ErrPanic) {
		t.Errorf("got %v", err)
	}
	b.state("a", seq.RollbackFailed)
}

func TestToleratedFailureStartsNoRollback(t *testing.T) {
	b := newBench(t, strategies.TransactionalBatch(), ok("a"), tolerated(fail("b")))
	if r := b.mustRun(); r.State != seq.RunSucceeded || len(b.rec.Undone()) > 0 {
		t.Errorf("%s", r)
	}
}

func TestRollbackRefusesBeforeAnythingIsUndone(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"), seqtest.Irreversible(id("b")))
	b.mustRun()
	b.rec.Reset()
	if _, err := b.seq.Rollback(t.Context()); !errors.Is(err, seq.ErrNotReversible) || !strings.Contains(err.Error(), id("b")) {
		t.Errorf("no Rollback: %v", err)
	}
	b.with(strategies.Sequential(), ok("a"))
	if _, err := b.seq.Rollback(t.Context()); !errors.Is(err, seq.ErrNotReversible) || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("not registered: %v", err)
	}
	b.with(strategies.Sequential(), ok("c"), ok("d", "c"))
	b.mustRun()
	if _, err := b.seq.Rollback(t.Context(), seq.Only(id("c"))); !errors.Is(err, seq.ErrNotReversible) || !strings.Contains(err.Error(), id("d")) {
		t.Errorf("still needed: %v", err)
	}
	if len(b.rec.Undone()) > 0 {
		t.Errorf("undone: %v", b.rec.Undone())
	}
}

// Why somebody wanted it stands beside the run, also when another process ends it.
func TestTheReasonIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := turned(t, seq.Repeatable)
		b.store.CrashBefore(undoClaim)
		if _, err := b.run(seq.Because("release 7")); err == nil {
			t.Fatal("no crash")
		}
		b.store.Restart()
		if _, err := b.run(seq.Because("release 8")); err == nil {
			t.Fatal("b does not fail")
		}
		_, _ = b.seq.Rollback(t.Context(), seq.Because("x\x00y"))
		runs, err := b.store.Runs(t.Context(), store.Page{Limit: 10})
		var reasons []string
		for _, r := range runs {
			reasons = append(reasons, r.Reason)
		}
		if err != nil || !slices.Equal(reasons, []string{"release 8", "release 7"}) {
			t.Errorf("%q, %v", reasons, err)
		}
	})
}

func TestRollbackDownTo(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"), ok("b"), ok("c"))
	b.mustRun()
	b.with(strategies.Sequential(), ok("a"), ok("b"), ok("c"), ok("d"))
	b.mustRun()
	b.rec.Reset()
	if _, err := b.seq.Rollback(t.Context(), seq.From(id("b"))); err != nil {
		t.Fatal(err)
	}
	seqtest.AssertRolledBack(t, b.rec, ids("d", "c", "b")...)
	b.rec.Reset()
	for range 2 { // the last run that did something, then nothing is left
		if _, err := b.seq.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	seqtest.AssertRolledBack(t, b.rec, id("a"))
}
