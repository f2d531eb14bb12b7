package exec_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
)

func TestExecutorsKeepTheContract(t *testing.T) {
	for name, e := range map[string]exec.Executor{
		"serial": exec.Serial(), "parallel": exec.Parallel(0), "parallel 1": exec.Parallel(1), "parallel 3": exec.Parallel(3),
		"dataflow": exec.Dataflow(0), "dataflow 1": exec.Dataflow(1), "dataflow 3": exec.Dataflow(3),
	} {
		t.Run(name, func(t *testing.T) { seqtest.TestExecutor(t, e) })
	}
}

// Two workers, a long chain behind the last of three steps that are ready: the chain starts at
// once, and all is done when it is.
func TestDataflowStartsTheLongestChainFirst(t *testing.T) {
	ops := []seq.Op{
		seqtest.Succeeds(seqtest.ID(1, "short")), seqtest.Succeeds(seqtest.ID(2, "short_too")),
		seqtest.Succeeds(seqtest.ID(3, "chain")), seqtest.Succeeds(seqtest.ID(4, "middle")), seqtest.Succeeds(seqtest.ID(5, "end")),
	}
	steps := make([]plan.Step, len(ops))
	for i := range steps {
		steps[i].ID = ops[i].ID
	}
	steps[3].After, steps[4].After = []int{2}, []int{3}
	for workers, want := range map[int]time.Duration{1: 5 * time.Second, 2: 3 * time.Second} {
		t.Run(strconv.Itoa(workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, first := time.Now(), ""
				walk := seqtest.NewWalk(&plan.Plan{Steps: steps}, func(_ context.Context, c *middleware.Call) error {
					if workers == 1 && first == "" {
						first = c.Step.ID
					}
					time.Sleep(time.Second)
					return nil
				})
				if err := exec.Dataflow(workers).Execute(t.Context(), walk); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != want {
					t.Errorf("took %s, want %s", took, want)
				}
				if workers == 1 && first != ops[0].ID {
					t.Errorf("%s came first; one worker keeps the order of the plan", first)
				}
			})
		})
	}
}
