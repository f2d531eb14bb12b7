package seq_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
)

// The parts that README.md shows, word for word.

// Newest plans the newest first, each step behind the one before.
func Newest() plan.Planner {
	return plan.Func(func(_ context.Context, in plan.Input) (*plan.Plan, error) {
		p := in.Arrange(in.Order(func(i int) int { return -i })) // all of them, each behind what it waits for
		for i := range p.Steps {
			p.Steps[i].Wave = i
			if i > 0 && !slices.Contains(p.Steps[i].After, i-1) {
				p.Steps[i].After = append(p.Steps[i].After, i-1)
			}
		}
		return p, nil
	})
}

// Gently does one step after another, and lets the database breathe in between.
func Gently(pause time.Duration) exec.Executor {
	return exec.Func(func(ctx context.Context, walk exec.Walk) error {
		for i := range walk.Plan().Steps {
			if err := walk.Do(ctx, i); err != nil { // a failure that is not allowed: start nothing more
				return err
			}
			if err := clock.Sleep(ctx, walk.Clock(), pause); err != nil {
				return err
			}
		}
		return nil
	})
}

// Timed tells observe how long each attempt took.
func Timed(observe func(id string, took time.Duration, err error)) middleware.Middleware {
	return middleware.Middleware{Name: "timed", Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, call *middleware.Call) error {
			began := call.Clock.Now()
			err := next(ctx, call) // this context, or one that is derived from it
			observe(call.Step.ID, call.Clock.Now().Sub(began), err)
			return err
		}
	}}
}

// Guarded lets a run begin only when May has nothing against it.
type Guarded struct {
	store.Store
	May func() error
}

func (g Guarded) Acquire(ctx context.Context, name string, owner store.Owner) (store.Lease, error) {
	if err := g.May(); err != nil && name == store.RunLease {
		return store.Lease{}, err
	}
	return g.Store.Acquire(ctx, name, owner)
}

func TestParts(t *testing.T) {
	seqtest.TestPlanner(t, Newest())
	seqtest.TestExecutor(t, Gently(time.Millisecond))
	seqtest.TestStore(t, func(testing.TB) store.Store { return Guarded{store.NewMemory(), func() error { return nil }} })
}

func TestPartsRunTogether(t *testing.T) {
	observed := 0
	timed := Timed(func(string, time.Duration, error) { observed++ })
	st := seq.Strategy{
		Name: "mine", Planner: Newest(), Executor: Gently(time.Millisecond),
		Middleware: []middleware.Middleware{middleware.Saga(), middleware.Record(), middleware.Tolerate(), timed},
	}
	rec := seqtest.NewRecorder()
	ledger := Guarded{store.NewMemory(), func() error { return nil }}
	a, b := seqtest.ID(1, "a"), seqtest.ID(2, "b")
	if _, err := seq.New(ledger, seqtest.Succeeds(a), seqtest.Succeeds(b)).Use(st, rec.Middleware()).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	seqtest.AssertOrder(t, rec, b, a)
	if observed != 2 {
		t.Errorf("observed %d attempts, want 2", observed)
	}
}

// TestPartsAreThoseOfTheReadme keeps the two alike.
func TestPartsAreThoseOfTheReadme(t *testing.T) {
	tested, err := os.ReadFile("parts_test.go")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, snippet := range markdownSnippets(t, "README.md") {
		for _, name := range []string{"Newest", "Gently", "Timed", "Guarded", "TestParts"} {
			if !strings.Contains(snippet, "func "+name+"(") && !strings.Contains(snippet, "type "+name+" ") {
				continue
			}
			shown++
			if !strings.Contains(string(tested), snippet) {
				t.Errorf("README.md and this file differ in %s", name)
			}
		}
	}
	if shown != 5 {
		t.Errorf("%d of the 5 parts are in README.md", shown)
	}
}
