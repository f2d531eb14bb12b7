package integration_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

var errBoom = errors.New("boom")

func transactional(id string, run, rollback func(context.Context) error, deps ...string) seq.Op {
	return seq.Op{ID: id, Delivery: seq.Transactional, Run: run, Rollback: rollback, DependsOn: deps}
}

// Under every strategy, the rows that ops leave in a real database are those that the report and
// the ledger tell of.
func TestEffectsFollowTheReport(t *testing.T) {
	a, b, c := "2024_01_15_120000_a", "2024_01_15_120001_b", "2024_01_15_120002_c"
	onEach(t, func(t *testing.T, dsn string) {
		for _, name := range strategies.Names() {
			t.Run(name, func(t *testing.T) {
				s := ledger(t, dsn, bunstore.Namespace(name))
				query(t, s, "DROP TABLE IF EXISTS effects")
				effects(t, s)
				fails := true
				ops := []seq.Op{
					transactional(a, leave(a, "done"), leave(a, "undone")),
					{ID: b, Run: leaveOutside(s, b, "done"), Rollback: leaveOutside(s, b, "undone"), DependsOn: []string{a}},
					transactional(c, func(ctx context.Context) error {
						if err := leave(c, "done")(ctx); err != nil {
							return err
						}
						if fails {
							return errBoom
						}
						return nil
					}, leave(c, "undone"), b),
				}
				strategy, err := strategies.Named(name)
				if err != nil {
					t.Fatal(err)
				}
				sequencer := seq.New(s, ops...).Use(strategy)
				if _, err := sequencer.Run(t.Context()); !errors.Is(err, errBoom) {
					t.Fatalf("got %v", err)
				}
				if n := count(t, s, c, "done"); n != 0 {
					t.Errorf("a Transactional op that failed left %d rows", n)
				}
				undone, want := 0, seq.Succeeded
				if name == "transactional-batch" {
					undone, want = 1, seq.RolledBack
				}
				for _, op := range []string{a, b} {
					if done, un := count(t, s, op, "done"), count(t, s, op, "undone"); done != 1 || un != undone {
						t.Errorf("%s: %d done, %d undone; want 1, %d", op, done, un, undone)
					}
					seqtest.AssertState(t, s, op, want)
				}
				fails = false
				if r, err := sequencer.Run(t.Context()); err != nil {
					t.Fatalf("%v\n%s", err, r)
				}
				for _, op := range []string{a, b, c} {
					seqtest.AssertState(t, s, op, seq.Succeeded)
				}
				history, err := s.History(t.Context(), c, store.Page{Limit: 1000})
				if err != nil || len(history) != 2 || history[1].State != seq.Failed || history[1].Error != "boom" || history[0].State != seq.Succeeded {
					t.Errorf("the history of c is %+v, %v", history, err)
				}
				if history[1].Owner != store.ThisProcess() {
					t.Errorf("the owner is %v", history[1].Owner)
				}
				if r, err := sequencer.Rollback(t.Context()); err != nil || r.State != seq.RunRolledBack {
					t.Errorf("%v\n%s", err, r)
				}
			})
		}
	})
}

// Saved state crosses from one store, as if from one process, to another.
func TestSavedStateCrossesProcesses(t *testing.T) {
	id := "2024_01_15_120000_a"
	onEach(t, func(t *testing.T, dsn string) {
		for _, delivery := range []seq.Delivery{seq.Repeatable, seq.Transactional} {
			var got []int
			op := seq.Op{
				ID: id, Delivery: delivery,
				Run: func(ctx context.Context) error { return seq.Save(ctx, []int{4, 2}) },
				Rollback: func(ctx context.Context) error {
					_, err := seq.Saved(ctx, &got)
					return err
				},
			}
			if _, err := seq.New(ledger(t, dsn), op).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := seq.New(ledger(t, dsn), op).Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(got) != 2 || got[0] != 4 {
				t.Errorf("%s: Rollback read %v", delivery, got)
			}
		}
	})
}

// Preview leaves no table behind on a database that was never run on.
func TestPreviewWritesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn)
		p, err := seq.New(s, seqtest.Succeeds("2024_01_15_120000_a")).Preview(t.Context())
		if err != nil || len(p.Steps) != 1 {
			t.Fatalf("%v, %v", p, err)
		}
		list := "SELECT count(*) FROM sqlite_master"
		if dsn[len(dsn)-3:] != ".db" {
			list = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()"
		}
		var tables int
		if err := s.DB().QueryRowContext(t.Context(), list).Scan(&tables); err != nil || tables != 0 {
			t.Errorf("%d tables, %v", tables, err)
		}
	})
}

// Two services share a database without seeing each other.
func TestNamespacesAndPrefixesAreApart(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		op := seqtest.Succeeds("2024_01_15_120000_a")
		for _, opts := range [][]bunstore.Option{nil, {bunstore.Namespace("billing")}, {bunstore.Prefix("other_")}} {
			s := ledger(t, dsn, opts...)
			r, err := seq.New(s, op).Run(t.Context())
			if err != nil || len(r.Succeeded()) != 1 {
				t.Errorf("%v, %v", r, err)
			}
		}
	})
}

// An op that was registered before the database was opened finds it in its context.
func TestAnOpFindsItsDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn)
		effects(t, s)
		var ops []seq.Op
		for i, d := range []seq.Delivery{seq.Repeatable, seq.Once, seq.Transactional} {
			id := seqtest.ID(i, d.String())
			ops = append(ops, seq.Op{ID: id, Delivery: d, Run: func(ctx context.Context) error {
				_, err := bunstore.DB(ctx).ExecContext(ctx, "INSERT INTO effects (op, what) VALUES (?, ?)", id, "done")
				return err
			}})
		}
		if _, err := seq.New(s, ops...).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range ops {
			if n := count(t, s, ops[i].ID, "done"); n != 1 {
				t.Errorf("%s left %d rows", ops[i].ID, n)
			}
		}
		if _, err := bunstore.DB(t.Context()).ExecContext(t.Context(), "SELECT 1"); !errors.Is(err, bunstore.ErrNoTx) {
			t.Errorf("outside of an op: %v", err)
		}
	})
}
