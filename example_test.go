package seq_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// say is an op's Run that prints.
func say(what string) func(context.Context) error {
	return func(context.Context) error {
		fmt.Println(what)
		return nil
	}
}

// A run does what has not been done yet, once, in the order of the timestamps.
func Example() {
	ctx := context.Background()
	ledger := store.NewMemory() // sqlite.Open or postgres.Open, to keep it
	s := seq.New(ledger,
		seq.Op{ID: "2024_01_15_120001_backfill_names", Run: say("backfilling names")},
		seq.Op{ID: "2024_01_15_120000_create_users", Kind: seq.Migration, Run: say("creating users")},
	)
	for range 2 {
		report, err := s.Run(ctx)
		fmt.Println(report.State, report.Succeeded(), err)
	}
	// Output:
	// creating users
	// backfilling names
	// succeeded [2024_01_15_120000_create_users 2024_01_15_120001_backfill_names] <nil>
	// succeeded [] <nil>
}

// All or nothing: when one op fails, what this run has completed is undone, the latest first.
func ExampleSequencer_Use() {
	_, err := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_move_users", Run: say("users moved"), Rollback: say("users moved back")},
		seq.Op{
			ID: "2024_01_15_120001_move_orders", DependsOn: []string{"2024_01_15_120000_move_users"},
			Run: func(context.Context) error { return errors.New("disk full") },
		},
	).Use(strategies.TransactionalBatch()).Run(context.Background())
	fmt.Println(err)
	// Output:
	// users moved
	// users moved back
	// transactional-batch run rolled-back: run 2024_01_15_120001_move_orders: disk full (effect unknown)
}

// Preview is the plan that Run would execute. It locks nothing and writes nothing.
func ExampleSequencer_Preview() {
	p, _ := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_users", Run: say("")},
		seq.Op{ID: "2024_01_15_120001_orders", Run: say(""), DependsOn: []string{"2024_01_15_120000_users"}},
		seq.Op{ID: "2024_01_15_120002_products", Run: say(""), DependsOn: []string{"2024_01_15_120000_users"}, AllowedToFail: true},
	).Use(strategies.DependencyGraph()).Preview(context.Background())
	fmt.Print(p)
	// Output:
	// wave 1
	//   2024_01_15_120000_users
	// wave 2
	//   2024_01_15_120001_orders  (after 2024_01_15_120000_users)
	//   2024_01_15_120002_products  (allowed to fail; after 2024_01_15_120000_users)
}

// A strategy is plain data: a planner, an executor, and the middleware around them. This one
// starts each op as soon as its own dependencies are done, tries it three times, and undoes the
// run if that did not help.
func ExampleStrategy() {
	patient := seq.Strategy{
		Name:     "patient",
		Planner:  plan.Waves(),
		Executor: exec.Dataflow(4),
		Middleware: []middleware.Middleware{
			middleware.Saga(), middleware.Record(), middleware.Tolerate(), middleware.Retry(3, time.Millisecond),
		},
	}
	report, err := seq.New(store.NewMemory(), seqtest.FailsTimes("2024_01_15_120000_flaky", 2)).
		Use(patient).Run(context.Background())
	fmt.Println(report.Strategy, report.State, err)
	// Output: patient succeeded <nil>
}

// The order of middleware is a law. A list that could not keep its promise is refused before
// anything runs.
func ExampleLayer() {
	_, err := seq.New(store.NewMemory(), seqtest.Succeeds("2024_01_15_120000_a")).
		Use(seq.Strategy{Middleware: []middleware.Middleware{middleware.Retry(3, time.Second), middleware.Record()}}).
		Run(context.Background())
	fmt.Println(err)
	// Output: invalid strategy: record stands inside retry; it must stand outside
}

// An op that is due later is left to RunDue, in whatever process, or to Serve.
func ExampleSequencer_RunDue() {
	ctx := context.Background()
	now := clock.NewMock(time.Date(2024, 1, 15, 14, 0, 0, 0, time.UTC))
	s := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_vacuum", Run: say("vacuuming"), ExecuteAt: seq.NextAt(2, 0, time.UTC)},
	).Use(strategies.Scheduled(), seq.WithClock(now))

	report, _ := s.Run(ctx)
	fmt.Println(report.Step("2024_01_15_120000_vacuum").Reason)
	now.Add(12 * time.Hour)
	report, _ = s.RunDue(ctx)
	fmt.Println(report.Succeeded())
	// Output:
	// due at 2024-01-16T02:00:00Z
	// vacuuming
	// [2024_01_15_120000_vacuum]
}

// What Run saves, Rollback reads, also in another process and days later.
func ExampleSave() {
	ctx := context.Background()
	s := seq.New(store.NewMemory(), seq.Op{
		ID:  "2024_01_15_120000_import",
		Run: func(ctx context.Context) error { return seq.Save(ctx, []int{7, 9}) },
		Rollback: func(ctx context.Context) error {
			var rows []int
			_, err := seq.Saved(ctx, &rows)
			fmt.Println("removing rows", rows)
			return err
		},
	})
	_, _ = s.Run(ctx)
	report, err := s.Rollback(ctx)
	fmt.Println(report.State, err)
	// Output:
	// removing rows [7 9]
	// rolled-back <nil>
}

// WarmCache is an operation as a type with methods.
type WarmCache struct{ Keys []string }

func (w WarmCache) Run(context.Context) error { fmt.Println("warming", w.Keys); return nil }
func (WarmCache) AllowedToFail() bool         { return true }
func (WarmCache) Tags() []string              { return []string{"cache"} }

// FromType makes an op of a type with methods, once.
func ExampleFromType() {
	op := seq.FromType("2024_01_15_120000_warm_cache", WarmCache{Keys: []string{"users"}})
	fmt.Println(op.AllowedToFail, op.Tags)
	_, _ = seq.New(store.NewMemory(), op).Run(context.Background())
	// Output:
	// true [cache]
	// warming [users]
}

// A middleware is a few lines: it surrounds the run, each attempt at a step, or only watches.
func ExampleMiddleware() {
	shout := middleware.Middleware{Name: "shout", Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, call *middleware.Call) error {
			err := next(ctx, call)
			fmt.Println(call.Direction, call.Step.ID, err)
			return err
		}
	}}
	_, _ = seq.New(store.NewMemory(), seqtest.Succeeds("2024_01_15_120000_a")).Use(shout).Run(context.Background())
	// Output: run 2024_01_15_120000_a <nil>
}

// A typo in a dependency is an error before anything runs.
func ExampleSequencer_Run_unknownDependency() {
	_, err := seq.New(store.NewMemory(),
		seqtest.Succeeds("2024_01_15_120000_create_users"),
		seqtest.Succeeds("2024_01_15_120001_seed", "2024_01_15_120000_create_user"),
	).Run(context.Background())
	fmt.Println(err)
	// Output: unknown dependency: 2024_01_15_120001_seed depends on 2024_01_15_120000_create_user, which is not registered; did you mean 2024_01_15_120000_create_users?
}
