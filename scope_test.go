package seq_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/strategies"
)

// TestWhatAFailedCompensationNeedsStays: the table is not dropped below the rows that could not be
// undone, whatever stands between them; what has nothing to do with it is undone.
func TestWhatAFailedCompensationNeedsStays(t *testing.T) {
	down, order := true, []string{}
	undo := func(name string, fails bool) func(context.Context) error {
		return func(context.Context) error {
			if fails && down {
				return errBoom
			}
			order = append(order, name)
			return nil
		}
	}
	op := func(name string, fails bool, deps ...string) seq.Op {
		o := ok(name, deps...)
		o.Rollback = undo(name, fails)
		return o
	}
	ops := []seq.Op{op("a", false), op("b", false, "a"), op("c", false), op("d", true, "b"), fail("e", "d", "c")}
	b := newBench(t, strategies.TransactionalBatch(strategies.Limit(1)), ops...)
	r, err := b.run()
	if !errors.Is(err, seq.ErrRollbackFailed) || r.State != seq.RunRollbackFailed || !slices.Equal(order, []string{"c"}) {
		t.Errorf("%v, undone %v\n%s", err, order, r)
	}
	b.state("a", seq.RollbackPending)
	b.state("b", seq.RollbackPending)
	b.state("c", seq.RolledBack)
	b.state("d", seq.RollbackFailed)
	for _, opts := range [][]seq.RunOption{nil, {seq.Only(id("c"))}} {
		if r, err := b.run(opts...); !errors.Is(err, seq.ErrRollbackFailed) || !strings.Contains(err.Error(), id("d")) || len(r.Steps) > 0 {
			t.Errorf("a run goes on beside it: %v\n%s", err, r)
		}
	}
	down = false
	if r, err := b.seq.Rollback(t.Context()); err != nil || !slices.Equal(order, []string{"c", "d", "b", "a"}) {
		t.Errorf("%v, undone %v\n%s", err, order, r)
	}
}

// TestUndoStopsWhereAMigrationBreaks: nobody can say what it needs of what came before it.
func TestUndoStopsWhereAMigrationBreaks(t *testing.T) {
	for name, back := range map[string]func(b *bench) error{
		"saga":     func(b *bench) error { _, err := b.run(); return err },
		"rollback": func(b *bench) error { _, err := b.seq.Rollback(b.t.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			var undone []string
			down := true
			op := func(name string, migration bool) seq.Op {
				o := ok(name)
				if migration {
					o = seqtest.AsMigration(o)
				}
				o.Rollback = func(context.Context) error {
					if name == "b" && down {
						return errBoom
					}
					undone = append(undone, name)
					return nil
				}
				return o
			}
			ops := []seq.Op{op("a", false), op("b", true), op("c", false)}
			s := strategies.Sequential(strategies.Saga())
			if name == "saga" {
				ops = append(ops, fail("d"))
			}
			b := newBench(t, s, ops...)
			if name == "rollback" {
				b.mustRun()
			}
			if err := back(b); !errors.Is(err, seq.ErrRollbackFailed) || !slices.Equal(undone, []string{"c"}) {
				t.Errorf("%v, undone %v", err, undone)
			}
			b.state("a", seq.RollbackPending)
			if _, err := b.run(); !errors.Is(err, seq.ErrRollbackFailed) {
				t.Errorf("a run goes on: %v", err)
			}
			if err := b.seq.Resolve(t.Context(), id("b"), seq.NotDone, "dropped by hand"); err != nil {
				t.Fatal(err)
			}
			down = false
			if _, err := b.seq.Rollback(t.Context()); err != nil || !slices.Equal(undone, []string{"c", "a"}) {
				t.Errorf("%v, undone %v", err, undone)
			}
		})
	}
}
