package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// together is a rollback that returns when n of its kind have begun.
func together(c *calls, n int) func(name string) func(context.Context) error {
	var all sync.WaitGroup
	all.Add(n)
	return func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			c.add("begin to undo " + name)
			all.Done()
			met := make(chan struct{})
			go func() { all.Wait(); close(met) }()
			select {
			case <-met:
				c.add("undo " + name)
				return nil
			case <-time.After(10 * time.Second): // all.Wait is left behind, and goleak says so
				return errors.New("nobody undoes anything beside it")
			}
		}
	}
}

// family is a migration, an op, two that depend on it and are undone together, and an op that depends on both.
func family(c *calls) []seq.Op {
	ops := []seq.Op{plain(c, 0), plain(c, 1), plain(c, 2), plain(c, 3), plain(c, 4)}
	meet := together(c, 2)
	ops[0].Kind = seq.Migration
	ops[1].DependsOn = []string{id(0)}
	for _, n := range []int{2, 3} {
		ops[n].DependsOn, ops[n].Rollback = []string{id(1)}, meet(id(n))
	}
	ops[4].DependsOn = []string{id(2), id(3)}
	return ops
}

// undone checks that the two were undone together, after what depends on them and before what they depend on.
func undone(t *testing.T, got []string) {
	t.Helper()
	got = slices.DeleteFunc(got, func(s string) bool { return !strings.Contains(s, "undo") })
	at := func(what string) int { return slices.Index(got, what) }
	two, three := "begin to undo "+id(2), "begin to undo "+id(3)
	if len(got) < 6 || at("undo "+id(4)) > 0 || max(at(two), at(three)) > min(at("undo "+id(2)), at("undo "+id(3))) ||
		!slices.Equal(got[len(got)-2:], []string{"undo " + id(1), "undo " + id(0)}) {
		t.Errorf("undone were %q", got)
	}
}

var errPlan = errors.New("no plan")

var sideBySide = map[string]seq.Strategy{
	"waves": strategies.DependencyGraph(strategies.Saga()),
	"eager": strategies.DependencyGraph(strategies.Saga(), strategies.Eager()),
	"batch": strategies.TransactionalBatch(),
}

// TestUndoSideBySide: on workers, what the graph lets be undone side by side is, by a saga and by Rollback.
func TestUndoSideBySide(t *testing.T) {
	for name, st := range sideBySide {
		t.Run(name, func(t *testing.T) {
			ledgers(t, func(t *testing.T, ledger store.Store) {
				c, loop := &calls{}, fleet.Loopback()
				ops := family(c)
				failing := plain(c, 5)
				failing.DependsOn = []string{id(4)}
				failing.Run = func(context.Context) error { return errBoom }
				s := seq.New(ledger, append(ops, failing)...).Use(st, fleet.Middleware(loop))
				worker(t, loop, s, 2)
				worker(t, loop, s, 2)
				report, err := s.Run(t.Context())
				if report.State != seq.RunRolledBack || err == nil {
					t.Fatalf("the run is %s, %v", report.State, err)
				}
				undone(t, c.inOrder())
			})
		})
	}
	t.Run("Rollback", func(t *testing.T) {
		ledgers(t, func(t *testing.T, ledger store.Store) {
			c, loop := &calls{}, fleet.Loopback()
			s := seq.New(ledger, family(c)...).Use(strategies.DependencyGraph(), fleet.Middleware(loop))
			worker(t, loop, s, 4)
			report, err := s.Run(t.Context())
			succeed(t, report, err)
			preview, err := s.PreviewRollback(t.Context())
			if err != nil || fmt.Sprint(preview.Waves()) != fmt.Sprint([][]string{{id(4)}, {id(3), id(2)}, {id(1)}, {id(0)}}) && fmt.Sprint(preview.Waves()) != fmt.Sprint([][]string{{id(4)}, {id(2), id(3)}, {id(1)}, {id(0)}}) {
				t.Errorf("the preview is %v, %v", preview.Waves(), err)
			}
			if report, err = s.Rollback(t.Context()); err != nil || report.State != seq.RunRolledBack {
				t.Fatalf("the rollback is %s, %v", report.State, err)
			}
			undone(t, c.inOrder())
		})
	})
}

// TestUndoAfterADependencyChanged: an op that a newer version lets depend on what was done later is undone in the
// order of completion, and so is what it leads to: the first is behind the last also through the one between.
func TestUndoAfterADependencyChanged(t *testing.T) {
	ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
	ops := []seq.Op{plain(c, 1), plain(c, 2), plain(c, 3)}
	run := func(only ...string) {
		t.Helper()
		report, err := seq.New(ledger, ops...).Run(t.Context(), seq.Only(only...))
		succeed(t, report, err)
	}
	run(id(2))
	run(id(1))
	ops[1].DependsOn, ops[2].DependsOn = []string{id(1)}, []string{id(2)}
	run(id(3))
	s := seq.New(ledger, ops...).Use(strategies.DependencyGraph(), fleet.Middleware(loop))
	preview, err := s.PreviewRollback(t.Context(), seq.Only(id(1), id(2), id(3)))
	if err != nil || fmt.Sprint(preview.Waves()) != fmt.Sprint([][]string{{id(3)}, {id(1)}, {id(2)}}) {
		t.Errorf("the preview is %v, %v", preview.Waves(), err)
	}
}

// TestUndoStopsBehindAFailure: what the op that could not be undone depends on stays to be undone, and the
// rest is undone beside it.
func TestUndoStopsBehindAFailure(t *testing.T) {
	ledgers(t, func(t *testing.T, ledger store.Store) {
		c, loop := &calls{}, fleet.Loopback()
		ops := family(c)
		meet := together(c, 2)
		ops[2].Rollback = meet(id(2))
		ops[3].Rollback = func(ctx context.Context) error { return errors.Join(meet(id(3))(ctx), errBoom) }
		s := seq.New(ledger, ops...).Use(strategies.DependencyGraph(), fleet.Middleware(loop))
		worker(t, loop, s, 4)
		report, err := s.Run(t.Context())
		succeed(t, report, err)
		report, err = s.Rollback(t.Context())
		if report.State != seq.RunRollbackFailed || err == nil || !strings.Contains(err.Error(), "boom") {
			t.Fatalf("the rollback is %s, %v", report.State, err)
		}
		for n, want := range []seq.State{seq.RollbackPending, seq.RollbackPending, seq.RolledBack, seq.RollbackFailed, seq.RolledBack} {
			if e := entryOf(t, ledger, id(n)); e.State != want {
				t.Errorf("%s is %s, want %s", e.ID, e.State, want)
			}
		}
		ops[3].Rollback = plain(c, 3).Rollback
		s = seq.New(ledger, ops...).Use(strategies.DependencyGraph(), fleet.Middleware(fleet.Loopback()))
		if preview, err := s.PreviewRollback(t.Context()); err != nil || !slices.Equal(preview.IDs(), []string{id(3), id(1), id(0)}) {
			t.Errorf("what is left is %v, %v", preview, err)
		}
	})
}

// TestUndoWithoutItsPlanner: neither a planner that cannot plan the way back nor an executor that does not
// walk it keeps from being undone what was decided to be.
func TestUndoWithoutItsPlanner(t *testing.T) {
	c, loop, ledger := &calls{}, fleet.Loopback(), store.NewMemory()
	ops := []seq.Op{plain(c, 1), plain(c, 2), plain(c, 3)}
	ops[2].Run = func(context.Context) error { return errBoom }
	st := strategies.DependencyGraph(strategies.Saga())
	planned, walked := 0, 0
	waves, parallel := st.Planner, st.Executor
	st.Planner = plan.Func(func(ctx context.Context, in plan.Input) (*plan.Plan, error) {
		if len(in.Steps) < 3 {
			planned++
			return nil, errPlan
		}
		return waves.Plan(ctx, in)
	})
	st.Executor = exec.Func(func(ctx context.Context, walk exec.Walk) error {
		if len(walk.Plan().Steps) < 3 {
			walked++
			return walk.Do(ctx, 1) // which waits for the first
		}
		return parallel.Execute(ctx, walk)
	})
	s := seq.New(ledger, ops...).Use(st, fleet.Middleware(loop))
	worker(t, loop, s, 4)
	report, err := s.Run(t.Context())
	if report.State != seq.RunRolledBack || c.of("undo "+id(1)) != 1 || c.of("undo "+id(2)) != 1 || planned != 1 || walked != 1 {
		t.Errorf("the run is %s, %v; planned %d times, walked %d times; %q", report.State, err, planned, walked, c.inOrder())
	}
	if !errors.Is(err, plan.ErrInvalid) || !errors.Is(err, errPlan) {
		t.Errorf("the run's error does not say that planner and executor failed: %v", err)
	}
}
