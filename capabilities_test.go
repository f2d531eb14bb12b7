package seq_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq/store"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
)

// TestCapabilities runs each capability of an op under each strategy and executor: it must mean
// the same under all of them.
func TestCapabilities(t *testing.T) {
	for capability, check := range map[string]func(t *testing.T, s seq.Strategy){
		"Run once":                 runsOnce,
		"DependsOn":                dependsOn,
		"DependsOn a migration":    dependsOnMigration,
		"DependsOn an earlier run": dependsOnEarlier,
		"AllowedToFail":            allowedToFail,
		"ShouldRun":                shouldRun,
		"ShouldRun fails":          shouldRunFails,
		"ExecuteAt later":          executeLater,
		"ExecuteAt in the past":    executePast,
		"Tags":                     tags,
		"From":                     from,
		"Repeat":                   repeat,
		"a failure":                failure,
		"a panic":                  panics,
		"a panic with nil":         panicsWithNil,
		"a Goexit":                 goexits,
		"Save and Saved":           saves,
		"IdempotencyKey":           idempotencyKey,
		"Retry":                    retries,
		"Retry stops at Permanent": permanent,
		"Timeout":                  timesOut,
		"Once":                     once,
		"Verify":                   verify,
		"a cancelled context":      cancelled,
		"Preview":                  preview,
		"Rollback by hand":         rollbackByHand,
	} {
		for name, strategy := range every() {
			t.Run(strings.ReplaceAll(capability+"/"+name, " ", "_"), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { check(t, strategy) })
			})
		}
	}
}

func runsOnce(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a"), ok("b"), seqtest.AsMigration(ok("c")))
	r := b.mustRun()
	seqtest.AssertRan(t, b.rec, ids("a", "b", "c")...)
	if got := r.Succeeded(); len(got) != 3 || r.State != seq.RunSucceeded || r.Run == "" {
		t.Errorf("the report says %v, %s", got, r)
	}
	b.rec.Reset()
	before := len(b.store.Calls())
	if r := b.mustRun(); len(r.Steps) != 0 {
		t.Errorf("the second run reports %s", r)
	}
	seqtest.AssertRan(t, b.rec)
	if calls := b.store.Calls()[before:]; !slices.Equal(calls, []string{"Brief"}) {
		t.Errorf("a run with nothing to do calls %v, want one Brief", calls)
	}
}

func dependsOn(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a", "c"), ok("b", "a"), ok("c"))
	b.mustRun()
	seqtest.AssertBefore(t, b.rec, id("c"), id("a"))
	seqtest.AssertBefore(t, b.rec, id("a"), id("b"))
}

func dependsOnMigration(t *testing.T, s seq.Strategy) {
	m := seqtest.AsMigration(ok("c"))
	late := seqtest.AsMigration(ok("d", "e"))
	b := newBench(t, s, ok("a", "c"), m, late, ok("e"), ok("f", "d"))
	b.mustRun()
	seqtest.AssertBefore(t, b.rec, id("c"), id("a"))
	seqtest.AssertBefore(t, b.rec, id("e"), id("d"))
	seqtest.AssertBefore(t, b.rec, id("d"), id("f"))
}

func dependsOnEarlier(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a"))
	b.mustRun()
	b.with(s, ok("b", "a")) // a is not registered any more
	b.mustRun()
	seqtest.AssertRan(t, b.rec, id("b"))
}

func allowedToFail(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, tolerated(fail("a")), ok("b", "a"), ok("c"), ok("d", "b"))
	r := b.mustRun()
	seqtest.AssertTolerated(t, b.rec, id("a"))
	seqtest.AssertSkipped(t, b.rec, ids("b", "d")...)
	seqtest.AssertRan(t, b.rec, ids("a", "c")...)
	if len(b.rec.Undone()) > 0 {
		t.Error("a tolerated failure was rolled back")
	}
	if step := r.Step(id("a")); step == nil || !errors.Is(step.Err, errBoom) || step.State != seq.Tolerated {
		t.Errorf("the report does not tell the failure: %s", r)
	}
	if step := r.Step(id("b")); step == nil || !strings.Contains(step.Reason, id("a")) {
		t.Errorf("the report does not tell why b was skipped: %s", r)
	}
	b.state("a", seq.Tolerated)
	b.with(s, ok("a"), ok("b", "a"), ok("c"), ok("d", "b"))
	b.mustRun()
	seqtest.AssertRan(t, b.rec, ids("a", "b", "d")...)
}

func shouldRun(t *testing.T, s seq.Strategy) {
	yes := false
	op := ok("a")
	op.ShouldRun = func(context.Context) (bool, error) { return yes, nil }
	b := newBench(t, s, op, ok("b", "a"))
	b.mustRun()
	seqtest.AssertRan(t, b.rec, id("b"))
	seqtest.AssertSkipped(t, b.rec, id("a"))
	b.state("a", seq.Skipped)
	yes = true
	b.rec.Reset()
	b.mustRun()
	seqtest.AssertRan(t, b.rec, id("a"))
	b.state("a", seq.Succeeded)
}

func shouldRunFails(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.ShouldRun = func(context.Context) (bool, error) { panic(errBoom) }
	b := newBench(t, s, op)
	_, err := b.run()
	var failed *seq.OpError
	if !errors.As(err, &failed) || failed.Effect != seq.EffectNone || !errors.Is(err, errBoom) || !strings.Contains(err.Error(), "condition") {
		t.Errorf("got %v", err)
	}
	seqtest.AssertRan(t, b.rec)
}

func executeLater(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.ExecuteAt = func(now time.Time) time.Time { return now.Add(time.Hour) }
	b := newBench(t, s, op, ok("b"), ok("c", "a"))
	r := b.mustRun()
	seqtest.AssertRan(t, b.rec, id("b"))
	seqtest.AssertScheduled(t, b.rec, ids("a", "c")...)
	if got := r.Scheduled(); !slices.Equal(slices.Sorted(slices.Values(got)), ids("a", "c")) {
		t.Errorf("the report lists %v as scheduled", got)
	}
	b.state("a", seq.Scheduled)
	b.rec.Reset()
	time.Sleep(30 * time.Minute)
	b.mustRun() // the next deploy does not move the time
	if _, err := b.seq.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	seqtest.AssertRan(t, b.rec)
	time.Sleep(30 * time.Minute)
	if _, err := b.seq.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	seqtest.AssertOrder(t, b.rec, ids("a", "c")...)
	b.mustRun()
	seqtest.AssertOrder(t, b.rec, ids("a", "c")...)
}

func executePast(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.ExecuteAt = func(now time.Time) time.Time { return now.Add(-time.Hour) }
	b := newBench(t, s, op)
	b.mustRun()
	seqtest.AssertRan(t, b.rec, id("a"))
}

func tags(t *testing.T, s seq.Strategy) {
	red, blue := ok("a"), ok("b")
	red.Tags, blue.Tags = []string{"red", "hot"}, []string{"blue"}
	b := newBench(t, s, red, blue, ok("c"), ok("d", "c"))
	b.mustRun(seq.Tags("red", "green"))
	seqtest.AssertRan(t, b.rec, id("a"))
	b.rec.Reset()
	b.mustRun(seq.Tags("green"))
	seqtest.AssertRan(t, b.rec)
	b.mustRun(seq.From(id("d"))) // depends on what was left out
	seqtest.AssertSkipped(t, b.rec, id("d"))
	b.rec.Reset()
	if _, err := b.run(seq.Only(id("d"))); !errors.Is(err, seq.ErrInvalidOption) || !strings.Contains(err.Error(), id("c")) {
		t.Errorf("only what depends on what is left out: %v", err)
	}
	b.mustRun(seq.Only(id("d")), seq.WithDependencies())
	seqtest.AssertRan(t, b.rec, ids("c", "d")...)
}

func from(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a"), ok("b"), ok("c"))
	b.mustRun(seq.From(id("b")[:17]))
	seqtest.AssertRan(t, b.rec, ids("b", "c")...)
}

func repeat(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a"), ok("b", "a"))
	b.mustRun()
	b.mustRun(seq.Repeat())
	if got := b.rec.Ran(); len(got) != 4 {
		t.Errorf("ran %v, want each twice", got)
	}
}

func failure(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a"), fail("b", "a"), ok("c", "b"))
	r, err := b.run()
	var failed *seq.OpError
	if !errors.As(err, &failed) || failed.ID != id("b") || failed.Direction != seq.Forward || !errors.Is(err, errBoom) {
		t.Fatalf("got %v", err)
	}
	var whole *seq.RunError
	if !errors.As(err, &whole) || whole.State != r.State || r.State == seq.RunSucceeded {
		t.Errorf("the error is %#v, the report says %s", err, r.State)
	}
	if got := b.rec.Ran(); slices.Contains(got, id("c")) {
		t.Error("what depends on the failed op ran")
	}
	if got := r.Failed(); !slices.Equal(got, ids("b")) {
		t.Errorf("the report lists %v as failed", got)
	}
	b.state("b", seq.Failed)
	b.with(s, ok("a"), ok("b", "a"), ok("c", "b"))
	b.mustRun()
	b.state("c", seq.Succeeded)
}

func panics(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, seqtest.Panics(id("a"), errBoom))
	_, err := b.run()
	var p *exec.PanicError
	if !errors.As(err, &p) || !strings.Contains(p.Stack, "seqtest/ops.go") || !errors.Is(err, errBoom) || !errors.Is(err, seq.ErrPanic) {
		t.Fatalf("got %v", err)
	}
	b.state("a", seq.Failed)
	history, _ := b.store.History(t.Context(), id("a"), store.Page{Limit: 1000})
	if len(history) != 1 || !strings.Contains(history[0].Error, "seqtest/ops.go") {
		t.Errorf("the history has no stack: %+v", history)
	}
}

func panicsWithNil(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, seqtest.Panics(id("a"), nil))
	_, err := b.run()
	var p *exec.PanicError
	var wasNil *runtime.PanicNilError
	if !errors.As(err, &p) || !errors.As(err, &wasNil) || !strings.Contains(p.Stack, "seqtest/ops.go") {
		t.Fatalf("got %v", err)
	}
	b.state("a", seq.Failed)
	history, _ := b.store.History(t.Context(), id("a"), store.Page{Limit: 1000})
	if len(history) != 1 || !strings.Contains(history[0].Error, "panic called with nil") {
		t.Errorf("the history does not say so: %+v", history)
	}
}

// As before Go 1.21, which a program can still choose: who recovers from panic(nil) is told of none.
func TestAPanicWithNilOfOldIsNoSuccess(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	for name, strategy := range every() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { panicsWithNil(t, strategy) })
		})
	}
}

func goexits(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, seqtest.Goexits(id("a")), tolerated(seqtest.Goexits(id("b"))))
	if _, err := b.run(); !errors.Is(err, seq.ErrPanic) {
		t.Fatalf("got %v", err)
	}
	b.state("a", seq.Failed)
}

func saves(t *testing.T, s seq.Strategy) {
	type rows struct{ IDs []int }
	var got rows
	op := ok("a")
	op.Run = func(ctx context.Context) error { return seq.Save(ctx, rows{[]int{1, 2}}) }
	op.Rollback = func(ctx context.Context) error {
		_, err := seq.Saved(ctx, &got)
		return err
	}
	b := newBench(t, s, op)
	b.mustRun()
	b.with(s, op) // as another process
	if _, err := b.seq.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.IDs, []int{1, 2}) {
		t.Errorf("Rollback read %v", got)
	}
	if err := seq.Save(t.Context(), 1); !errors.Is(err, seq.ErrNotInOp) {
		t.Errorf("Save outside of an op: %v", err)
	}
}

func idempotencyKey(t *testing.T, s seq.Strategy) {
	var keys []string
	op := ok("a")
	op.Run = func(ctx context.Context) error {
		keys = append(keys, seq.IdempotencyKey(ctx))
		if len(keys) < 2 {
			return errBoom
		}
		return nil
	}
	op.Rollback = func(ctx context.Context) error {
		keys = append(keys, seq.IdempotencyKey(ctx))
		return nil
	}
	b := newBench(t, s, op)
	_, err := b.run()
	if !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	b.mustRun()
	if _, err := b.seq.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.mustRun()
	if len(keys) != 4 || keys[0] == "" || keys[0] != keys[1] || keys[1] == keys[2] || keys[3] == keys[1] || keys[3] == keys[2] {
		t.Errorf("the keys are %q; want the same for a second try, others for undoing and for doing anew", keys)
	}
}

func retries(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, seqtest.FailsTimes(id("a"), 2))
	b.seq.Use(middleware.Retry(3, time.Second))
	b.mustRun()
	if got := b.rec.Trace(); len(got) != 4 || got[1] != "retry "+id("a") || got[2] != got[1] {
		t.Errorf("the trace is %q", got)
	}
}

func permanent(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, seqtest.Fails(id("a"), seq.Permanent(errBoom)))
	b.seq.Use(middleware.Retry(3, time.Second))
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Errorf("got %v", err)
	}
	if got := b.rec.Trace(); len(got) != 2 {
		t.Errorf("the trace is %q", got)
	}
}

func timesOut(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, seqtest.Blocks(id("a")))
	b.seq.Use(middleware.Timeout(time.Minute))
	began := time.Now()
	if _, err := b.run(); !errors.Is(err, middleware.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took != time.Minute {
		t.Errorf("it took %s", took)
	}
}

// died is a ledger in which the process of op's first attempt died.
func died(t *testing.T, s seq.Strategy, op seq.Op) (b *bench, calls *atomic.Int64) {
	calls = &atomic.Int64{}
	run := op.Run
	op.Run = func(ctx context.Context) error { calls.Add(1); return run(ctx) }
	b = newBench(t, s, op)
	b.store.CrashBefore(3) // the run, the claim, the outcome
	if _, err := b.run(); !errors.Is(err, seqtest.ErrCrashed) || !errors.Is(err, seq.ErrOutcomeUnrecorded) {
		t.Fatalf("got %v", err)
	}
	b.store.Restart()
	b.rec.Reset()
	return b, calls
}

func once(t *testing.T, s seq.Strategy) {
	op := seqtest.Irreversible(id("a")) // a saga would undo it, and then it could run anew
	op.Delivery = seq.Once
	b, calls := died(t, s, op)
	for range 2 {
		if _, err := b.run(); !errors.Is(err, seq.ErrIndeterminate) {
			t.Errorf("got %v", err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("a Once op was called %d times", calls.Load())
	}
	b.state("a", seq.Indeterminate)
}

func verify(t *testing.T, s seq.Strategy) {
	for _, applied := range []bool{true, false} {
		op := ok("a")
		op.Delivery = seq.Once
		op.Verify = func(context.Context) (bool, error) { return applied, nil }
		b, calls := died(t, s, op)
		b.mustRun()
		if want := map[bool]int64{true: 1, false: 2}[applied]; calls.Load() != want {
			t.Errorf("applied %t: called %d times, want %d", applied, calls.Load(), want)
		}
		b.state("a", seq.Succeeded)
	}
}

func cancelled(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, seqtest.Blocks(id("a")), ok("b", "a"))
	why := errors.New("shutdown")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Minute, func() { cancel(why) })
	r, err := b.seq.Run(ctx)
	if !errors.Is(err, why) || r == nil {
		t.Errorf("got %v, %v", r, err)
	}
	if r.State != seq.RunInterrupted || len(r.Failed()) > 0 {
		t.Errorf("an interruption is no failure: %s", r)
	}
	b.state("a", seq.Indeterminate) // recorded, although the context had ended
	b.with(s, ok("a"), ok("b", "a"))
	b.mustRun()
	b.state("b", seq.Succeeded)
	if r, err := b.seq.Run(ctx, seq.Repeat()); err == nil || r == nil {
		t.Errorf("a run with an ended context: %v, %v", r, err)
	}
}

func preview(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.ExecuteAt = func(now time.Time) time.Time { return now.Add(time.Hour) }
	b := newBench(t, s, op, ok("b", "c"), ok("c"), seqtest.AsMigration(ok("d")))
	p, err := b.seq.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if calls := b.store.Calls(); !slices.Equal(calls, []string{"Brief"}) {
		t.Errorf("Preview calls %v", calls)
	}
	again, _ := b.seq.Preview(t.Context())
	if p.String() != again.String() || len(p.Steps) != 4 {
		t.Errorf("two previews differ, or are incomplete:\n%s\n%s", p, again)
	}
	r := b.mustRun()
	var got []string
	for _, step := range r.Steps {
		got = append(got, step.ID)
	}
	if !slices.Equal(got, p.IDs()) {
		t.Errorf("previewed %v, ran %v", p.IDs(), got)
	}
}

func rollbackByHand(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a"))
	b.mustRun()
	b.with(s, ok("a"), ok("b"), ok("c", "b"))
	b.mustRun()
	b.rec.Reset()
	r, err := b.seq.Rollback(t.Context())
	if err != nil || r.State != seq.RunRolledBack {
		t.Fatalf("%v\n%s", err, r)
	}
	seqtest.AssertRolledBack(t, b.rec, ids("c", "b")...)
	b.state("a", seq.Succeeded)
	b.state("b", seq.RolledBack)
	b.rec.Reset()
	b.mustRun()
	seqtest.AssertRan(t, b.rec, ids("b", "c")...)
}
