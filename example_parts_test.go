package seq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// StopAfter runs ops one after another, and gives up when n of them have failed that were allowed to.
func StopAfter(n int64) seq.Strategy {
	var tolerated atomic.Int64
	count := middleware.Middleware{Name: "count", Layer: middleware.LayerCall, Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, call *middleware.Call) error {
			err := next(ctx, call)
			if _, skips := seq.SkipReason(err); err != nil && !skips && call.Step.AllowedToFail {
				tolerated.Add(1)
			}
			return err
		}
	}}
	return seq.Strategy{
		Name: "stop-after",
		Executor: exec.Func(func(ctx context.Context, walk exec.Walk) error {
			tolerated.Store(0)
			for i := range walk.Plan().Steps {
				if err := walk.Do(ctx, i); err != nil {
					return err
				}
				if tolerated.Load() >= n {
					return fmt.Errorf("%d tolerated failures are enough", n)
				}
			}
			return nil
		}),
		Middleware: []middleware.Middleware{middleware.Record(), middleware.Tolerate(), count},
	}
}

// A strategy of your own: an executor that sees failures which others let pass.
func Example_stopAfterTolerated() {
	flaky := func(id string) seq.Op {
		return seq.Op{ID: id, AllowedToFail: true, Run: func(context.Context) error { return errors.New("no route") }}
	}
	report, err := seq.New(store.NewMemory(),
		flaky("2024_01_15_120000_a"), flaky("2024_01_15_120001_b"), flaky("2024_01_15_120002_c"),
	).Use(StopAfter(2)).Run(context.Background())
	fmt.Println(report.Tolerated(), report.In(seq.Pending))
	fmt.Println(err)
	// Output:
	// [2024_01_15_120000_a 2024_01_15_120001_b] [2024_01_15_120002_c]
	// stop-after run failed: 2 tolerated failures are enough
}

// Canary plans with inner, but lets the first step go alone: nothing else starts before it has succeeded.
func Canary(inner plan.Planner) plan.Planner {
	return plan.Func(func(ctx context.Context, in plan.Input) (*plan.Plan, error) {
		p, err := inner.Plan(ctx, in)
		if err != nil {
			return nil, err
		}
		for i := 1; i < len(p.Steps); i++ {
			s := &p.Steps[i]
			s.Wave++
			if !slices.Contains(s.After, 0) {
				s.After = append(s.After, 0)
			}
		}
		return p, nil
	})
}

// A planner of your own takes one and changes its plan.
func Example_canaryPlanner() {
	p, _ := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_probe", Run: say("")},
		seq.Op{ID: "2024_01_15_120001_users", Run: say("")},
		seq.Op{ID: "2024_01_15_120002_orders", Run: say("")},
	).Use(seq.Strategy{Name: "canary", Planner: Canary(plan.Waves()), Executor: exec.Parallel(4)}).Preview(context.Background())
	fmt.Print(p)
	// Output:
	// wave 1
	//   2024_01_15_120000_probe
	// wave 2
	//   2024_01_15_120001_users
	//   2024_01_15_120002_orders
}

// DryRun calls nothing and skips every step with its reason. Nothing is claimed, because guards stand
// outside the record. It is for Run: what a rollback would do, PreviewRollback tells.
func DryRun() middleware.Middleware {
	return middleware.Middleware{Name: "dry run", Layer: middleware.LayerGuard, Step: func(middleware.Handler) middleware.Handler {
		return func(_ context.Context, call *middleware.Call) error {
			return seq.Skip(fmt.Sprintf("dry run: would %s it", call.Direction))
		}
	}}
}

// A guard decides before anything is recorded whether a step may start.
func Example_dryRunGuard() {
	s := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_users", Run: say("users")},
		seq.Op{ID: "2024_01_15_120001_orders", Run: say("orders"), DependsOn: []string{"2024_01_15_120000_users"}},
	)
	report, err := s.Run(context.Background(), seq.Using(DryRun()))
	for _, step := range report.Steps {
		fmt.Println(step.ID, step.State, step.Reason)
	}
	fmt.Println(err)
	// Output:
	// 2024_01_15_120000_users skipped dry run: would run it
	// 2024_01_15_120001_orders skipped depends on 2024_01_15_120000_users, which is skipped
	// <nil>
}

// OnHost lets ops that have a tag "host:…" run on that host only.
func OnHost(host string) middleware.Middleware {
	guard := middleware.Middleware{Name: "host", Layer: middleware.LayerGuard, Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, call *middleware.Call) error {
			if slices.Contains(call.Step.Tags, "host:"+host) {
				return next(ctx, call)
			}
			return seq.Skip("not for " + host)
		}
	}}
	return middleware.For(func(call *middleware.Call) bool {
		bound := func(tag string) bool { return strings.HasPrefix(tag, "host:") }
		return call.Direction == seq.Forward && slices.ContainsFunc(call.Step.Tags, bound)
	}, guard)
}

// What a guard keeps back on one host, another does: the next run looks again.
func Example_hostGuard() {
	ledger := store.NewMemory()
	for _, host := range []string{"web-1", "db-1"} {
		report, _ := seq.New(ledger,
			seq.Op{ID: "2024_01_15_120000_vacuum", Tags: []string{"host:db-1"}, Run: say("vacuuming")},
			seq.Op{ID: "2024_01_15_120001_warm", Run: say("warming")},
		).Use(OnHost(host)).Run(context.Background())
		fmt.Println(host, report.Succeeded(), report.Skipped())
	}
	// Output:
	// warming
	// web-1 [2024_01_15_120001_warm] [2024_01_15_120000_vacuum]
	// vacuuming
	// db-1 [2024_01_15_120000_vacuum] []
}

// Metrics counts how steps end, and adds up how long they took.
type Metrics struct {
	Ended map[seq.State]int
	Took  time.Duration
}

// Middleware is what makes it hear of a run. Events come one at a time, and Run returns when all were heard.
func (m *Metrics) Middleware() middleware.Middleware {
	return middleware.Middleware{Name: "metrics", Watch: func(e middleware.Event) {
		if e.Kind == middleware.EventSettled {
			m.Ended[e.State]++
			m.Took += e.Duration
		}
	}}
}

// A middleware that only watches cannot hold anything up.
func Example_metrics() {
	m := &Metrics{Ended: map[seq.State]int{}}
	_, _ = seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_a", Run: func(context.Context) error { time.Sleep(time.Millisecond); return nil }},
		seq.Op{ID: "2024_01_15_120001_b", Run: func(context.Context) error { return seq.Skip("no rows") }},
		seq.Op{ID: "2024_01_15_120002_c", Run: func(context.Context) error { return errors.New("disk full") }},
	).Use(m.Middleware()).Run(context.Background())
	fmt.Println(m.Ended[seq.Succeeded], m.Ended[seq.Skipped], m.Ended[seq.Failed], m.Took >= time.Millisecond)
	// Output: 1 1 1 true
}

// LockPerKey keeps two ops that share a tag "lock:…" from running at the same time, whatever the executor.
func LockPerKey() middleware.Middleware {
	var locks sync.Map // by tag: a channel that holds one
	return middleware.Middleware{Name: "lock", Layer: middleware.LayerCall, Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, call *middleware.Call) error {
			for _, tag := range slices.Sorted(slices.Values(call.Step.Tags)) { // always in this order: no deadlock
				if !strings.HasPrefix(tag, "lock:") {
					continue
				}
				lock, _ := locks.LoadOrStore(tag, make(chan struct{}, 1))
				select {
				case lock.(chan struct{}) <- struct{}{}:
					defer func() { <-lock.(chan struct{}) }()
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return next(ctx, call)
		}
	}}
}

// Ops of one wave run side by side, but for those that share a lock.
func Example_lockPerKey() {
	var inside, most atomic.Int64
	index := func(context.Context) error {
		most.Store(max(most.Load(), inside.Add(1)))
		time.Sleep(time.Millisecond)
		inside.Add(-1)
		return nil
	}
	_, err := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_a", Run: index, Tags: []string{"lock:search"}},
		seq.Op{ID: "2024_01_15_120001_b", Run: index, Tags: []string{"lock:search"}},
		seq.Op{ID: "2024_01_15_120002_c", Run: index, Tags: []string{"lock:search"}},
	).Use(strategies.Batch(), LockPerKey()).Run(context.Background())
	fmt.Println("at most", most.Load(), "at a time:", err)
	// Output: at most 1 at a time: <nil>
}

// An op can ask what it is, and log with its name on each line.
func ExampleInfo() {
	_, _ = seq.New(store.NewMemory(), seq.Op{
		ID:    "2024_01_15_120000_import",
		Retry: seq.Retry{Attempts: 2, Delays: []time.Duration{time.Millisecond}},
		Run: func(ctx context.Context) error {
			info, _ := seq.Info(ctx)
			fmt.Println(info.ID, "attempt", info.Attempt, "call", info.Call, "retry", info.Retry)
			if !info.Retry {
				return errors.New("connection reset")
			}
			return nil
		},
	}).Run(context.Background())
	// Output:
	// 2024_01_15_120000_import attempt 1 call 1 retry false
	// 2024_01_15_120000_import attempt 1 call 2 retry true
}

// An op that finds nothing to do says so, and is neither done nor failed.
func ExampleSkip() {
	report, err := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_backfill", Run: func(context.Context) error { return seq.Skip("the table is empty") }},
	).Run(context.Background())
	step := report.Step("2024_01_15_120000_backfill")
	fmt.Println(step.State, step.Reason, err)
	// Output: skipped the table is empty <nil>
}

// An op of another environment is excluded, with the reason, and needs no row in the ledger.
func ExampleInEnvironment() {
	p, _ := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_mask_emails", Environments: []string{"staging", "test"}, Run: say("masking")},
	).Use(seq.InEnvironment("production")).Preview(context.Background())
	fmt.Print(p)
	// Output:
	// nothing is pending
	// excluded: 2024_01_15_120000_mask_emails  (for staging, test, and this is production)
}

// What the ledger knows of ops: has it run, has it failed, and why.
func ExampleSequencer_Status() {
	ctx := context.Background()
	s := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_users", Run: say("users")},
		seq.Op{ID: "2024_01_15_120001_orders", Run: func(context.Context) error { return errors.New("disk full") }},
	)
	_, _ = s.Run(ctx)
	st, err := s.Status(ctx)
	if err == nil && !st.Succeeded("2024_01_15_120001_orders") {
		fmt.Println(st.Failed("2024_01_15_120001_orders"), st.Errors())
	}
	// Output:
	// users
	// true map[2024_01_15_120001_orders:disk full]
}
