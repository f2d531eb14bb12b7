package seq_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// TestWhateverBreaksTheSagaDecides: a part of the strategy that panics, or ends its goroutine, is a
// failure of the run like any other.
func TestWhateverBreaksTheSagaDecides(t *testing.T) {
	for how, breaks := range map[string]func(){"panic": func() { panic("a hook is nil") }, "Goexit": runtime.Goexit} {
		around := func(before bool) middleware.Middleware {
			return middleware.Middleware{Name: "hook", Run: func(next exec.Executor) exec.Executor {
				return exec.Func(func(ctx context.Context, w exec.Walk) error {
					if before {
						breaks()
					}
					err := next.Execute(ctx, w)
					breaks()
					return err
				})
			}}
		}
		onStep := middleware.Middleware{Name: "step", Step: func(next middleware.Handler) middleware.Handler {
			return func(ctx context.Context, c *middleware.Call) error {
				if err := next(ctx, c); c.Step.ID != id("b") || c.Direction == seq.Rollback {
					return err
				}
				breaks()
				return nil
			}
		}}
		executor := strategies.TransactionalBatch()
		executor.Executor = exec.Func(func(ctx context.Context, w exec.Walk) error {
			if err := w.Do(ctx, 0); err != nil {
				return err
			}
			breaks()
			return nil
		})
		for name, parts := range map[string][]seq.Part{
			"run middleware":         {strategies.TransactionalBatch(), around(false)},
			"run middleware, before": {strategies.TransactionalBatch(), around(true)},
			"step middleware":        {strategies.TransactionalBatch(), onStep},
			"executor":               {executor},
		} {
			t.Run(how+" in "+name, func(t *testing.T) {
				ledger := store.NewMemory()
				r, err := seq.New(ledger, ok("a"), ok("b", "a")).Use(parts...).Run(t.Context())
				if !errors.Is(err, seq.ErrPanic) {
					t.Errorf("the error is %v", err)
				}
				for _, op := range r.Steps {
					if op.State == seq.Succeeded || op.State == seq.Running {
						t.Errorf("%s is %s\n%s", op.ID, op.State, r)
					}
				}
				entries, err := ledger.Load(t.Context())
				for _, e := range entries {
					if e.State == seq.Succeeded || e.State.Open() {
						t.Errorf("%s is %s in the ledger, %v", e.ID, e.State, err)
					}
				}
			})
		}
	}
}

// TestNothingRunsAfterAnExecutorThatReturnedEarly: the saga waits for what it left running.
func TestNothingRunsAfterAnExecutorThatReturnedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := strategies.TransactionalBatch()
		s.Executor = exec.Func(func(ctx context.Context, w exec.Walk) error {
			go func() { _ = w.Do(ctx, 0) }()
			time.Sleep(time.Second)
			panic("gone")
		})
		running, undone := true, false
		op := ok("a")
		op.Run = func(context.Context) error { time.Sleep(time.Minute); running = false; return nil }
		op.Rollback = func(context.Context) error { undone = !running; return nil }
		r, err := seq.New(store.NewMemory(), op).Use(s).Run(t.Context())
		if !errors.Is(err, seq.ErrPanic) || running || !undone {
			t.Errorf("running %t, undone behind it %t: %v\n%s", running, undone, err, r)
		}
	})
}

// TestNoRunWaitsForItself: a run inside of an op holds its own lease.
func TestNoRunWaitsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *seq.Sequencer
		inner := map[string]func(ctx context.Context) error{
			"Run":      func(ctx context.Context) error { _, err := s.Run(ctx, seq.Only(id("b"))); return err },
			"RunDue":   func(ctx context.Context) error { _, err := s.RunDue(ctx); return err },
			"Rollback": func(ctx context.Context) error { _, err := s.Rollback(ctx); return err },
			"Skip":     func(ctx context.Context) error { return s.Skip(ctx, id("b"), "why") },
			"Resolve":  func(ctx context.Context) error { return s.Resolve(ctx, id("b"), seq.Done, "why") },
			"Serve":    func(ctx context.Context) error { return s.Serve(ctx) },
		}
		for name, call := range inner {
			op, conditional := ok("a"), ok("c")
			op.Run = call
			conditional.ShouldRun = func(ctx context.Context) (bool, error) { return true, call(ctx) }
			for _, one := range []seq.Op{op, conditional} {
				s = seq.New(store.NewMemory(), one, ok("b"))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				began := time.Now()
				_, err := s.Run(ctx)
				if took := time.Since(began); !errors.Is(err, seq.ErrReentrant) || took > 0 {
					t.Errorf("%s in %s: %v after %s", name, one.ID, err, took)
				}
				cancel()
			}
		}
	})
}

// TestAnotherSequencerInsideAnOp shares nothing with the one outside.
func TestAnotherSequencerInsideAnOp(t *testing.T) {
	var keys []string
	asks := func(ctx context.Context) (bool, error) {
		if err := seq.Save(ctx, "of the condition"); !errors.Is(err, seq.ErrNotInOp) {
			t.Errorf("a condition saves for the op outside: %v", err)
		}
		return true, nil
	}
	innerOp := ok("b")
	innerOp.ShouldRun = asks
	innerOp.Run = func(ctx context.Context) error {
		keys = append(keys, seq.IdempotencyKey(ctx))
		return seq.Save(ctx, "inner")
	}
	outerOp := ok("a")
	outerOp.Run = func(ctx context.Context) error {
		if err := seq.Save(ctx, "outer"); err != nil {
			return err
		}
		if _, err := seq.New(store.NewMemory(), innerOp).Run(ctx); err != nil {
			return err
		}
		var saved string
		if _, err := seq.Saved(ctx, &saved); err != nil || saved != "outer" {
			t.Errorf("the op outside has saved %q, %v", saved, err)
		}
		keys = append(keys, seq.IdempotencyKey(ctx))
		return nil
	}
	ledger := seqtest.NewStore()
	if _, err := seq.New(ledger, outerOp).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if keys[0] == keys[1] {
		t.Errorf("one key for both: %q", keys)
	}
}
