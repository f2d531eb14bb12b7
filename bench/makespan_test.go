package bench

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
)

// makespan is how long an executor takes for a graph whose steps take their time, in a bubble
// where time passes only when everybody waits: exact, and at no cost.
func makespan(t *testing.T, g graph, executor exec.Executor) (took time.Duration) {
	t.Helper()
	p := g.planned(t)
	takes := map[string]time.Duration{}
	for i, op := range g.ops() {
		takes[op.ID] = g.takes[i]
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := executor.Execute(t.Context(), seqtest.NewWalk(p, func(_ context.Context, c *middleware.Call) error {
			time.Sleep(takes[c.Step.ID])
			return nil
		}))
		if err != nil {
			t.Error(err)
		}
		took = time.Since(began)
	})
	return took
}

// BenchmarkMakespan holds the time that steps of uneven length take on 2, 8 and 64 workers to the
// least that any schedule could take: the longest path, or all work shared out evenly.
func BenchmarkMakespan(b *testing.B) {
	for _, load := range []string{"c", "d"} {
		g := loads[load]()
		for _, workers := range []int{2, 8, 64} {
			for name, executor := range map[string]exec.Executor{"dataflow": exec.Dataflow(workers), "parallel": exec.Parallel(workers)} {
				b.Run(fmt.Sprintf("load=%s/workers=%d/by=%s", load, workers, name), func(b *testing.B) {
					var took time.Duration
					for b.Loop() {
						inTest(b, func(t *testing.T) { took = makespan(t, g, executor) })
					}
					b.ReportMetric(took.Seconds(), "makespan-s")
					b.ReportMetric(took.Seconds()/g.bound(workers).Seconds(), "makespan/bound")
				})
			}
		}
	}
}

// inTest runs f as a test, because there is no bubble for a benchmark.
func inTest(b *testing.B, f func(t *testing.T)) {
	b.Helper()
	match := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(match, []testing.InternalTest{{Name: b.Name(), F: f}}) {
		b.Fatal("failed")
	}
}

// TestMakespan holds the simulation to schedules that one can work out in the head.
func TestMakespan(t *testing.T) {
	ms := time.Millisecond
	g := graph{after: [][]int{nil, nil, {0}, {1}}, takes: []time.Duration{1 * ms, 5 * ms, 5 * ms, 1 * ms}}
	for workers, want := range map[int]struct{ bound, dataflow, waves time.Duration }{
		1: {12 * ms, 12 * ms, 12 * ms},
		2: {6 * ms, 6 * ms, 10 * ms},
	} {
		t.Run(strconv.Itoa(workers), func(t *testing.T) {
			if got := g.bound(workers); got != want.bound {
				t.Errorf("bound %s, want %s", got, want.bound)
			}
			if got := makespan(t, g, exec.Dataflow(workers)); got != want.dataflow {
				t.Errorf("dataflow takes %s, want %s", got, want.dataflow)
			}
			if got := makespan(t, g, exec.Parallel(workers)); got != want.waves {
				t.Errorf("waves take %s, want %s", got, want.waves)
			}
		})
	}
}
