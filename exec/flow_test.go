package exec_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
)

// graph is up to 40 steps that wait for each other at random.
func graph(r *rand.Rand) []plan.Step {
	steps := make([]plan.Step, r.IntN(40))
	for i := range steps {
		steps[i].ID = seqtest.ID(i, "op")
		for j := range i {
			if r.IntN(8) == 0 {
				steps[i].After = append(steps[i].After, j)
			}
		}
	}
	return steps
}

// While as many steps are ready as there may be workers, that many are under way, also if a worker
// that was started gets its turn only after others have ended.
func TestDataflowHasAllWorkersThereIsWorkFor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // who was started waits for its turn
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			steps, n := graph(r), 2+r.IntN(4)
			state := make([]atomic.Int32, len(steps)) // 1: under way, 2: settled
			takes := make([]time.Duration, len(steps))
			for i := range takes {
				takes[i] = time.Duration(r.IntN(3)) * time.Second
			}
			index := indexOf(steps)
			walk := seqtest.NewWalk(&plan.Plan{Steps: steps}, func(_ context.Context, c *middleware.Call) error {
				i := index(c)
				if !state[i].CompareAndSwap(0, 1) {
					t.Errorf("seed %d: step %d is done again", seed, i)
				}
				if takes[i] > 0 {
					time.Sleep(takes[i])
				}
				state[i].Store(2)
				return nil
			})
			done := make(chan error, 1)
			go func() { done <- exec.Dataflow(n).Execute(t.Context(), walk) }()
			for left := true; left; {
				time.Sleep(time.Second / 2)
				synctest.Wait()
				running, ready := 0, 0
				left = false
				for i := range steps {
					s := state[i].Load()
					left = left || s != 2
					switch {
					case s == 1:
						running++
					case s == 0 && !slices.ContainsFunc(steps[i].After, func(j int) bool { return state[j].Load() != 2 }):
						ready++
					}
				}
				if running > n || running < min(n, running+ready) {
					t.Errorf("seed %d: %d of %d under way, and %d ready", seed, running, n, ready)
				}
				time.Sleep(time.Second / 2)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Each step starts when list scheduling by the longest chain says.
func TestDataflowIsListScheduling(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			steps, n := graph(r), 2+r.IntN(4)
			takes := make([]time.Duration, len(steps))
			for i := range takes {
				takes[i] = 1 + time.Duration(r.Int64N(int64(time.Hour))) // no two end at once
			}
			began, index := time.Now(), indexOf(steps)
			got := make([]time.Duration, len(steps))
			walk := seqtest.NewWalk(&plan.Plan{Steps: steps}, func(_ context.Context, c *middleware.Call) error {
				i := index(c)
				got[i] = time.Since(began)
				time.Sleep(takes[i])
				return nil
			})
			if err := exec.Dataflow(n).Execute(t.Context(), walk); err != nil {
				t.Fatal(err)
			}
			if want := schedule(steps, takes, n); !slices.Equal(got, want) {
				t.Errorf("seed %d, %d workers: starts at %v, want %v", seed, n, got, want)
			}
		})
	}
}

// schedule is when each step starts if n workers always take the one with the longest chain.
func schedule(steps []plan.Step, takes []time.Duration, n int) []time.Duration {
	behind := make([]int, len(steps))
	for i := range slices.Backward(steps) {
		for _, j := range steps[i].After {
			behind[j] = max(behind[j], behind[i]+1)
		}
	}
	starts, ends := make([]time.Duration, len(steps)), make([]time.Duration, len(steps))
	workers := make([]time.Duration, n) // when each is free
	for i := range starts {
		starts[i] = -1
	}
	for range steps {
		w := 0
		for i := range workers {
			if workers[i] < workers[w] {
				w = i
			}
		}
		best, at := -1, time.Duration(1<<62)
		for i := range steps {
			if starts[i] >= 0 || slices.ContainsFunc(steps[i].After, func(j int) bool { return starts[j] < 0 }) {
				continue
			}
			from := workers[w]
			for _, j := range steps[i].After {
				from = max(from, ends[j])
			}
			if from < at || from == at && behind[i] > behind[best] {
				best, at = i, from
			}
		}
		starts[best], ends[best] = at, at+takes[best]
		workers[w] = ends[best]
	}
	return starts
}

// indexOf finds the step that a call is of.
func indexOf(steps []plan.Step) func(*middleware.Call) int {
	index := make(map[*plan.Step]int, len(steps))
	for i := range steps {
		index[&steps[i]] = i
	}
	return func(c *middleware.Call) int { return index[c.Step] }
}
