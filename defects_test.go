package seq_test

// The eleven defects of the system that this library re-creates, each with a test that would
// fail on its behaviour.

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// 1: its own example of dependencies ended in "circular dependency"; a typo and a dependency that
// was satisfied long ago were reported alike.
func TestDefect1_DependenciesAreToldApart(t *testing.T) {
	b := newBench(t, strategies.DependencyGraph(),
		seqtest.Succeeds("2024_01_15_120000_create_users_table"),
		seqtest.Succeeds("2024_01_15_120001_create_orders_table", "2024_01_15_120000_create_users_table"),
		seqtest.Succeeds("2024_01_15_120002_create_products_table", "2024_01_15_120000_create_users_table"))
	p, err := b.seq.Preview(t.Context())
	if err != nil || len(p.Waves()) != 2 || len(p.Waves()[1]) != 2 {
		t.Fatalf("the page's example: %v\n%v", err, p)
	}
	b.mustRun()
	b.with(strategies.DependencyGraph(), seqtest.Succeeds("2024_01_16_120000_seed", "2024_01_15_120000_create_users_table"))
	b.mustRun() // satisfied by an earlier run

	_, err = runWith(t, strategies.DependencyGraph(),
		seqtest.Succeeds("2024_01_15_120000_create_users_table"),
		seqtest.Succeeds("2024_01_15_120001_seed", "2024_01_15_120000_create_user_table"))
	if !errors.Is(err, seq.ErrUnknownDependency) || errors.Is(err, seq.ErrCycle) ||
		!strings.Contains(err.Error(), "did you mean 2024_01_15_120000_create_users_table?") {
		t.Errorf("a typo: %v", err)
	}

	_, err = runWith(t, strategies.DependencyGraph(), ok("a", "c"), ok("b", "a"), ok("c", "b"), ok("d", "c"))
	var cycle *plan.CycleError
	if !errors.As(err, &cycle) || errors.Is(err, seq.ErrUnknownDependency) || len(cycle.Path) != 4 || slices.Contains(cycle.Path, id("d")) {
		t.Errorf("a cycle: %v", err)
	}
}

// 2: dependents joined the wave of what they depend on, or waited on a flag that never flipped.
func TestDefect2_WavesAreTrue(t *testing.T) {
	meets := seqtest.Meets(ids("b", "c")...) // they succeed only side by side
	meets[0].DependsOn, meets[1].DependsOn = ids("a"), ids("a")
	ops := append(meets, ok("a"), ok("d", "b", "c"))
	b := newBench(t, strategies.DependencyGraph(), ops...)
	b.mustRun()
	for _, pair := range [][2]string{{"a", "b"}, {"a", "c"}, {"b", "d"}, {"c", "d"}} {
		seqtest.AssertBefore(t, b.rec, id(pair[0]), id(pair[1]))
	}
	if b.rec.Overlap() != 2 {
		t.Errorf("%d overlap, want 2", b.rec.Overlap())
	}
}

// 3: rollback undid earlier deploys too, threw when an op had not completed, and did not wait for
// those still running.
func TestDefect3_RollbackIsOfThisRunAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strategies.TransactionalBatch(), ok("a"))
		b.mustRun()
		slow := ok("b")
		slow.Run = func(context.Context) error { time.Sleep(time.Hour); return nil }
		quick := fail("c")
		quick.Run = func(context.Context) error { time.Sleep(time.Minute); return errBoom }
		b.with(strategies.TransactionalBatch(strategies.Limit(2)), ok("a"), slow, quick, ok("d"), ok("e", "d"))
		r, err := b.run()
		if !errors.Is(err, errBoom) || r.State != seq.RunRolledBack {
			t.Fatalf("%v\n%s", err, r)
		}
		seqtest.AssertRan(t, b.rec, ids("b", "c")...) // d and e were never started
		seqtest.AssertRolledBack(t, b.rec, id("b"))
		trace := b.rec.Trace()
		if slices.Index(trace, "succeeded "+id("b")) > slices.Index(trace, "rollback "+id("b")) {
			t.Errorf("it was undone before it ended: %q", trace)
		}
		b.state("a", seq.Succeeded)
	})
}

// 3, continued: the order was that of creation, not of completion.
func TestDefect3_ReverseCompletionOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := func(name string, d time.Duration) seq.Op {
			op := ok(name)
			op.Run = func(context.Context) error { time.Sleep(d); return nil }
			return op
		}
		b := newBench(t, strategies.TransactionalBatch(), after("a", 3*time.Second), after("b", time.Second), after("c", 2*time.Second), fail("d", "a"))
		if _, err := b.run(); !errors.Is(err, errBoom) {
			t.Fatal(err)
		}
		seqtest.AssertRolledBack(t, b.rec, ids("a", "c", "b")...)
	})
}

// 4: rollback ran on a fresh instance without what run had saved, and also for ops that were
// skipped or merely queued.
func TestDefect4_RollbackHasItsStateAndOnlyItsOps(t *testing.T) {
	var got string
	a := ok("a")
	a.Run = func(ctx context.Context) error { return seq.Save(ctx, "what run knew") }
	a.Rollback = func(ctx context.Context) error { _, err := seq.Saved(ctx, &got); return err }
	skipped := ok("b")
	skipped.ShouldRun = func(context.Context) (bool, error) { return false, nil }
	b := newBench(t, strategies.TransactionalBatch(strategies.Limit(1)), a, skipped, fail("c", "a"), ok("d", "c"))
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	seqtest.AssertRolledBack(t, b.rec, id("a"))
	if got != "what run knew" {
		t.Errorf("rollback read %q", got)
	}
}

// 5: what was rolled back counted as executed, and never ran again.
func TestDefect5_RolledBackRunsAgain(t *testing.T) {
	b := newBench(t, strategies.TransactionalBatch(), ok("a"), fail("b", "a"))
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	b.state("a", seq.RolledBack)
	b.with(strategies.TransactionalBatch(), ok("a"), ok("b", "a"))
	b.mustRun()
	seqtest.AssertOrder(t, b.rec, ids("a", "b")...)
}

// 6: a critical failure never failed the allowed-to-fail batch.
func TestDefect6_CriticalFailuresFailTheBatch(t *testing.T) {
	b := newBench(t, strategies.AllowedToFailBatch(strategies.Limit(1)), fail("a"), tolerated(fail("b")), ok("c"), ok("d", "a"))
	r, err := b.run()
	if !errors.Is(err, errBoom) || r.State != seq.RunFailed {
		t.Fatalf("%v\n%s", err, r)
	}
	seqtest.AssertRan(t, b.rec, ids("a", "b", "c")...) // every other op still got its turn
	seqtest.AssertFailed(t, b.rec, id("a"))
	seqtest.AssertTolerated(t, b.rec, id("b"))
	seqtest.AssertSkipped(t, b.rec, id("d"))
	if len(b.rec.Undone()) > 0 {
		t.Error("it rolled back")
	}
}

// 7: most contracts worked in one mode only. TestCapabilities has the whole table.
func TestDefect7_ConditionsHoldInEveryMode(t *testing.T) {
	for name, s := range every() {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			op := ok("a")
			op.ShouldRun = func(context.Context) (bool, error) { return false, nil }
			b := newBench(t, s, op)
			b.mustRun()
			seqtest.AssertRan(t, b.rec)
		})
	}
}

// 8: "ended" was told at dispatch, and nothing told of a rollback.
func TestDefect8_EveryEventIsAnOutcome(t *testing.T) {
	ended := false
	op := ok("a")
	op.Run = func(context.Context) error { ended = true; return nil }
	var told []string
	watch := middleware.Middleware{Name: "watch", Watch: func(e middleware.Event) {
		if e.Kind != middleware.EventSettled {
			return
		}
		if !ended {
			t.Error("settled before it ended")
		}
		told = append(told, e.State.String()+" "+e.ID)
	}}
	_, err := seq.New(store.NewMemory(), op, fail("b", "a")).Use(strategies.TransactionalBatch(), watch).Run(t.Context())
	if !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	if want := []string{"succeeded " + id("a"), "failed " + id("b"), "rolled-back " + id("a")}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// 9: "02:00", deployed at 14:00, ran at once; the minute command dispatched everything again.
func TestDefect9_TwoOClockIsTonight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deploy := time.Date(2024, 1, 15, 14, 0, 0, 0, time.UTC)
		now := seqtest.NewClock(deploy)
		op := ok("a")
		op.ExecuteAt = seq.NextAt(2, 0, time.UTC)
		rec := seqtest.NewRecorder()
		s := seq.New(store.NewMemory(), op).Use(strategies.Scheduled(), seq.WithClock(now), rec.Middleware())
		r, err := s.Run(t.Context())
		if err != nil || !r.Step(id("a")).Due.Equal(deploy.Add(12*time.Hour)) {
			t.Fatalf("%v\n%s", err, r)
		}
		for range 24 * 60 { // cron, each minute
			now.Add(time.Minute)
			if _, err := s.RunDue(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		seqtest.AssertRan(t, rec, id("a"))
		if started := rec.Events()[0]; !slices.ContainsFunc(rec.Events(), func(e middleware.Event) bool {
			return e.Kind == middleware.EventStarted && e.Time.Equal(deploy.Add(12*time.Hour))
		}) {
			t.Errorf("it did not start at 02:00: %+v", started)
		}
	})
}

// 10: a lock that expired by itself while its holder worked on, and no fencing.
func TestDefect10_ALostLeaseStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &stolen{Memory: store.NewMemory()}
		op := seqtest.Blocks(id("a"))
		_, err := seq.New(ledger, op, ok("b", "a")).Run(t.Context())
		if !errors.Is(err, seq.ErrLeaseLost) {
			t.Fatalf("got %v", err)
		}
		e, _ := ledger.Load(t.Context())
		if len(e) != 1 || e[0].State != seq.Indeterminate || e[0].Crashes != 0 {
			t.Errorf("the ledger has %+v; want the interrupted op's own true report, and nothing of b", e)
		}
	})
}

// stolen is a ledger whose lease is taken over at the first renewal.
type stolen struct{ *store.Memory }

func (s *stolen) Renew(ctx context.Context, lease store.Lease) error {
	_ = s.Release(ctx, lease)
	if _, err := s.Acquire(ctx, store.RunLease, store.Owner{Host: "thief"}); err != nil {
		return err
	}
	return s.Memory.Renew(ctx, lease)
}

// 11: the command line ignored the configured orchestrator.
func TestDefect11_OneConfiguration(t *testing.T) {
	t.Setenv(strategies.EnvVar, "transactional-batch")
	s, err := strategies.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, s, ok("a"), fail("b", "a"))
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	seqtest.AssertRolledBack(t, b.rec, id("a"))
	t.Setenv(strategies.EnvVar, "transactional-bach")
	if _, err := strategies.FromEnv(); !errors.Is(err, seq.ErrUnknownValue) || !strings.Contains(err.Error(), "did you mean transactional-batch?") {
		t.Errorf("a typo: %v", err)
	}
	os.Unsetenv(strategies.EnvVar)
	if s, err := strategies.FromEnv(); err != nil || s.Name != "sequential" {
		t.Errorf("unset: %s, %v", s.Name, err)
	}
}
