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
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// TestPolicies runs what an op may ask for by itself under each strategy and executor.
func TestPolicies(t *testing.T) {
	for policy, check := range map[string]func(t *testing.T, s seq.Strategy){
		"Retry of its own":                 ownRetry,
		"Retry with delays":                ownDelays,
		"Retry of Rollback":                ownRetryOfRollback,
		"Retry in place of the strategy's": ownRetryWins,
		"Retry once only":                  ownRetryOff,
		"Retry of a Once op":               ownRetryOnce,
		"Timeout of its own":               ownTimeout,
		"Timeout of Rollback":              ownTimeoutOfRollback,
		"Timeout longer than the general":  ownTimeoutWins,
		"Timeout of each call":             ownTimeoutPerCall,
		"Environments":                     environments,
		"Environments and no environment":  noEnvironment,
		"Environments and Rollback":        environmentRollback,
		"For":                              forSome,
		"Skip from Run":                    skipFromRun,
		"Skip from a Transactional op":     skipTransactional,
		"Skip from a Once op":              skipOnce,
		"Skip from the condition":          skipFromCondition,
		"Skip from a middleware":           skipFromMiddleware,
		"Skip from a guard":                skipFromGuard,
		"Skip after the call":              skipTooLate,
		"Skip of a repeated op":            skipRepeated,
		"Skip from Rollback":               skipFromRollback,
		"Skip without a reason":            skipWithoutReason,
		"nil without next":                 nilWithoutNext,
		"nil without next, outside":        nilOutside,
		"an error of a guard":              guardFails,
		"Info":                             infoOfOp,
		"Logger":                           loggerOfOp,
		"Redact":                           redacts,
		"a run with nothing to do":         nothingToDo,
	} {
		for name, strategy := range every() {
			t.Run(strings.ReplaceAll(policy+"/"+name, " ", "_"), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { check(t, strategy) })
			})
		}
	}
}

func ownRetry(t *testing.T, s seq.Strategy) {
	op := seqtest.FailsTimes(id("a"), 3)
	op.Retry = seq.Retry{Attempts: 4}
	b := newBench(t, s, op, ok("b", "a"))
	began := time.Now()
	r := b.mustRun()
	if step := r.Step(id("a")); step.Retries != 3 || step.Attempt != 1 || step.State != seq.Succeeded {
		t.Errorf("%+v", step)
	}
	if took := time.Since(began); took >= 7*time.Second { // below 1, 2 and 4 s
		t.Errorf("it rested for %s", took)
	}
	b.with(s, func() seq.Op { op := fail("c"); op.Retry = seq.Retry{Attempts: 2}; return op }())
	if r, err := b.run(); !errors.Is(err, errBoom) || r.Step(id("c")).Retries != 1 {
		t.Errorf("%v\n%s", err, r)
	}
}

func ownDelays(t *testing.T, s seq.Strategy) {
	op := seqtest.FailsTimes(id("a"), 4)
	op.Retry = seq.Retry{Attempts: 5, Delays: []time.Duration{time.Second, 10 * time.Second}}
	b := newBench(t, s, op)
	began := time.Now()
	b.mustRun()
	if took := time.Since(began); took != 31*time.Second {
		t.Errorf("it rested for %s, want 1+10+10+10 s", took)
	}
}

func ownRetryOfRollback(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.Rollback = seqtest.FailsTimes("x", 2).Run
	op.Retry = seq.Retry{Attempts: 3}
	b := newBench(t, s, op)
	b.mustRun()
	if r, err := b.seq.Rollback(t.Context()); err != nil || len(r.RolledBack()) != 1 {
		t.Errorf("%v\n%s", err, r)
	}
}

func ownRetryWins(t *testing.T, s seq.Strategy) {
	calls := map[string]int{}
	count := func(name string, own seq.Retry) seq.Op {
		op := tolerated(fail(name))
		op.Retry = own
		op.Run = func(ctx context.Context) error { info, _ := seq.Info(ctx); calls[info.ID]++; return errBoom }
		return op
	}
	b := newBench(t, s, count("a", seq.Retry{Attempts: 2}))
	b.seq.Use(middleware.Retry(5, time.Second), middleware.Retry(3, time.Second))
	b.mustRun()
	b.with(s, count("b", seq.Retry{}))
	b.seq.Use(middleware.Retry(5, time.Second))
	b.mustRun()
	b.with(s, count("c", seq.Retry{Attempts: 2}))
	b.seq.Use(middleware.For(func(*middleware.Call) bool { return true }, middleware.Retry(5, time.Second)))
	b.mustRun()
	if calls[id("a")] != 2 || calls[id("b")] != 5 || calls[id("c")] != 2 {
		t.Errorf("%v", calls)
	}
}

func ownRetryOff(t *testing.T, s seq.Strategy) {
	op := seqtest.FailsTimes(id("a"), 1)
	op.Retry = seq.Retry{Attempts: 1}
	b := newBench(t, s, op)
	b.seq.Use(middleware.Retry(5, time.Second))
	if _, err := b.run(); err == nil {
		t.Error("it was tried again")
	}
}

func ownRetryOnce(t *testing.T, s seq.Strategy) {
	op := seqtest.FailsTimes(id("a"), 1)
	op.Delivery, op.Retry = seq.Once, seq.Retry{Attempts: 5}
	b := newBench(t, s, op)
	if r, err := b.run(); err == nil || r.Step(id("a")).Retries != 0 {
		t.Errorf("%v\n%s", err, r)
	}
	fails := seqtest.FailsTimes("x", 2).Run
	op = ok("b")
	op.Delivery, op.Retry = seq.Once, seq.Retry{Attempts: 5}
	op.Run = func(ctx context.Context) error { return seq.NotApplied(fails(ctx)) }
	b = newBench(t, s, op)
	if r := b.mustRun(); r.Step(id("b")).Retries != 2 {
		t.Errorf("%s", r)
	}
}

// skipOnce: an op that is called at most once, and found nothing to do, leaves no doubt.
func skipOnce(t *testing.T, s seq.Strategy) {
	op := seqtest.Skips(id("a"), "nobody to write to")
	op.Delivery = seq.Once
	op.Verify = func(context.Context) (bool, error) { t.Error("it was asked"); return false, nil }
	b := newBench(t, s, op, ok("b", "a"))
	b.mustRun()
	b.state("a", seq.Skipped)
	seqtest.AssertRan(t, b.rec, ids("a", "b")...)
}

func ownTimeout(t *testing.T, s seq.Strategy) {
	op := seqtest.Blocks(id("a"))
	op.Timeout = time.Minute
	b := newBench(t, s, op)
	began := time.Now()
	_, err := b.run()
	if !errors.Is(err, middleware.ErrTimeout) || time.Since(began) != time.Minute {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	late := ok("b")
	late.Timeout = time.Second
	late.Run = func(ctx context.Context) error { <-ctx.Done(); return seq.Skip("late, and nothing to do") }
	b.with(s, late)
	if r := b.mustRun(); !slices.Equal(r.Skipped(), ids("b")) {
		t.Errorf("%s", r)
	}
}

func ownTimeoutOfRollback(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.Rollback = seqtest.Blocks("x").Run
	op.Timeout = time.Minute
	b := newBench(t, s, op)
	b.mustRun()
	began := time.Now()
	if _, err := b.seq.Rollback(t.Context()); !errors.Is(err, middleware.ErrTimeout) || time.Since(began) != time.Minute {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	b.state("a", seq.RollbackFailed)
}

func ownTimeoutWins(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.Timeout = time.Hour
	op.Run = func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(30 * time.Minute):
			return nil
		}
	}
	b := newBench(t, s, op)
	b.seq.Use(middleware.Timeout(time.Minute))
	b.mustRun()
}

func ownTimeoutPerCall(t *testing.T, s seq.Strategy) {
	op := seqtest.Blocks(id("a"))
	op.Timeout, op.Retry = time.Minute, seq.Retry{Attempts: 3, Delays: []time.Duration{time.Second}}
	b := newBench(t, s, op)
	began := time.Now()
	if _, err := b.run(); !errors.Is(err, middleware.ErrTimeout) || time.Since(began) != 3*time.Minute+2*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestPoliciesThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*seq.Op){
		"a base and no attempts":  func(op *seq.Op) { op.Retry.Base = time.Second },
		"attempts below one":      func(op *seq.Op) { op.Retry.Attempts = -1 },
		"a negative base":         func(op *seq.Op) { op.Retry = seq.Retry{Attempts: 2, Base: -1} },
		"a base above the max":    func(op *seq.Op) { op.Retry = seq.Retry{Attempts: 2, Base: 2, Max: 1} },
		"delays and a base":       func(op *seq.Op) { op.Retry = seq.Retry{Attempts: 2, Base: 2, Delays: []time.Duration{1}} },
		"a negative delay":        func(op *seq.Op) { op.Retry = seq.Retry{Attempts: 2, Delays: []time.Duration{-1}} },
		"a negative time-out":     func(op *seq.Op) { op.Timeout = -1 },
		"an empty environment":    func(op *seq.Op) { op.Environments = []string{""} },
		"an environment twice":    func(op *seq.Op) { op.Environments = []string{"a", "a"} },
		"an environment in space": func(op *seq.Op) { op.Environments = []string{" a"} },
	} {
		op := ok("a")
		change(&op)
		s := seq.New(store.NewMemory(), op).Use(seq.InEnvironment("a"))
		if _, err := s.Run(t.Context()); !errors.Is(err, seq.ErrInvalidOp) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, part := range map[string]seq.Part{
		"no environment":          seq.InEnvironment(""),
		"an environment in space": seq.InEnvironment("a "),
		"no redaction":            seq.Redact(nil),
		"For nothing":             middleware.For(nil, middleware.Retry(2, 1)),
		"For a saga":              middleware.For(func(*middleware.Call) bool { return true }, middleware.Saga()),
		"For a log":               middleware.For(func(*middleware.Call) bool { return true }, middleware.Log(nil)),
		"For the record":          middleware.For(func(*middleware.Call) bool { return true }, middleware.Record()),
		"For a mistake":           middleware.For(func(*middleware.Call) bool { return true }, middleware.Retry(0, 0)),
	} {
		if _, err := seq.New(store.NewMemory(), ok("a")).Use(part).Run(t.Context()); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestPauseStaysInItsBounds(t *testing.T) {
	for _, c := range []struct {
		retry seq.Retry
		n     int
		below time.Duration
	}{
		{seq.Retry{Attempts: 9}, 2, time.Second},
		{seq.Retry{Attempts: 9}, 4, 4 * time.Second},
		{seq.Retry{Attempts: 9}, 80, time.Minute},
		{seq.Retry{Attempts: 9, Base: time.Hour}, 3, time.Hour},
		{seq.Retry{Attempts: 9, Base: 2, Max: 5}, 9, 5},
		{seq.Retry{Attempts: 9}, 1, 1},
		{seq.Retry{Base: 1}, 9, 1},
	} {
		longest := time.Duration(0)
		for range 200 {
			d := c.retry.Pause(c.n)
			if longest = max(longest, d); d < 0 || d >= c.below {
				t.Fatalf("%+v before call %d: %s, want below %s", c.retry, c.n, d, c.below)
			}
		}
		if longest < c.below/4 {
			t.Errorf("%+v before call %d: at most %s of %s", c.retry, c.n, longest, c.below)
		}
	}
}

func only(op seq.Op, environments ...string) seq.Op {
	op.Environments = environments
	return op
}

func environments(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, only(ok("a"), "production", "staging"), only(ok("b"), "production"), ok("c", "b"))
	b.seq.Use(seq.InEnvironment("staging"))
	p, err := b.seq.Preview(t.Context())
	if err != nil || len(p.Excluded) != 1 || p.Excluded[0].ID != id("b") || p.Excluded[0].Reason != "for production, and this is staging" {
		t.Fatalf("%v\n%s", err, p)
	}
	if !strings.Contains(p.String(), "excluded: "+id("b")) {
		t.Errorf("the plan does not show it:\n%s", p)
	}
	r := b.mustRun()
	seqtest.AssertRan(t, b.rec, ids("a", "c")...)
	if len(r.Excluded) != 1 || !strings.Contains(r.String(), "for production, and this is staging") {
		t.Errorf("the report does not say so:\n%s", r)
	}
	entries, _ := b.store.Load(t.Context())
	if len(entries) != 2 {
		t.Errorf("the ledger has %v", entries)
	}
	before := len(b.store.Calls())
	if r := b.mustRun(seq.Only(id("b"))); len(r.Excluded) != 1 || !slices.Equal(b.store.Calls()[before:], []string{"Brief"}) {
		t.Errorf("%v\n%s", b.store.Calls()[before:], r)
	}
	st, err := b.seq.Status(t.Context())
	if err != nil || st.Op(id("b")).Excluded == "" || st.Op(id("b")).Pending() {
		t.Errorf("%v, %+v", err, st.Op(id("b")))
	}
	b.with(s, only(ok("b"), "production"))
	b.seq.Use(seq.InEnvironment("production"))
	b.mustRun()
	seqtest.AssertRan(t, b.rec, id("b"))
}

func noEnvironment(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, only(ok("a"), "production"), ok("b"))
	if _, err := b.run(); !errors.Is(err, seq.ErrNoEnvironment) || !strings.Contains(err.Error(), id("a")) || !seq.IsMistake(err) {
		t.Errorf("got %v", err)
	}
	if _, err := b.seq.Preview(t.Context()); !errors.Is(err, seq.ErrNoEnvironment) {
		t.Errorf("Preview says %v", err)
	}
	if _, err := b.seq.RunDue(t.Context()); !errors.Is(err, seq.ErrNoEnvironment) {
		t.Errorf("RunDue says %v", err)
	}
	if err := b.seq.Serve(t.Context()); !errors.Is(err, seq.ErrNoEnvironment) {
		t.Errorf("Serve says %v", err)
	}
	seqtest.AssertRan(t, b.rec)
	b.mustRun(seq.Using(seq.InEnvironment("test")))
	seqtest.AssertRan(t, b.rec, id("b"))
}

func environmentRollback(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, only(ok("a"), "production"))
	b.seq.Use(seq.InEnvironment("production"))
	b.mustRun()
	b.with(s, only(ok("a"), "staging"))
	if r, err := b.seq.Rollback(t.Context()); err != nil || !slices.Equal(r.RolledBack(), ids("a")) {
		t.Errorf("%v\n%s", err, r)
	}
}

// hook is a middleware with a Step only.
func hook(layer middleware.Layer, f func(ctx context.Context, c *middleware.Call, next middleware.Handler) error) middleware.Middleware {
	return middleware.Middleware{Name: "hook", Layer: layer, Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, c *middleware.Call) error { return f(ctx, c, next) }
	}}
}

func forSome(t *testing.T, s seq.Strategy) {
	tagged := ok("a")
	tagged.Tags = []string{"slow"}
	seen := map[string]int{}
	b := newBench(t, s, tagged, ok("b", "a"))
	b.seq.Use(middleware.For(
		func(c *middleware.Call) bool { return slices.Contains(c.Step.Tags, "slow") },
		hook(middleware.LayerFree, func(ctx context.Context, c *middleware.Call, next middleware.Handler) error {
			seen[c.Step.ID]++
			return next(ctx, c)
		}),
	))
	b.mustRun()
	if len(seen) != 1 || seen[id("a")] != 1 {
		t.Errorf("it saw %v", seen)
	}
}

func skipFromRun(t *testing.T, s seq.Strategy) {
	done := false
	op := ok("a")
	op.Run = func(context.Context) error {
		if done {
			return nil
		}
		return seq.Skip("the table is empty")
	}
	op.Retry = seq.Retry{Attempts: 3}
	b := newBench(t, s, op, ok("b", "a"))
	r := b.mustRun()
	if step := r.Step(id("a")); step.State != seq.Skipped || step.Reason != "the table is empty" || step.Err != nil || step.Retries != 0 {
		t.Errorf("%+v", step)
	}
	seqtest.AssertRan(t, b.rec, ids("a", "b")...)
	seqtest.AssertSkippedBecause(t, b.rec, id("a"), "the table is empty")
	b.state("a", seq.Skipped)
	history, err := b.store.History(t.Context(), id("a"), store.Page{Limit: 100})
	if err != nil || len(history) != 1 || history[0].State != seq.Skipped || history[0].Error != "the table is empty" {
		t.Errorf("%v, %+v", err, history)
	}
	done = true
	b.mustRun()
	b.state("a", seq.Succeeded)
}

func skipTransactional(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.Delivery = seq.Transactional
	op.Run = func(ctx context.Context) error {
		if err := seq.Save(ctx, "gone"); err != nil {
			return err
		}
		return seq.Skip("not yet")
	}
	b := newBench(t, s, op, ok("b", "a"))
	b.mustRun()
	b.state("a", seq.Skipped)
	entries, _ := b.store.Load(t.Context())
	for _, e := range entries {
		if e.ID == id("a") && e.Saved != nil {
			t.Errorf("what it saved was kept: %q", e.Saved)
		}
	}
	seqtest.AssertRan(t, b.rec, ids("a", "b")...)
}

func skipFromCondition(t *testing.T, s seq.Strategy) {
	for _, yes := range []bool{true, false} {
		op := ok("a")
		op.ShouldRun = func(context.Context) (bool, error) { return yes, seq.Skip("no rows") }
		b := newBench(t, s, op, ok("b", "a"))
		r := b.mustRun()
		if r.Step(id("a")).Reason != "no rows" {
			t.Errorf("%s", r)
		}
		seqtest.AssertRan(t, b.rec, id("b"))
		b.state("a", seq.Skipped)
	}
}

func skipFromMiddleware(t *testing.T, s seq.Strategy) { skipsOutside(t, s, middleware.LayerFree, 1) }

func skipFromGuard(t *testing.T, s seq.Strategy) { skipsOutside(t, s, middleware.LayerGuard, 0) }

// skipsOutside skips an op before it is called. What depends on it must not run: it was not done.
func skipsOutside(t *testing.T, s seq.Strategy, layer middleware.Layer, attempts int) {
	guard := hook(layer, func(ctx context.Context, c *middleware.Call, next middleware.Handler) error {
		if c.Step.ID == id("b") {
			return seq.Skip("not on this host")
		}
		return next(ctx, c)
	})
	b := newBench(t, s, ok("a"), ok("b"), ok("c", "b"), ok("d"))
	b.seq.Use(guard)
	r := b.mustRun()
	seqtest.AssertRan(t, b.rec, ids("a", "d")...)
	seqtest.AssertSkipped(t, b.rec, ids("b", "c")...)
	if r.Step(id("b")).Reason != "not on this host" || !strings.Contains(r.Step(id("c")).Reason, id("b")) {
		t.Errorf("%s", r)
	}
	b.state("b", seq.Skipped)
	history, _ := b.store.History(t.Context(), id("b"), store.Page{Limit: 100})
	for _, a := range history {
		if a.State != seq.Skipped || a.Lost {
			t.Errorf("%+v", a)
		}
	}
	if len(history) != attempts {
		t.Errorf("%d attempts, want %d", len(history), attempts)
	}
	b.with(s, ok("a"), ok("b"), ok("c", "b"), ok("d"))
	b.mustRun()
	seqtest.AssertOrder(t, b.rec, ids("b", "c")...)
}

func skipTooLate(t *testing.T, s seq.Strategy) {
	late := hook(middleware.LayerFree, func(ctx context.Context, c *middleware.Call, next middleware.Handler) error {
		_ = next(ctx, c)
		return seq.Skip("pretends")
	})
	for _, op := range []seq.Op{ok("a"), fail("a")} {
		b := newBench(t, s, op)
		b.seq.Use(late)
		if _, err := b.run(); !errors.Is(err, seq.ErrInvalidStrategy) || !strings.Contains(err.Error(), "hook") {
			t.Errorf("got %v", err)
		}
		b.state("a", seq.Failed)
	}
}

func skipRepeated(t *testing.T, s seq.Strategy) {
	done := false
	op := ok("a")
	op.Run = func(context.Context) error {
		if done {
			return seq.Skip("all is there")
		}
		done = true
		return nil
	}
	b := newBench(t, s, op)
	b.mustRun()
	r := b.mustRun(seq.Repeat())
	if r.Step(id("a")).State != seq.Skipped {
		t.Errorf("%s", r)
	}
	b.state("a", seq.Succeeded) // as it was
	if r, err := b.seq.Rollback(t.Context()); err != nil || !slices.Equal(r.RolledBack(), ids("a")) {
		t.Errorf("%v\n%s", err, r)
	}
}

func skipFromRollback(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.Rollback = func(context.Context) error { return seq.Skip("no") }
	b := newBench(t, s, op)
	b.mustRun()
	if _, err := b.seq.Rollback(t.Context()); !errors.Is(err, seq.ErrRollbackFailed) {
		t.Errorf("got %v", err)
	}
	b.state("a", seq.RollbackFailed)
}

func skipWithoutReason(t *testing.T, s seq.Strategy) {
	op := ok("a")
	op.Run = seqFails(seq.Skip(""))
	b := newBench(t, s, op)
	if r := b.mustRun(); r.Step(id("a")).Reason == "" {
		t.Errorf("%s", r)
	}
}

func nilWithoutNext(t *testing.T, s seq.Strategy) { forgets(t, s, middleware.LayerFree) }

func nilOutside(t *testing.T, s seq.Strategy) { forgets(t, s, middleware.LayerGuard) }

func forgets(t *testing.T, s seq.Strategy, layer middleware.Layer) {
	b := newBench(t, s, ok("a"), ok("b", "a"))
	b.seq.Use(hook(layer, func(context.Context, *middleware.Call, middleware.Handler) error { return nil }))
	_, err := b.run()
	var failed *seq.OpError
	if !errors.Is(err, seq.ErrInvalidStrategy) || !strings.Contains(err.Error(), "hook") || !errors.As(err, &failed) || failed.Effect != seq.EffectNone {
		t.Errorf("got %v", err)
	}
	seqtest.AssertRan(t, b.rec)
	entries, _ := b.store.Load(t.Context())
	for _, e := range entries {
		if e.State.Done() || e.State.Open() {
			t.Errorf("%s is %s", e.ID, e.State)
		}
	}
}

func guardFails(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a"), ok("b", "a"))
	b.seq.Use(hook(middleware.LayerGuard, func(ctx context.Context, c *middleware.Call, next middleware.Handler) error {
		if c.Step.ID == id("b") && c.Direction == seq.Forward {
			return errBoom
		}
		return next(ctx, c)
	}))
	_, err := b.run()
	var failed *seq.OpError
	if !errors.Is(err, errBoom) || !errors.As(err, &failed) || failed.Effect != seq.EffectNone {
		t.Errorf("got %v", err)
	}
	entries, _ := b.store.Load(t.Context())
	for _, e := range entries {
		if e.State.Open() {
			t.Errorf("%s is %s: an attempt was left open", e.ID, e.State)
		}
	}
}

// A skipped op leaves nothing to undo, and undoes nothing.
func TestASkipStartsNoSaga(t *testing.T) {
	op := ok("a")
	op.Run = seqFails(seq.Skip("nothing there"))
	op.RollbackOnFailure = true
	b := newBench(t, strategies.TransactionalBatch(strategies.Limit(1)), op, ok("b", "a"), fail("c", "b"))
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	seqtest.AssertRolledBack(t, b.rec, id("b"))
	seqtest.AssertSkipped(t, b.rec, id("a"))
}

// What an attempt before left in doubt is still in doubt when the next one skips.
func TestASkipHidesNoDoubt(t *testing.T) {
	b := newBench(t, strategies.TransactionalBatch(), ok("a"))
	b.store.CrashBefore(3) // the outcome of a
	_, _ = b.run()
	b.store.Restart()
	op := ok("a")
	op.Run = seqFails(seq.Skip("it looks done"))
	b.with(strategies.TransactionalBatch(), op, fail("b", "a"))
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	seqtest.AssertRolledBack(t, b.rec, id("a"))
}
