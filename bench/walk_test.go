package bench

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
)

func nothing(int) error { return nil }

func succeed(context.Context, *middleware.Call) error { return nil }

// planned is a graph in waves, as the planner makes them.
func (g graph) planned(tb testing.TB) *plan.Plan {
	tb.Helper()
	p, err := plan.Waves().Plan(tb.Context(), g.input())
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// BenchmarkWalk is what it costs to bring each step's turn about, when steps do nothing. The floor
// and the waves walk plain indices; the walk of the library, which must be a new one each time, is
// made outside of the measurement, and inside of it as "seq+walk".
func BenchmarkWalk(b *testing.B) {
	workers := runtime.GOMAXPROCS(0)
	for _, load := range []string{"a", "b", "c"} {
		g := loads[load]()
		n := len(g.after)
		b.Run(fmt.Sprintf("load=%s/by=floor", load), func(b *testing.B) {
			perStep(b, n, always(func() error { walkFloor(g.after, workers, nothing); return nil }))
		})
		b.Run(fmt.Sprintf("load=%s/by=errgroup", load), func(b *testing.B) {
			waves := g.waves()
			perStep(b, n, always(func() error { return walkErrgroup(waves, workers, nothing) }))
		})
		p := g.planned(b)
		for name, executor := range map[string]exec.Executor{
			"dataflow": exec.Dataflow(workers), "dataflow-default": exec.Dataflow(0), "parallel": exec.Parallel(workers),
		} {
			b.Run(fmt.Sprintf("load=%s/by=%s", load, name), func(b *testing.B) {
				perStep(b, n, func() func() error {
					walk := seqtest.NewWalk(p, succeed)
					runtime.GC()
					return func() error { return executor.Execute(b.Context(), walk) }
				})
			})
		}
		b.Run(fmt.Sprintf("load=%s/by=walk+dataflow", load), func(b *testing.B) {
			perStep(b, n, always(func() error {
				return exec.Dataflow(workers).Execute(b.Context(), seqtest.NewWalk(p, succeed))
			}))
		})
	}
}

// TestWalkersDoEveryStepOnceAndInOrder holds all who are measured to the same work.
func TestWalkersDoEveryStepOnceAndInOrder(t *testing.T) {
	for name, g := range map[string]graph{
		"independent": independent(500), "chain": chain(200), "layered": layered(1000, 10, 4000), "std": loads["d"](),
	} {
		p := g.planned(t)
		place := map[string]int{} // where the planner put the step
		for i := range p.Steps {
			place[p.Steps[i].ID] = i
		}
		order := make([]int, len(p.Steps)) // from plan to graph
		for i, op := range g.ops() {
			order[place[op.ID]] = i
		}
		for walker, walk := range map[string]func(do func(int) error) error{
			"floor":    func(do func(int) error) error { walkFloor(g.after, 2, do); return nil },
			"errgroup": func(do func(int) error) error { return walkErrgroup(g.waves(), 2, do) },
			"kahn": func(do func(int) error) error {
				for _, i := range kahn(g.after) {
					_ = do(int(i))
				}
				return nil
			},
			"dataflow": func(do func(int) error) error {
				return exec.Dataflow(2).Execute(t.Context(), seqtest.NewWalk(p, func(_ context.Context, c *middleware.Call) error {
					return do(order[place[c.Step.ID]])
				}))
			},
			"parallel": func(do func(int) error) error {
				return exec.Parallel(2).Execute(t.Context(), seqtest.NewWalk(p, func(_ context.Context, c *middleware.Call) error {
					return do(order[place[c.Step.ID]])
				}))
			},
		} {
			t.Run(name+"/"+walker, func(t *testing.T) {
				done := make([]atomic.Int32, len(g.after))
				var steps atomic.Int64
				err := walk(func(i int) error {
					for _, j := range g.after[i] {
						if done[j].Load() != 1 {
							t.Errorf("step %d came before %d", i, j)
						}
					}
					done[i].Add(1)
					steps.Add(1)
					return nil
				})
				if err != nil || steps.Load() != int64(len(g.after)) {
					t.Errorf("%d of %d steps done, %v", steps.Load(), len(g.after), err)
				}
			})
		}
	}
}
