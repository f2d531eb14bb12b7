package seq_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// Steps of a wave start in plan order, so a failure never keeps back one that stands before it.
func TestAFailureKeepsBackOnlyWhatIsBehindIt(t *testing.T) {
	for range 200 {
		b := newBench(t, strategies.TransactionalBatch(), ok("a"), ok("b"), fail("c"))
		if _, err := b.run(); !errors.Is(err, errBoom) {
			t.Fatal(err)
		}
		got := slices.Sorted(slices.Values(b.rec.Settled(seq.RolledBack)))
		if !slices.Equal(got, ids("a", "b")) {
			t.Fatalf("rolled back: %v", got)
		}
	}
}

func TestAnEmptyChoiceChoosesNothing(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"))
	b.mustRun(seq.Only())
	b.mustRun(seq.Tags())
	seqtest.AssertRan(t, b.rec)
	b.mustRun()
	if r, err := b.seq.Rollback(t.Context(), seq.Only()); err != nil || len(r.Steps) > 0 || r.String() != "nothing to undo\n" {
		t.Errorf("%v\n%s", err, r)
	}
	b.state("a", seq.Succeeded)
}

func TestAnExecutorThatLeavesStepsOutFails(t *testing.T) {
	for name, e := range map[string]exec.Func{
		"does nothing":   func(context.Context, exec.Walk) error { return nil },
		"does the first": func(ctx context.Context, w exec.Walk) error { return w.Do(ctx, 0) },
		"asks too far":   func(ctx context.Context, w exec.Walk) error { return w.Do(ctx, 99) },
		"panics":         func(context.Context, exec.Walk) error { panic(errBoom) },
	} {
		r, err := runWith(t, seq.Strategy{Executor: e}, ok("a"), ok("b"))
		if err == nil || r.State != seq.RunFailed || r.Step(id("b")).State != seq.Pending {
			t.Errorf("%s: %v\n%s", name, err, r)
		}
	}
}

func TestAPartThatPanicsIsAnError(t *testing.T) {
	planner := seq.Strategy{Planner: plan.Func(func(context.Context, plan.Input) (*plan.Plan, error) { panic(errBoom) })}
	if _, err := runWith(t, planner, ok("a")); !errors.Is(err, seq.ErrPanic) {
		t.Errorf("planner: %v", err)
	}
	nothing := middleware.Middleware{Name: "mine", Run: func(exec.Executor) exec.Executor { return nil }}
	if _, err := seq.New(store.NewMemory(), ok("a")).Use(nothing).Run(t.Context()); !errors.Is(err, seq.ErrInvalidStrategy) || !strings.Contains(err.Error(), "mine") {
		t.Errorf("middleware: %v", err)
	}
}

// Whoever repeats an op with a schedule wants it now, and loses nothing of what was done.
func TestRepeatOfAScheduledOp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := ok("a")
		op.ExecuteAt = seq.NextAt(2, 0, nil)
		b := newBench(t, strategies.Scheduled(strategies.Wait()), op)
		b.mustRun()
		b.with(strategies.Sequential(), op)
		b.mustRun(seq.Repeat())
		seqtest.AssertRan(t, b.rec, id("a"))
		if _, err := b.seq.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.state("a", seq.RolledBack)
		time.Sleep(time.Minute)
		r := b.mustRun() // anew, and so at a new time
		if r.Step(id("a")).State != seq.Scheduled {
			t.Errorf("%s", r)
		}
	})
}

// A schedule that has no time to name means now.
func TestNoTimeMeansNow(t *testing.T) {
	op := ok("a")
	op.ExecuteAt = func(time.Time) time.Time { return time.Time{} }
	b := newBench(t, strategies.Scheduled(), op)
	b.mustRun()
	seqtest.AssertRan(t, b.rec, id("a"))
}

func TestARollbackThatCannotStartNamesAll(t *testing.T) {
	b := newBench(t, strategies.TransactionalBatch(strategies.Limit(1)), ok("a"), ok("b"), ok("c"))
	b.store.CrashBefore(4) // the outcome of b, and the claim of c with it
	r, err := b.run()
	if !errors.Is(err, seqtest.ErrCrashed) || !slices.Equal(slices.Sorted(slices.Values(r.NotUndone)), ids("a", "b")) {
		t.Errorf("not undone: %v, %v", r.NotUndone, err)
	}
}

// A saga that meets an op of unknown outcome undoes it.
func TestASagaUndoesWhatNobodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := ok("b")
		op.Delivery = seq.Once
		b := newBench(t, strategies.TransactionalBatch(strategies.Limit(1)), ok("a"), op)
		b.store.CrashBefore(4) // the outcome of b
		if _, err := b.run(); !errors.Is(err, seq.ErrOutcomeUnrecorded) {
			t.Fatal(err)
		}
		b.store.Restart()
		b.rec.Reset()
		r, err := b.run()
		if !errors.Is(err, seq.ErrIndeterminate) || r.State != seq.RunRolledBack {
			t.Fatalf("%v\n%s", err, r)
		}
		seqtest.AssertRolledBack(t, b.rec, ids("b", "a")...)
	})
}

func TestPreviewTellsWhatIsRefusedAndUndone(t *testing.T) {
	bad := ok("a")
	bad.Rollback = seqFails(errBoom)
	b := newBench(t, strategies.TransactionalBatch(), bad, fail("b", "a"))
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	p, err := b.seq.Preview(t.Context())
	if err != nil || p.Steps[0].Refused == "" || !strings.Contains(p.String(), "refused") {
		t.Errorf("%v\n%s", err, p)
	}

	b = newBench(t, strategies.TransactionalBatch(), ok("a"), fail("b", "a"))
	b.store.CrashBefore(7) // the outcome of the rollback
	if _, err := b.run(); !errors.Is(err, seqtest.ErrCrashed) {
		t.Fatal(err)
	}
	b.store.Restart()
	p, err = b.seq.Preview(t.Context())
	if err != nil || !slices.Equal(p.Undo, ids("a")) || p.Empty() || !strings.Contains(p.String(), "interrupted rollback") {
		t.Errorf("%v\n%s", err, p)
	}
	b.with(strategies.TransactionalBatch(), ok("a"), ok("b", "a"))
	r := b.mustRun()
	if r.Earlier == nil || !slices.Equal(r.Earlier.RolledBack(), ids("a")) || !strings.Contains(r.String(), "interrupted rollback") {
		t.Errorf("%s", r)
	}
}

func TestRollbackKnowsItsNames(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"), ok("b"))
	b.mustRun()
	if _, err := b.seq.Rollback(t.Context(), seq.Only(id("a")+"x")); !errors.Is(err, seq.ErrInvalidOption) || !strings.Contains(err.Error(), "did you mean "+id("a")) {
		t.Errorf("a typo: %v", err)
	}
	b.with(strategies.Sequential(), ok("a"))
	if _, err := b.seq.Rollback(t.Context(), seq.Only(id("b"))); !errors.Is(err, seq.ErrNotReversible) {
		t.Errorf("not registered any more: %v", err)
	}
}

func TestTheCauseStaysFailedWhenItIsUndone(t *testing.T) {
	op := fail("a")
	op.RollbackOnFailure = true
	r, err := runWith(t, strategies.TransactionalBatch(), op)
	if err == nil || !slices.Equal(r.Failed(), ids("a")) || !slices.Equal(r.RolledBack(), ids("a")) {
		t.Errorf("%v\n%s", err, r)
	}
}

func TestMiddlewareOutlivesAChangeOfStrategy(t *testing.T) {
	rec := seqtest.NewRecorder()
	s := seq.New(store.NewMemory(), seqtest.FailsTimes(id("a"), 1)).
		Use(middleware.Retry(2, time.Millisecond), rec.Middleware()).Use(strategies.Batch())
	if _, err := s.Run(t.Context(), seq.Using(strategies.DependencyGraph())); err != nil {
		t.Error(err)
	}
	seqtest.AssertRan(t, rec, id("a"))
}

func TestReportsAndErrorsSurviveJSON(t *testing.T) {
	r, _ := runWith(t, strategies.Sequential(), fail("a"))
	text, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(text), "boom") || !strings.Contains(string(text), `"failed"`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestAnInterruptionIsNamed(t *testing.T) {
	why := errors.New("shutdown")
	ctx, cancel := context.WithCancelCause(t.Context())
	op := ok("a")
	op.Run = func(ctx context.Context) error { cancel(why); return context.Cause(ctx) }
	_, err := seq.New(store.NewMemory(), op, ok("b", "a")).Run(ctx)
	if !errors.Is(err, why) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "interrupted") || !strings.Contains(err.Error(), "effect unknown") {
		t.Errorf("got %v", err)
	}
}

func TestRollbackOnFailureNeedsARollback(t *testing.T) {
	op := seqtest.Irreversible(id("a"))
	op.RollbackOnFailure = true
	if _, err := runWith(t, seq.Strategy{}, op); !errors.Is(err, seq.ErrInvalidOp) {
		t.Errorf("got %v", err)
	}
}

func TestKeepGoingStopsAtAMigration(t *testing.T) {
	b := newBench(t, strategies.AllowedToFailBatch(), seqtest.AsMigration(fail("a")), seqtest.AsMigration(ok("b")), ok("c"))
	r, err := b.run()
	if !errors.Is(err, errBoom) || !strings.Contains(r.Step(id("c")).Reason, id("a")) {
		t.Errorf("%v\n%s", err, r)
	}
	seqtest.AssertRan(t, b.rec, id("a"))
}

// An op that was undone is done anew, with another key, also when its schedule or a skip came
// between.
func TestTheKeyChangesAfterARollbackWhateverCameBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys []string
		op := ok("a")
		op.ExecuteAt = func(now time.Time) time.Time { return now.Add(time.Hour) }
		op.Run = func(ctx context.Context) error { keys = append(keys, seq.IdempotencyKey(ctx)); return nil }
		b := newBench(t, strategies.Scheduled(strategies.Wait()), op)
		b.mustRun()
		if _, err := b.seq.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.mustRun()
		if len(keys) != 2 || keys[0] == keys[1] {
			t.Errorf("the keys are %q", keys)
		}
	})
}

// An op that does not heed its context is told of, with its stack, and waited for.
func TestAnOpThatDoesNotHeedItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		deaf := ok("a")
		deaf.Run = func(context.Context) error { <-release; return nil }
		b := newBench(t, strategies.Sequential(), deaf)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := b.seq.Run(ctx)
			done <- err
		}()
		synctest.Wait()
		cancel()
		time.Sleep(time.Hour)
		select {
		case err := <-done:
			t.Fatalf("the run left the op behind: %v", err)
		default:
		}
		overdue := slices.DeleteFunc(b.rec.Events(), func(e middleware.Event) bool { return e.Kind != middleware.EventOverdue })
		if len(overdue) != 1 || !strings.Contains(overdue[0].Stack, "edges_test.go") || !errors.Is(overdue[0].Err, context.Canceled) {
			t.Errorf("the watchers were told %+v", overdue)
		}
		close(release)
		if err := <-done; err != nil {
			t.Errorf("a late success is a success: %v", err)
		}
		b.state("a", seq.Succeeded)
	})
}

// A walk for tests honours what an op declares, also if its step does not say so.
func TestNewWalkHonoursWhatIsDeclared(t *testing.T) {
	a, b := ok("a"), ok("b", "a")
	w := seqtest.NewWalk(&plan.Plan{Steps: []plan.Step{{ID: a.ID}, {ID: b.ID, DependsOn: b.DependsOn}}}, func(_ context.Context, c *middleware.Call) error {
		if c.Step.ID == b.ID {
			t.Error("called, although what it depends on failed")
		}
		return errors.New("boom")
	})
	w.KeepGoing()
	for i := range 2 {
		_ = w.Do(t.Context(), i)
	}
}
