package seq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

func TestAllPlanErrorsAtOnce(t *testing.T) {
	b := newBench(t, strategies.Batch(),
		ok("a", "a"), ok("b", "c"), ok("c", "b"), ok("d", "x"), ok("e"), ok("e"), ok("f", "g", "g"), ok("g"),
		seq.Op{ID: id("h")}, seq.Op{ID: "drop table;--", Run: nothing}, seq.Op{ID: "2024_02_30_120000_feb", Run: nothing},
		seq.Op{ID: id("i"), Run: nothing, ExecuteAt: func(time.Time) time.Time { return time.Time{} }})
	_, err := b.run()
	for what, want := range map[string]error{
		"depends on itself": seq.ErrCycle,
		"→":                 seq.ErrCycle,
		"not registered":    seq.ErrUnknownDependency,
		"registered twice":  seq.ErrInvalidOp,
		"twice":             seq.ErrInvalidOp,
		"Run is nil":        seq.ErrInvalidOp,
		"drop table":        seq.ErrInvalidID,
		"is no date":        seq.ErrInvalidID,
	} {
		if !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), what) {
			t.Errorf("%q is not in:\n%v", what, err)
		}
	}
	seqtest.AssertRan(t, b.rec)
	if slices.Contains(b.store.Calls(), "Acquire") {
		t.Error("the lease was taken for a plan that cannot be")
	}
}

func TestDuplicatesNeverReachTheStore(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"), ok("a"))
	if _, err := b.run(); !errors.Is(err, seq.ErrInvalidOp) || !strings.Contains(err.Error(), id("a")) {
		t.Errorf("got %v", err)
	}
	if calls := b.store.Calls(); len(calls) != 0 {
		t.Errorf("the store was asked %v", calls)
	}
}

func TestEveryTangleHasItsCycle(t *testing.T) {
	_, err := runWith(t, strategies.Sequential(), ok("a", "b"), ok("b", "a"), ok("c", "d"), ok("d", "e"), ok("e", "c"), ok("f", "a", "c"))
	want := []string{
		fmt.Sprintf("%s → %s → %s", id("a"), id("b"), id("a")),
		fmt.Sprintf("%s → %s → %s → %s", id("c"), id("d"), id("e"), id("c")),
	}
	for _, path := range want {
		if !strings.Contains(fmt.Sprint(err), path) {
			t.Errorf("the cycle %s is not in:\n%v", path, err)
		}
	}
	if strings.Contains(fmt.Sprint(err), id("f")) {
		t.Errorf("an innocent op is named:\n%v", err)
	}
}

func TestIDs(t *testing.T) {
	noon := time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)
	for id, name := range map[string]string{
		"2024_01_15_120000_migrate_users": "migrate_users",
		"20240115120000_migrate_users":    "migrate_users",
		"2024_01_15_120000":               "",
		"20240115120000":                  "",
		"2024_01_15_120000_a.b:c/d-e":     "a.b:c/d-e",
	} {
		if at, got, err := seq.ParseID(id); err != nil || !at.Equal(noon) || got != name {
			t.Errorf("%s: %s, %q, %v", id, at, got, err)
		}
	}
	for _, id := range []string{
		"", "users", "2024", "2024_01_15", "2024_13_15_120000_x", "2024_01_15_250000_x", "2024_02_30_120000_x",
		"2024_01_15_120000x", "20240115120000x", "2024_01_15_120000_ü", "2024_01_15_120000_a b", "2024_01_15_120000_a'b",
		"2024_01_15_120000_a\x00", "_2024_01_15_120000_a", "2024_01_15_120000_" + strings.Repeat("x", 183),
	} {
		if _, _, err := seq.ParseID(id); !errors.Is(err, seq.ErrInvalidID) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestBothTimestampFormatsShareOneOrder(t *testing.T) {
	b := newBench(t, strategies.Sequential(),
		seqtest.Succeeds("2024_01_15_120002_c"), seqtest.Succeeds("20240115120001_b"), seqtest.Succeeds("2024_01_15_120000_a"),
		seqtest.AsMigration(seqtest.Succeeds("20240115120003_d")))
	b.mustRun()
	seqtest.AssertOrder(t, b.rec, "2024_01_15_120000_a", "20240115120001_b", "2024_01_15_120002_c", "20240115120003_d")
}

func TestPlanIsIndependentOfRegistration(t *testing.T) {
	ops := []seq.Op{ok("a", "f"), ok("b"), seqtest.AsMigration(ok("c", "b")), ok("d", "a"), ok("e"), ok("f")}
	for name, s := range every() {
		first := ""
		for shift := range ops {
			p, err := seq.New(store.NewMemory(), slices.Concat(ops[shift:], ops[:shift])...).Use(s).Preview(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if first == "" {
				first = p.String()
			}
			if p.String() != first {
				t.Errorf("%s: two orders of registration, two plans:\n%s\n%s", name, first, p)
			}
		}
	}
}

func TestMigrationsFirst(t *testing.T) {
	ops := []seq.Op{
		ok("a"), seqtest.AsMigration(ok("b")), ok("c"), seqtest.AsMigration(ok("d", "f")), ok("e", "a"), ok("f"), seqtest.AsMigration(ok("g")),
	}
	p, err := seq.New(store.NewMemory(), ops...).Use(strategies.Batch()).Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{ids("b"), ids("f"), ids("d"), ids("g"), ids("a", "c"), ids("e")}
	if fmt.Sprint(p.Waves()) != fmt.Sprint(want) {
		t.Errorf("the waves are\n%v, want\n%v", p.Waves(), want)
	}
}

func TestTimeGatedPutsLaterOnesLast(t *testing.T) {
	at := func(name string, d time.Duration, deps ...string) seq.Op {
		op := ok(name, deps...)
		op.ExecuteAt = func(now time.Time) time.Time { return now.Add(d) }
		return op
	}
	p, err := seq.New(store.NewMemory(), at("a", 2*time.Hour), at("b", time.Hour), ok("c", "a"), ok("d")).Use(strategies.Scheduled()).Preview(t.Context())
	if err != nil || !slices.Equal(p.IDs(), ids("d", "b", "a", "c")) {
		t.Errorf("%v\n%s", err, p)
	}
}

func TestAPlannersMistakesAreRefused(t *testing.T) {
	planner := func(f func(in plan.Input) *plan.Plan) seq.Strategy {
		return seq.Strategy{Planner: plan.Func(func(_ context.Context, in plan.Input) (*plan.Plan, error) { return f(in), nil })}
	}
	for name, s := range map[string]seq.Strategy{
		"no plan":    planner(func(plan.Input) *plan.Plan { return nil }),
		"leaves out": planner(func(in plan.Input) *plan.Plan { return in.Arrange([]int{0}) }),
		"twice":      planner(func(in plan.Input) *plan.Plan { p := in.Arrange([]int{0, 1}); p.Steps[1] = p.Steps[0]; return p }),
		"invents": planner(func(in plan.Input) *plan.Plan {
			p := in.Arrange([]int{0, 1})
			p.Steps[1].ID = id("z")
			return p
		}),
		"wrong order": planner(func(in plan.Input) *plan.Plan { return in.Arrange([]int{1, 0}) }),
	} {
		if _, err := runWith(t, s, ok("a"), ok("b", "a")); !errors.Is(err, seq.ErrInvalidPlan) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A planner that forgets dependencies cannot break them: the kernel adds them.
func TestDependenciesHoldWhateverThePlan(t *testing.T) {
	s := strategies.Batch()
	s.Planner = plan.Func(func(_ context.Context, in plan.Input) (*plan.Plan, error) {
		p := &plan.Plan{}
		for i := range in.Steps {
			p.Steps = append(p.Steps, plan.Step{ID: in.Steps[i].ID})
		}
		return p, nil
	})
	b := newBench(t, s, ok("a"), ok("b", "a"), ok("c", "b"))
	b.mustRun()
	seqtest.AssertOrder(t, b.rec, ids("a", "b", "c")...)
}

func TestPreviewMarksTheIrreversible(t *testing.T) {
	p, err := seq.New(store.NewMemory(), ok("a"), seqtest.Irreversible(id("b"))).Use(strategies.TransactionalBatch()).Preview(t.Context())
	if err != nil || p.Steps[0].Irreversible || !p.Steps[1].Irreversible || !strings.Contains(p.String(), "cannot be undone") {
		t.Errorf("%v\n%s", err, p)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	s := seq.New(store.NewMemory(), ok("a"))
	for name, o := range map[string]seq.RunOption{
		"From no timestamp": seq.From("yesterday"),
		"Only a typo":       seq.Only(id("a") + "x"),
		"Isolate how":       seq.Isolate(seq.IfLeased(9)),
	} {
		if _, err := s.Run(t.Context(), o); !errors.Is(err, seq.ErrInvalidOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALongChainIsPlanned(t *testing.T) {
	in := plan.Input{}
	for i := range 100_000 {
		s := plan.Step{ID: strconv.Itoa(i)}
		if i > 0 {
			s.After = []int{i - 1}
		}
		in.Steps = append(in.Steps, s)
	}
	p, err := plan.Waves().Plan(t.Context(), in)
	if err != nil || len(p.Steps) != len(in.Steps) || p.Steps[99_999].Wave != 99_999 {
		t.Fatal(err)
	}
}
