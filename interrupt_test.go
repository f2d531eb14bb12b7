package seq_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// stopped runs b's ops with a context that ends when the op calls stop.
func (b *bench) stopped(opts ...seq.RunOption) (stop context.CancelFunc, run func() (*seq.Report, error)) {
	ctx, stop := context.WithCancel(b.t.Context())
	return stop, func() (*seq.Report, error) { return b.seq.Run(ctx, opts...) }
}

// TestInterruptionIsNotFailure for each delivery, under each strategy: what the next run may do with it is
// what it may do after a crash, and no death is counted.
func TestInterruptionIsNotFailure(t *testing.T) {
	for name, s := range every() {
		for _, c := range []struct {
			delivery seq.Delivery
			err      error
			allowed  bool
			state    seq.State
			run      seq.RunState
			again    int // calls after the next run
		}{
			{seq.Transactional, errBoom, false, seq.Pending, seq.RunInterrupted, 2},
			{seq.Repeatable, errBoom, false, seq.Indeterminate, seq.RunInterrupted, 2},
			{seq.Repeatable, errBoom, true, seq.Indeterminate, seq.RunInterrupted, 2},
			{seq.Once, errBoom, false, seq.Indeterminate, seq.RunInterrupted, 1},
			{seq.Repeatable, seq.Permanent(errBoom), false, seq.Failed, seq.RunFailed, 1},
			{seq.Once, seq.NotApplied(errBoom), false, seq.Failed, seq.RunFailed, 2},
		} {
			if strings.Contains(name, "transactional") || strings.Contains(name, "saga") {
				if c.run == seq.RunFailed {
					continue // it is undone
				}
			}
			calls := 0
			op := ok("a")
			op.Rollback, op.Delivery, op.AllowedToFail = nil, c.delivery, c.allowed
			b := newBench(t, s, op)
			stop, run := b.stopped()
			op.Run = func(context.Context) error {
				if calls++; calls > 1 {
					return nil
				}
				stop()
				return c.err
			}
			b.with(s, op)
			r, err := run()
			if !errors.Is(err, errBoom) || r.State != c.run {
				t.Errorf("%s, %s, %v: the run is %s, %v", name, c.delivery, c.err, r.State, err)
			}
			b.state("a", c.state)
			entries, _ := b.store.Load(t.Context())
			if entries[0].Crashes != 0 {
				t.Errorf("%s, %s: %d deaths", name, c.delivery, entries[0].Crashes)
			}
			runs, _ := b.store.Runs(t.Context(), store.Page{Limit: 1})
			if runs[0].State != c.run || runs[0].Error == "" {
				t.Errorf("%s, %s: the ledger has %s, %q", name, c.delivery, runs[0].State, runs[0].Error)
			}
			_, _ = b.run()
			if calls != c.again {
				t.Errorf("%s, %s, %v: called %d times after the next run, want %d", name, c.delivery, c.err, calls, c.again)
			}
		}
	}
}

// TestAnOpsOwnTimeoutIsAFailure: the run's context has not ended.
func TestAnOpsOwnTimeoutIsAFailure(t *testing.T) {
	op := ok("a")
	op.Run = func(context.Context) error { return context.DeadlineExceeded }
	b := newBench(t, strategies.Sequential(), op)
	if r, err := b.run(); !errors.Is(err, context.DeadlineExceeded) || r.State != seq.RunFailed {
		t.Errorf("%v\n%s", err, r)
	}
	b.state("a", seq.Failed)
}

// saga is a bench with a saga of a, b and c that was interrupted in b.
func interruptedSaga(t *testing.T, opts ...seq.RunOption) (b *bench, undone *[]string) {
	undone = &[]string{}
	op := func(name string, deps ...string) seq.Op {
		o := ok(name, deps...)
		o.Tags = []string{"pre"}
		o.Rollback = func(context.Context) error { *undone = append(*undone, name); return nil }
		return o
	}
	post := fail("d")
	if len(opts) == 0 { // it has to come last
		post = fail("d", "c")
	}
	post.Tags = []string{"post"}
	ops := []seq.Op{op("a"), op("b", "a"), op("c", "b"), post}
	b = newBench(t, strategies.TransactionalBatch(), ops...)
	stop, run := b.stopped(opts...)
	first := true
	ops[1].Run = func(context.Context) error {
		if !first {
			return nil
		}
		first = false
		stop()
		return errBoom
	}
	b.with(strategies.TransactionalBatch(), ops...)
	if r, err := run(); err == nil || r.State != seq.RunInterrupted || len(*undone) > 0 {
		t.Fatalf("%v, undone %v\n%s", err, *undone, r)
	}
	return b, undone
}

func unfinished(findings []plan.Finding) bool {
	return slices.ContainsFunc(findings, func(f plan.Finding) bool { return f.Kind == "unfinished" })
}

// TestAnInterruptedSagaStaysUnfinished: no run of another strategy or selection takes its name, hides it or
// undoes what it did, however many there are; plan, run and status tell of it.
func TestAnInterruptedSagaStaysUnfinished(t *testing.T) {
	b, undone := interruptedSaga(t, seq.Tags("pre"))
	for _, opts := range [][]seq.RunOption{
		{seq.Tags("post")}, {seq.Only(id("d")), seq.Using(strategies.Sequential())}, {seq.From(id("d")), seq.Using(strategies.Batch())},
	} {
		p, err := b.seq.Preview(t.Context(), opts...)
		if err != nil || !unfinished(p.Findings) {
			t.Errorf("the plan does not tell: %v\n%s", err, p)
		}
		if r, err := b.run(opts...); err == nil || len(*undone) > 0 || !unfinished(r.Findings) {
			t.Errorf("%v, undone %v\n%s", err, *undone, r)
		}
	}
	for range 120 {
		_, _ = b.run(seq.Tags("post"))
	}
	if r, err := b.run(seq.Tags("nothing has this")); err != nil || !unfinished(r.Findings) {
		t.Errorf("a start with nothing to do: %v\n%s", err, r)
	}
	if st, err := b.seq.Status(t.Context()); err != nil || !unfinished(st.Findings) {
		t.Errorf("status: %v", err)
	}
	b.state("a", seq.Succeeded)
	r := b.mustRun(seq.Tags("pre"))
	if len(r.Findings) > 0 || !slices.Equal(r.Succeeded(), ids("b", "c")) {
		t.Errorf("%s", r)
	}
	if open, err := b.store.UnfinishedRuns(t.Context()); err != nil || len(open) > 0 {
		t.Errorf("unfinished: %v, %v", open, err)
	}
}

// TestAPersonRollsAnInterruptedSagaBack by the ID of its run.
func TestAPersonRollsAnInterruptedSagaBack(t *testing.T) {
	b, undone := interruptedSaga(t)
	open, err := b.store.UnfinishedRuns(t.Context())
	if err != nil || len(open) != 1 {
		t.Fatalf("unfinished: %v, %v", open, err)
	}
	if _, err := b.seq.Rollback(t.Context(), seq.OfRun(open[0].ID)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(*undone, []string{"b", "a"}) {
		t.Errorf("undone %v", *undone)
	}
	if open, err = b.store.UnfinishedRuns(t.Context()); err != nil || len(open) > 0 {
		t.Errorf("unfinished: %v, %v", open, err)
	}
}

// TestASagaThatGoesOnUndoesAllOfIt: a failure later on undoes what was done before the interruption.
func TestASagaThatGoesOnUndoesAllOfIt(t *testing.T) {
	b, undone := interruptedSaga(t)
	r, err := b.run() // d fails
	if !errors.Is(err, errBoom) || r.State != seq.RunRolledBack || !slices.Contains(*undone, "a") || !slices.Contains(*undone, "b") {
		t.Errorf("%v, undone %v\n%s", err, *undone, r)
	}
}

// TestFailedElsewhere: a process that waited while the same work failed does not repeat it.
func TestFailedElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		opts  []seq.RunOption
		calls int
	}{
		"the same work":       {errBoom, nil, 1},
		"another selection":   {errBoom, []seq.RunOption{seq.Only(id("a"))}, 2},
		"asked to try again":  {errBoom, []seq.RunOption{seq.RetryFailed()}, 2},
		"the other succeeded": {nil, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger, calls := store.NewMemory(), 0
				op := ok("a")
				op.Run = func(context.Context) error { calls++; time.Sleep(time.Second); return c.err }
				first := make(chan error, 1)
				go func() { _, err := seq.New(ledger, op).Run(t.Context()); first <- err }()
				synctest.Wait()
				r, err := seq.New(ledger, op).Run(t.Context(), c.opts...)
				if firstErr := <-first; !errors.Is(firstErr, c.err) {
					t.Fatal(firstErr)
				}
				if calls != c.calls {
					t.Errorf("called %d times, want %d", calls, c.calls)
				}
				if elsewhere := c.calls == 1 && c.err != nil; errors.Is(err, seq.ErrFailedElsewhere) != elsewhere {
					t.Errorf("got %v", err)
				} else if failed := (*seq.OpError)(nil); elsewhere && (!errors.As(err, &failed) || failed.ID != op.ID || r.Run == "" || r.State != seq.RunFailed) {
					t.Errorf("%v\n%s", err, r)
				}
				if c.err != nil {
					before := calls
					_, _ = seq.New(ledger, op).Run(t.Context())
					if calls != before+1 {
						t.Error("the next start does not try again")
					}
				}
			})
		})
	}
}

// unreleased is a ledger whose holders die before they give the lease back.
type unreleased struct{ store.Store }

func (unreleased) Release(context.Context, store.Lease) error { return errors.New("gone") }

// TestAnOlderFailureIsTriedAgain: the run was over when this process came, and only its lease was left.
func TestAnOlderFailureIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, calls := store.NewMemory(), 0
		op := ok("a")
		op.Run = func(context.Context) error {
			if calls++; calls == 1 {
				return errBoom
			}
			return nil
		}
		if _, err := seq.New(unreleased{ledger}, op).Run(t.Context()); !errors.Is(err, errBoom) {
			t.Fatal(err)
		}
		if r, err := seq.New(ledger, op).Run(t.Context()); err != nil || calls != 2 {
			t.Errorf("%v, called %d times\n%s", err, calls, r)
		}
	})
}

// TestFailuresAreBounded: an op that failed as often as it may is left alone until somebody says that it is
// mended.
func TestFailuresAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		op    func(*seq.Op)
		calls int
		err   error
	}{
		"a bound of its own": {func(op *seq.Op) { op.MaxFailures = 2 }, 2, seq.ErrExhausted},
		"allowed to fail":    {func(op *seq.Op) { op.AllowedToFail = true }, 5, nil},
		"permanent":          {func(op *seq.Op) { op.Run = nil }, 1, seq.ErrPermanent},
		"no bound":           {func(*seq.Op) {}, 8, errBoom},
	} {
		calls := 0
		op := ok("a")
		op.Rollback = nil
		c.op(&op)
		err := errBoom
		if op.Run == nil {
			err = seq.Permanent(errBoom)
		}
		op.Run = func(context.Context) error { calls++; return err }
		b := newBench(t, strategies.Sequential(), op)
		var last error
		for range 8 {
			_, last = b.run()
		}
		if calls != c.calls || !errors.Is(last, c.err) {
			t.Errorf("%s: called %d times, want %d; %v", name, calls, c.calls, last)
		}
		_, _ = b.run(seq.RetryFailed())
		if calls != c.calls+1 {
			t.Errorf("%s: RetryFailed does not call it", name)
		}
		if name != "no bound" {
			if err := b.seq.Retry(t.Context(), op.ID, "mended"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			_, _ = b.run()
			if calls != c.calls+2 {
				t.Errorf("%s: Retry does not let it be called", name)
			}
		}
	}
}

// TestAnOpThatAdvancesIsNotPoison: deaths in a row count only while no attempt gets further.
func TestAnOpThatAdvancesIsNotPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			save func(n int) int
			dies bool
			part []seq.Part
		}{
			"it advances":   {func(n int) int { return n }, false, nil},
			"it stays":      {func(int) int { return 7 }, true, nil},
			"without bound": {func(int) int { return 7 }, false, []seq.Part{seq.CrashLimit(-1)}},
		} {
			n := 0
			op := ok("a")
			var ledger *seqtest.Store
			op.Run = func(ctx context.Context) error {
				n++
				if err := seq.Save(ctx, c.save(n)); err != nil {
					return err
				}
				ledger.CrashBefore(ledger.Writes() + 1)
				return nil
			}
			ledger = seqtest.NewStore()
			var err error
			for range 6 {
				_, err = seq.New(ledger, op).Use(c.part...).Run(t.Context())
				ledger.Restart()
			}
			if errors.Is(err, seq.ErrPoisoned) != c.dies {
				t.Errorf("%s: after %d deaths: %v", name, n, err)
			}
		}
	})
}

// TestSavedStateBelongsToAGeneration: an op that resumes from what it saved starts anew after a rollback
// and when it is repeated.
func TestSavedStateBelongsToAGeneration(t *testing.T) {
	rows := 0
	op := ok("a")
	op.Run = func(ctx context.Context) error {
		from := 0
		if _, err := seq.Saved(ctx, &from); err != nil {
			return err
		}
		for n := from; n < 3; n++ {
			rows++
			if err := seq.Save(ctx, n+1); err != nil {
				return err
			}
		}
		return nil
	}
	op.Rollback = func(context.Context) error { rows = 0; return nil }
	b := newBench(t, strategies.Sequential(), op)
	b.mustRun()
	if _, err := b.seq.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.mustRun()
	if rows != 3 {
		t.Errorf("%d rows after a rollback, want 3", rows)
	}
	b.mustRun(seq.Repeat())
	if rows != 6 {
		t.Errorf("%d rows when it is repeated, want 6", rows)
	}
}
