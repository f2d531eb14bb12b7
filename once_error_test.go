package seq_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/strategies"
)

// charge is a Once op whose calls are counted.
func charge(err error) (seq.Op, *int) {
	calls := 0
	op := ok("b")
	op.Delivery = seq.Once
	op.Run = func(context.Context) error { calls++; return err }
	return op, &calls
}

var errTimeout = errors.New("i/o timeout")

// TestOnceIsAtMostOnceAfterAnError: a request that timed out may have arrived.
func TestOnceIsAtMostOnceAfterAnError(t *testing.T) {
	for name, s := range every() {
		t.Run(name, func(t *testing.T) {
			op, calls := charge(errTimeout)
			op.Rollback = nil
			b := newBench(t, s, op)
			for range 3 {
				if _, err := b.run(); !errors.Is(err, errTimeout) && !errors.Is(err, seq.ErrIndeterminate) {
					t.Errorf("got %v", err)
				}
			}
			if *calls != 1 {
				t.Errorf("called %d times", *calls)
			}
			b.state("b", seq.Indeterminate)
			if err := b.seq.Resolve(t.Context(), id("b"), seq.NotDone, "the bank has nothing"); err != nil {
				t.Fatal(err)
			}
			_, _ = b.run()
			if *calls != 2 {
				t.Errorf("called %d times after a person had looked", *calls)
			}
		})
	}
}

// TestOnceMayBeCalledAgainWhenNothingHappened: the op says so, or it was never called.
func TestOnceMayBeCalledAgainWhenNothingHappened(t *testing.T) {
	for name, s := range every() {
		t.Run(name, func(t *testing.T) {
			op, calls := charge(seq.NotApplied(errTimeout))
			b := newBench(t, s, op)
			for range 2 {
				if _, err := b.run(); !errors.Is(err, errTimeout) {
					t.Errorf("got %v", err)
				}
			}
			b.state("b", seq.Failed)
			if *calls != 2 {
				t.Errorf("called %d times", *calls)
			}
			op, calls = charge(nil)
			op.ShouldRun = func(context.Context) (bool, error) { return false, errTimeout }
			b = newBench(t, s, op)
			_, _ = b.run()
			b.state("b", seq.Pending)
			op.ShouldRun = nil
			b.with(s, op)
			b.mustRun()
			if *calls != 1 {
				t.Errorf("called %d times", *calls)
			}
		})
	}
}

// TestVerifyIsAskedAtOnce: also when the run was told to stop.
func TestVerifyIsAskedAtOnce(t *testing.T) {
	errAway := errors.New("the bank is away")
	for _, c := range []struct {
		name    string
		applied bool
		err     error
		want    seq.State
		again   int // calls after a second run
	}{
		{"yes", true, nil, seq.Succeeded, 1},
		{"no", false, nil, seq.Failed, 2},
		{"nobody knows", false, errAway, seq.Indeterminate, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			op, calls := charge(nil)
			op.Run = func(context.Context) error {
				*calls++
				if *calls == 1 {
					cancel()
				}
				return errTimeout
			}
			op.Verify = func(ctx context.Context) (bool, error) {
				if ctx.Err() != nil {
					t.Error("asked with a context that has ended")
				}
				if _, bounded := ctx.Deadline(); !bounded {
					t.Error("asked without a time limit")
				}
				return c.applied, c.err
			}
			b := newBench(t, strategies.Sequential(), op)
			_, _ = b.seq.Run(ctx)
			b.state("b", c.want)
			_, _ = b.run()
			if *calls != c.again {
				t.Errorf("called %d times, want %d", *calls, c.again)
			}
		})
	}
}

// TestRetryRepeatsAOnceOnlyWhenNothingHappened says so for both kinds of error.
func TestRetryRepeatsAOnceOnlyWhenNothingHappened(t *testing.T) {
	for err, want := range map[error]int{errTimeout: 1, seq.NotApplied(errTimeout): 3} {
		op, calls := charge(err)
		b := newBench(t, strategies.Sequential(), op)
		b.seq.Use(middleware.Retry(3, time.Nanosecond))
		_, _ = b.run()
		if *calls != want {
			t.Errorf("%v: called %d times, want %d", err, *calls, want)
		}
	}
}

// TestADoubtThatIsAllowed neither fails the run nor starts a rollback, and is not called again.
func TestADoubtThatIsAllowed(t *testing.T) {
	for name, s := range every() {
		t.Run(name, func(t *testing.T) {
			op, calls := charge(errTimeout)
			b := newBench(t, s, ok("a"), tolerated(op), ok("c", "b"))
			r := b.mustRun()
			if got := r.Tolerated(); len(got) != 1 || r.Step(id("c")).State != seq.Skipped || len(r.RolledBack()) > 0 {
				t.Errorf("%s", r)
			}
			b.state("b", seq.Indeterminate)
			b.mustRun()
			if *calls != 1 {
				t.Errorf("called %d times", *calls)
			}
		})
	}
}

// TestASagaUndoesADoubt: the rollback may find nothing to undo.
func TestASagaUndoesADoubt(t *testing.T) {
	op, calls := charge(errTimeout)
	b := newBench(t, strategies.TransactionalBatch(), op)
	r, err := b.run()
	if !errors.Is(err, errTimeout) || len(r.RolledBack()) != 1 || r.State != seq.RunRolledBack {
		t.Errorf("%v\n%s", err, r)
	}
	_, _ = b.run()
	if *calls != 2 {
		t.Errorf("called %d times: what was undone is pending again", *calls)
	}
}
