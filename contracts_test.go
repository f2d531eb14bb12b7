package seq_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
)

// TestContractsOfTheOriginal rebuilds what an operation of cline/sequencer may ask for, by its name there,
// under each strategy. Where that is a capability of an op, the test is the one of TestCapabilities or
// TestPolicies; where it is made of middleware, the test shows how.
func TestContractsOfTheOriginal(t *testing.T) {
	for contract, check := range map[string]func(t *testing.T, s seq.Strategy){
		"Rollbackable":                      rollbackByHand,
		"AllowedToFail":                     allowedToFail,
		"HasDependencies":                   dependsOn,
		"Scheduled":                         executeLater,
		"ConditionalExecution":              shouldRun,
		"EnvironmentSpecific":               environments,
		"WithinTransaction":                 withinTransaction,
		"Retryable, tries and backoff":      ownDelays,
		"Timeoutable":                       ownTimeout,
		"HasMaxExceptions":                  maxExceptions,
		"HasMiddleware":                     ownMiddleware,
		"HasLifecycleHooks":                 lifecycleHooks,
		"HasTags":                           tags,
		"ShouldBeUnique":                    unique,
		"Idempotent":                        idempotencyKey,
		"skip from inside":                  skipFromRun,
		"execution guard, host name":        skipFromGuard,
		"execution guard, CIDR":             addressGuard,
		"events":                            eventsOfTheOriginal,
		"error table":                       errorTable,
		"using, executeAll, execute":        fluent,
		"executeIf, hasExecuted, hasFailed": lookups,
	} {
		for name, strategy := range every() {
			t.Run(strings.ReplaceAll(contract+"/"+name, " ", "_"), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { check(t, strategy) })
			})
		}
	}
}

func withinTransaction(t *testing.T, s seq.Strategy) {
	bad := fail("a")
	bad.Delivery = seq.Transactional
	b := newBench(t, s, bad)
	_, err := b.run()
	var failed *seq.OpError
	if !errors.As(err, &failed) || failed.Effect != seq.EffectNone {
		t.Errorf("got %v", err)
	}
}

// maxExceptions gives up after so many errors of an op, however many calls its retry would still allow.
func maxExceptions(t *testing.T, s seq.Strategy) {
	var mu sync.Mutex
	failures := map[string]int{}
	most := middleware.Middleware{Name: "max exceptions", Layer: middleware.LayerCall, Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, c *middleware.Call) error {
			err := next(ctx, c)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures[c.Step.ID]++
			}
			if failures[c.Step.ID] >= 2 {
				return seq.Permanent(err)
			}
			return err
		}
	}}
	op := fail("a")
	op.Retry = seq.Retry{Attempts: 10}
	b := newBench(t, s, op)
	b.seq.Use(most)
	if r, err := b.run(); !errors.Is(err, errBoom) || r.Step(id("a")).Retries != 1 {
		t.Errorf("%v\n%s", err, r)
	}
}

// ownMiddleware is one that a single op has.
func ownMiddleware(t *testing.T, s seq.Strategy) {
	var trace []string
	mine := middleware.For(func(c *middleware.Call) bool { return c.Step.ID == id("b") },
		hook(middleware.LayerCall, func(ctx context.Context, c *middleware.Call, next middleware.Handler) error {
			trace = append(trace, "before "+c.Step.ID)
			defer func() { trace = append(trace, "after "+c.Step.ID) }()
			return next(ctx, c)
		}))
	b := newBench(t, s, ok("a"), ok("b", "a"), ok("c", "b"))
	b.seq.Use(mine)
	b.mustRun()
	if want := []string{"before " + id("b"), "after " + id("b")}; !slices.Equal(trace, want) {
		t.Errorf("got %q, want %q", trace, want)
	}
}

// lifecycleHooks are before, after and failed, once for each attempt and not for each call of it.
func lifecycleHooks(t *testing.T, s seq.Strategy) {
	var mu sync.Mutex
	trace := map[string][]string{}
	hooks := middleware.For(func(c *middleware.Call) bool { return c.Direction == seq.Forward },
		hook(middleware.LayerGuard, func(ctx context.Context, c *middleware.Call, next middleware.Handler) error {
			say := func(what string) {
				mu.Lock()
				defer mu.Unlock()
				trace[c.Step.ID] = append(trace[c.Step.ID], what)
			}
			say("before")
			err := next(ctx, c)
			if _, skips := seq.SkipReason(err); err == nil || skips {
				say("after")
			} else {
				say("failed")
			}
			return err
		}))
	flaky := seqtest.FailsTimes(id("a"), 2)
	flaky.Retry = seq.Retry{Attempts: 3}
	b := newBench(t, s, flaky, tolerated(fail("b", "a")), seqtest.Skips(id("c"), "nothing", id("a")))
	b.seq.Use(hooks)
	b.mustRun()
	if a, bb, c := trace[id("a")], trace[id("b")], trace[id("c")]; !slices.Equal(a, []string{"before", "after"}) ||
		!slices.Equal(bb, []string{"before", "failed"}) || !slices.Equal(c, []string{"before", "after"}) {
		t.Errorf("got %q", trace)
	}
}

func unique(t *testing.T, s seq.Strategy) {
	var ops []seq.Op
	var mu sync.Mutex
	inside, most := 0, 0
	for _, name := range []string{"a", "b", "c"} {
		op := ok(name)
		op.Tags = []string{"lock:users", "lock:search"}
		op.Run = func(context.Context) error {
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			inside--
			mu.Unlock()
			return nil
		}
		ops = append(ops, op)
	}
	b := newBench(t, s, ops...)
	b.seq.Use(LockPerKey())
	if r := b.mustRun(); most != 1 || len(r.Succeeded()) != 3 {
		t.Errorf("%d at a time\n%s", most, r)
	}
}

// addressGuard lets ops run in one network only.
func addressGuard(t *testing.T, s seq.Strategy) {
	guard := func(here string, allowed ...netip.Prefix) middleware.Middleware {
		address := netip.MustParseAddr(here)
		return middleware.Middleware{Name: "network", Layer: middleware.LayerGuard, Step: func(next middleware.Handler) middleware.Handler {
			return func(ctx context.Context, c *middleware.Call) error {
				if !slices.ContainsFunc(allowed, func(p netip.Prefix) bool { return p.Contains(address) }) {
					return seq.Skip(here + " is in no network that may do it")
				}
				return next(ctx, c)
			}
		}}
	}
	private := netip.MustParsePrefix("10.0.0.0/8")
	b := newBench(t, s, ok("a"), ok("b", "a"))
	b.seq.Use(guard("192.0.2.7", private))
	b.mustRun()
	seqtest.AssertRan(t, b.rec)
	seqtest.AssertSkippedBecause(t, b.rec, id("a"), "192.0.2.7")
	seqtest.AssertSkippedBecause(t, b.rec, id("b"), id("a"))
	b.with(s, ok("a"), ok("b", "a"))
	b.seq.Use(guard("10.1.2.3", private))
	b.mustRun()
	seqtest.AssertOrder(t, b.rec, ids("a", "b")...)
}

// eventsOfTheOriginal: a run and an op start and end, an op fails, a run has nothing to do, and one ends
// when what it started has ended, not when it was sent off.
func eventsOfTheOriginal(t *testing.T, s seq.Strategy) {
	slow := ok("a")
	slow.Run = func(context.Context) error { time.Sleep(time.Minute); return nil }
	b := newBench(t, s, slow, tolerated(fail("b", "a")))
	b.mustRun()
	b.mustRun(seq.Only(id("a")))
	var got []string
	for _, e := range b.rec.Events() {
		switch e.Kind {
		case middleware.EventRunStarted, middleware.EventRunFinished, middleware.EventNothingToDo:
			got = append(got, e.Kind.String())
		case middleware.EventStarted, middleware.EventSettled:
			got = append(got, e.Kind.String()+" "+e.ID)
			if e.ID == id("a") && e.Kind == middleware.EventSettled && e.Duration != time.Minute {
				t.Errorf("a took %s", e.Duration)
			}
		}
	}
	want := []string{
		"run started", "started " + id("a"), "settled " + id("a"), "started " + id("b"), "settled " + id("b"), "run finished", "nothing to do",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// errorTable is what failed, now and before, the latest first.
func errorTable(t *testing.T, s seq.Strategy) {
	op := tolerated(ok("a"))
	errs := []error{errors.New("first"), errors.New("second"), nil}
	op.Run = func(context.Context) error {
		err := errs[0]
		errs = errs[1:]
		return err
	}
	b := newBench(t, s, op)
	for _, want := range []string{"first", "second", ""} {
		b.mustRun()
		st, err := b.seq.Status(t.Context())
		if err != nil || st.Errors()[id("a")] != want || st.Failed(id("a")) != (want != "") || st.Succeeded(id("a")) != (want == "") {
			t.Errorf("%v, %v; want %q", err, st.Errors(), want)
		}
	}
	history, err := b.store.History(t.Context(), id("a"), store.Page{Limit: 100})
	if err != nil || len(history) != 3 || history[2].Error != "first" || history[1].Error != "second" || history[0].Error != "" {
		t.Errorf("%v, %+v", err, history)
	}
}

func fluent(t *testing.T, s seq.Strategy) {
	b := newBench(t, seq.Sequential(), ok("a"), ok("b"), ok("c"))
	if r := b.mustRun(seq.Using(s), seq.Isolate(), seq.From(id("b"))); len(r.Steps) != 2 {
		t.Errorf("%s", r)
	}
	b.mustRun(seq.Using(s), seq.Only(id("a")))
	if r := b.mustRun(seq.Using(s), seq.Repeat(), seq.Only(id("a"))); !slices.Equal(r.Succeeded(), ids("a")) {
		t.Errorf("%s", r)
	}
}

func lookups(t *testing.T, s seq.Strategy) {
	b := newBench(t, s, ok("a"), tolerated(fail("b")))
	look := func() *seq.Status {
		st, err := b.seq.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := look(); st.Succeeded(id("a")) || st.Failed(id("b")) || st.Op(id("a")) == nil || !st.Op(id("a")).Pending() {
		t.Errorf("%+v", st)
	}
	if !look().Succeeded(id("a")) { // executeIf
		b.mustRun()
	}
	if st := look(); !st.Succeeded(id("a")) || !st.Failed(id("b")) || st.Succeeded(id("b")) || !st.Op(id("b")).Failed() {
		t.Errorf("%+v", st)
	}
	if st := look(); st.Op("nobody") != nil || st.Succeeded("nobody") || st.Failed("nobody") {
		t.Error("it knows nobody")
	}
	if err := b.seq.Skip(t.Context(), id("b"), "not needed"); err != nil {
		t.Fatal(err)
	}
	if st := look(); st.Succeeded(id("b")) || st.Failed(id("b")) || len(st.Errors()) != 0 {
		t.Errorf("%+v", st.Op(id("b")))
	}
}
