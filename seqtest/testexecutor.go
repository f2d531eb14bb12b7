package seqtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
)

// TestExecutor holds an executor to the contract of exec.Executor: every step is done once and
// behind all that it waits for, nothing is running any more when Execute returns, a failure and
// the end of the context stop it, and an op that panics does too. An executor that is meant to
// go on after a failure fails the suite; so does none of this module's, without KeepGoing.
func TestExecutor(t *testing.T, executor exec.Executor) {
	t.Run("every step once and in order", func(t *testing.T) {
		for seed := range uint64(100) {
			everyStepOnce(t, executor, seed)
		}
	})
	t.Run("returns when all has ended", func(t *testing.T) { structured(t, executor) })
	t.Run("stops at a failure", func(t *testing.T) { stops(t, executor) })
	t.Run("stops when the context ends", func(t *testing.T) { cancels(t, executor) })
	t.Run("an empty plan is done", func(t *testing.T) {
		if err := executor.Execute(t.Context(), NewWalk(&plan.Plan{}, nil)); err != nil {
			t.Error(err)
		}
	})
}

func randomPlan(t *testing.T, seed uint64) *plan.Plan {
	t.Helper()
	p, err := plan.Waves().Plan(t.Context(), randomInput(seed))
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Steps {
		p.Steps[i].NotBefore = time.Time{}
	}
	return p
}

func everyStepOnce(t *testing.T, executor exec.Executor, seed uint64) {
	t.Helper()
	p := randomPlan(t, seed)
	var mu sync.Mutex
	done := map[string]bool{}
	err := executor.Execute(t.Context(), NewWalk(p, func(_ context.Context, call *middleware.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if done[call.Step.ID] {
			return fmt.Errorf("%s is done twice", call.Step.ID)
		}
		for _, j := range call.Step.After {
			if !done[p.Steps[j].ID] {
				return fmt.Errorf("%s is done before %s", call.Step.ID, p.Steps[j].ID)
			}
		}
		done[call.Step.ID] = true
		return nil
	}))
	if err != nil || len(done) != len(p.Steps) {
		t.Fatalf("seed %d: %d of %d steps done, %v", seed, len(done), len(p.Steps), err)
	}
}

// structured lets steps take a random time and one of them fail.
func structured(t *testing.T, executor exec.Executor) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			p := randomPlan(t, seed)
			bad := r.IntN(len(p.Steps) + 1)
			var running atomic.Int64
			boom := errors.New("boom")
			err := executor.Execute(t.Context(), NewWalk(p, func(ctx context.Context, call *middleware.Call) error {
				running.Add(1)
				defer running.Add(-1)
				pause := time.Duration(len(call.Step.After)+call.Step.Wave+1) * time.Second
				_ = clock.Sleep(ctx, call.Clock, pause)
				if bad < len(p.Steps) && call.Step.ID == p.Steps[bad].ID {
					return boom
				}
				return nil
			}))
			if n := running.Load(); n != 0 {
				t.Errorf("seed %d: %d steps are running after Execute", seed, n)
			}
			if want := bad < len(p.Steps); errors.Is(err, boom) != want {
				t.Errorf("seed %d: returned %v, a step failed: %t", seed, err, want)
			}
		})
	}
}

// chain is a plan of n steps, each of which waits for the one before.
func chain(n int) *plan.Plan {
	p := &plan.Plan{}
	for i := range n {
		s := plan.Step{ID: ID(i, "step"), Wave: i}
		if i > 0 {
			s.After = []int{i - 1}
			s.DependsOn = []string{ID(i-1, "step")}
		}
		p.Steps = append(p.Steps, s)
	}
	return p
}

func stops(t *testing.T, executor exec.Executor) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("boom") },
		"panic": func() error { panic("boom") },
	} {
		done := 0
		err := executor.Execute(t.Context(), NewWalk(chain(5), func(context.Context, *middleware.Call) error {
			if done++; done == 2 {
				return fail()
			}
			return nil
		}))
		var failed *seq.OpError
		if !errors.As(err, &failed) || failed.ID != ID(1, "step") || done != 2 {
			t.Errorf("%s: %d steps done, %v; want 2, and an OpError of the second", name, done, err)
		}
	}
}

func cancels(t *testing.T, executor exec.Executor) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no more")
	done := 0
	err := executor.Execute(ctx, NewWalk(chain(5), func(context.Context, *middleware.Call) error {
		if done++; done == 2 {
			cancel(why)
		}
		return nil
	}))
	if !errors.Is(err, why) || done != 2 {
		t.Errorf("%d steps done, %v; want 2 and the cause", done, err)
	}
}
