package seq_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq/store"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/strategies"
)

// turned is a saga of a, which is done, and b, which fails: the run, the claim and the outcome of
// each are writes 1 to 5, then come the decision, the claim to undo a, and its outcome.
func turned(t *testing.T, delivery seq.Delivery) (*bench, *world) {
	w := &world{calls: map[string]int{}, undos: map[string]int{}}
	return newBench(t, strategies.TransactionalBatch(), w.op("a", delivery, nil), w.op("b", 0, errBoom, "a")), w
}

const (
	decision  = 6
	undoClaim = 7
	undoDone  = 8
)

var errFull = errors.New("disk full")

// What a rollback owes the ledger is written again when it is refused for a moment, or when the
// answer is lost.
func TestARollbackInsists(t *testing.T) {
	for name, write := range map[string]int{"decision": decision, "claim": undoClaim, "outcome": undoDone} {
		for how, spoil := range map[string]func(*bench){
			"refused":    func(b *bench) { b.store.FailWrite(write, errFull) },
			"unanswered": func(b *bench) { b.store.DeafAfter(write) },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b, w := turned(t, seq.Repeatable)
					spoil(b)
					r, err := b.run()
					if !errors.Is(err, errBoom) || r.State != seq.RunRolledBack || w.undos["a"] != 1 {
						t.Errorf("undone %d times, %v\n%s", w.undos["a"], err, r)
					}
					b.state("a", seq.RolledBack)
				})
			})
		}
	}
}

// A decision that cannot be written leaves the run to the next process, as if this one had died.
func TestADecisionThatCannotBeWrittenIsLeftToTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := turned(t, seq.Repeatable)
		for k := range 10 {
			b.store.FailWrite(decision+k, errFull)
		}
		r, err := b.run()
		if !errors.Is(err, errFull) || r.State != seq.RunRollbackFailed || !slices.Equal(r.NotUndone, ids("a")) {
			t.Fatalf("%v\n%s", err, r)
		}
		b.store.Restart()
		if r, err = b.run(); !errors.Is(err, errBoom) || r.State != seq.RunRolledBack || w.undos["a"] != 1 || w.calls["a"] != 1 {
			t.Errorf("%v, %v\n%s", w.order, err, r)
		}
	})
}

// A saga undoes also what the ledger was not told of in time.
func TestASagaUndoesWhatTheLedgerWasNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := turned(t, seq.Repeatable)
		for k := range 4 {
			b.store.FailWrite(3+k, errFull) // the outcome of a
		}
		r, err := b.run()
		if !errors.Is(err, seq.ErrOutcomeUnrecorded) || r.State != seq.RunRolledBack || w.undos["a"] != 1 {
			t.Errorf("undone %d times, %v\n%s", w.undos["a"], err, r)
		}
		b.state("a", seq.RolledBack)
	})
}

// That an attempt failed does not say that the one before it, whose process died, did.
func TestAFailureDoesNotEndTheDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := turned(t, seq.Repeatable)
		b.store.CrashBefore(3) // the outcome of a
		if _, err := b.run(); err == nil {
			t.Fatal("no crash")
		}
		b.store.Restart()
		b.with(strategies.TransactionalBatch(), w.op("a", 0, errBoom), w.op("b", 0, nil, "a"))
		if r, err := b.run(); !errors.Is(err, errBoom) || r.State != seq.RunRolledBack || w.undos["a"] != 1 {
			t.Errorf("undone %d times, %v\n%s", w.undos["a"], err, r)
		}
	})
}

// A Transactional rollback whose transaction could not be committed has done nothing: it stays to
// be done, and the next run does it.
func TestATransactionalRollbackIsTriedByTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := turned(t, seq.Transactional)
		b.store.FailWrite(undoDone, errors.New("connection reset"))
		r, err := b.run()
		if err == nil || r.State != seq.RunRollingBack || !slices.Equal(r.NotUndone, ids("a")) {
			t.Errorf("%v\n%s", err, r)
		}
		b.state("a", seq.RollbackPending)
		b.with(strategies.TransactionalBatch(), w.op("a", seq.Transactional, nil), w.op("b", 0, nil, "a"))
		if r, err = b.run(); err != nil || r.Earlier == nil || r.Earlier.State != seq.RunRolledBack {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// An op that cannot be undone for now is not overtaken by what completed before it.
func TestNothingOvertakesARollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{calls: map[string]int{}, undos: map[string]int{}}
		b := newBench(t, strategies.TransactionalBatch(), w.op("a", 0, nil), w.op("b", 0, nil, "a"), w.op("c", 0, errBoom, "b"))
		for k := range 4 {
			b.store.FailWrite(9+k, errFull) // the claim to undo b
		}
		r, err := b.run()
		if !errors.Is(err, errFull) || r.State != seq.RunRollingBack || len(w.undos) > 0 {
			t.Errorf("undone %v, %v\n%s", w.undos, err, r)
		}
		if got := slices.Sorted(slices.Values(r.NotUndone)); !slices.Equal(got, ids("a", "b")) {
			t.Errorf("not undone: %v", got)
		}
		_, _ = b.run()
		if i := slices.Index(w.order, "undo b"); i < 0 || !slices.Equal(w.order[i:i+2], []string{"undo b", "undo a"}) {
			t.Errorf("what happened: %v", w.order)
		}
	})
}

// Who goes on with a rollback does not call the run rolled back when something of it had failed
// to be undone before.
func TestAnEarlierRollbackFailureCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{calls: map[string]int{}, undos: map[string]int{}}
		stuck := w.op("b", 0, nil)
		stuck.Rollback = func(context.Context) error { return errFull }
		b := newBench(t, strategies.TransactionalBatch(strategies.Limit(1)), w.op("a", 0, nil), stuck, w.op("c", 0, errBoom, "a", "b"))
		b.store.CrashBefore(10) // the claim to undo a
		if _, err := b.run(); err == nil {
			t.Fatal("no crash")
		}
		b.store.Restart()
		r, err := b.run()
		if err == nil || r.State != seq.RunRollbackFailed || !slices.Equal(r.NotUndone, ids("b")) || w.undos["a"] != 1 {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// Rollback closes the run of a process that died: nobody goes on with it.
func TestRollbackClosesTheRunsOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := turned(t, seq.Repeatable)
		b.store.CrashBefore(4) // the claim of b
		if _, err := b.run(); err == nil {
			t.Fatal("no crash")
		}
		b.store.Restart()
		if _, err := b.seq.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		runs, _ := b.store.Runs(t.Context(), store.Page{Limit: 10})
		for _, r := range runs {
			if !r.State.Final() {
				t.Errorf("run of %s is %s", r.Strategy, r.State)
			}
		}
	})
}

// An interrupted rollback of an op that is not registered any more stops the run, which says what
// helps.
func TestARollbackOfAnOpThatIsGoneIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := turned(t, seq.Repeatable)
		b.store.CrashBefore(undoClaim)
		if _, err := b.run(); err == nil {
			t.Fatal("no crash")
		}
		b.store.Restart()
		b.with(strategies.TransactionalBatch(), ok("c"))
		if p, err := b.seq.Preview(t.Context()); err != nil || !slices.Equal(p.Undo, ids("a")) {
			t.Errorf("%v, %v", p, err)
		}
		_, err := b.run()
		if !errors.Is(err, seq.ErrNotReversible) || !strings.Contains(err.Error(), id("a")) || !strings.Contains(err.Error(), "Resolve") {
			t.Errorf("got %v", err)
		}
		if err := b.seq.Resolve(t.Context(), id("a"), seq.NotDone, "looked"); err != nil {
			t.Fatal(err)
		}
		b.mustRun()
	})
}

// A run that has waited goes by what the ledger says then: what it depends on was rolled back
// meanwhile, also if somebody began to and died.
func TestAfterAWaitTheLedgerCounts(t *testing.T) {
	for name, crash := range map[string]bool{"rolled back": false, "rollback interrupted": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{calls: map[string]int{}, undos: map[string]int{}}
				b := newBench(t, strategies.Scheduled(strategies.Wait()), w.op("a", 0, nil), in(time.Hour, w.op("b", 0, nil, "a")), w.op("c", 0, nil))
				var r *seq.Report
				var err error
				done := make(chan struct{})
				go func() { defer close(done); r, err = b.seq.Run(t.Context()) }()
				time.Sleep(time.Minute)
				if crash {
					b.store.CrashBefore(b.store.Writes() + 2) // the claim to undo a
				}
				_, undone := b.seq.Rollback(t.Context(), seq.Only(id("a")))
				if crash != (undone != nil) {
					t.Fatal(undone)
				}
				b.store.Restart()
				<-done
				if err != nil || w.undos["a"] != 1 || w.calls["b"] != 0 || w.calls["a"] != 1 {
					t.Errorf("%v, %v\n%s", w.order, err, r)
				}
				if !slices.Equal(r.Skipped(), ids("b")) || !slices.Equal(r.Succeeded(), ids("a", "c")) {
					t.Errorf("%s", r)
				}
			})
		})
	}
}

// A run that has waited does not call itself rolled back when a person took one of its ops
// meanwhile, and could not undo it.
func TestAfterAWaitAFailedRollbackCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{calls: map[string]int{}, undos: map[string]int{}}
		stuck := w.op("a", 0, nil)
		stuck.Rollback = func(context.Context) error { return errFull }
		b := newBench(t, strategies.Scheduled(strategies.Wait(), strategies.Saga()),
			stuck, w.op("b", 0, nil), in(time.Hour, w.op("c", 0, errBoom)))
		var r *seq.Report
		var err error
		done := make(chan struct{})
		go func() { defer close(done); r, err = b.seq.Run(t.Context()) }()
		time.Sleep(time.Minute)
		if _, err := b.seq.Rollback(t.Context(), seq.Only(id("a"))); !errors.Is(err, errFull) {
			t.Fatal(err)
		}
		<-done
		if err == nil || r.State != seq.RunRollbackFailed || !slices.Equal(r.NotUndone, ids("a")) || w.undos["b"] != 1 {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// What was imported came before everything that ran, however much of it there is.
func TestRollbackTakesWhatWasImportedForOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strategies.Sequential(), ok("a"), ok("b"), ok("c"), ok("d"))
		b.mustRun(seq.Only(id("a")))
		if _, err := b.seq.Import(t.Context(), seq.Import{Origin: "another tool", IDs: ids("b", "c", "d")}); err != nil {
			t.Fatal(err)
		}
		if r, err := b.seq.Rollback(t.Context()); err != nil || !slices.Equal(r.RolledBack(), ids("a")) {
			t.Errorf("%v\n%s", err, r)
		}
	})
}
