package recipes_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
	"github.com/sequencer-go/seq/strategies"
)

// operations are those of a service. A test gets them as data; seq.Registered() are those that init
// functions have registered.
func operations() []seq.Op {
	exec := func(statement string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := bunstore.DB(ctx).ExecContext(ctx, statement)
			return err
		}
	}
	return []seq.Op{
		{
			ID: "2024_01_15_120000_create_accounts", Kind: seq.Migration, Delivery: seq.Transactional,
			Run:      exec("CREATE TABLE accounts (id integer PRIMARY KEY, plan text)"),
			Rollback: exec("DROP TABLE accounts"),
		},
		{
			ID: "2024_01_15_120100_fill_plans", Delivery: seq.Transactional, DependsOn: []string{"2024_01_15_120000_create_accounts"},
			Run:      exec("UPDATE accounts SET plan = 'free' WHERE plan IS NULL"),
			Rollback: func(context.Context) error { return nil },
		},
	}
}

// Is the plan right? No database.
func TestEverythingCanBeUndone(t *testing.T) {
	plan, err := seq.New(store.NewMemory(), operations()...).Use(strategies.TransactionalBatch()).Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range plan.Steps {
		if s := &plan.Steps[i]; !s.Reversible {
			t.Errorf("%s has no Rollback", s.ID)
		}
	}
}

// Does a run do what I mean when something fails? The operations do nothing here, but for the one that fails.
func TestAFailureUndoesTheMigration(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	ops := operations()
	for i := range ops {
		ops[i].Run, ops[i].Rollback = nothing, nothing
	}
	ops[1].Run = func(context.Context) error { return errors.New("out of disk") }
	rec := seqtest.NewRecorder()
	if _, err := seq.New(store.NewMemory(), ops...).Use(strategies.TransactionalBatch(), rec.Middleware()).Run(t.Context()); err == nil {
		t.Error("the run did not fail")
	}
	seqtest.AssertFailed(t, rec, ops[1].ID)
	seqtest.AssertRolledBack(t, rec, ops[0].ID)
}

// What if the process dies at any of its writes? The next run ends it.
func TestACrashAnywhereIsMended(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	for k := 1; k < 20; k++ {
		ops, ledger := operations(), seqtest.NewStore()
		for i := range ops {
			ops[i].Run, ops[i].Rollback = nothing, nothing
		}
		ledger.CrashAfter(k)
		if _, err := seq.New(ledger, ops...).Run(t.Context()); err == nil {
			return // it has fewer writes than that
		}
		ledger.Restart()
		if r, err := seq.New(ledger, ops...).Run(t.Context()); err != nil {
			t.Errorf("after a crash at write %d: %v\n%s", k, err, r)
		}
	}
}

// Does the SQL do what I mean? A database of the kind that is deployed to.
func TestTheSQL(t *testing.T) {
	ledger, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	s := seq.New(ledger, operations()...)
	if _, err := s.Run(t.Context(), seq.Only("2024_01_15_120000_create_accounts")); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.DB().ExecContext(t.Context(), "INSERT INTO accounts (id, plan) VALUES (1, NULL), (2, 'paid')"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var free int
	if err := ledger.DB().NewRaw("SELECT count(*) FROM accounts WHERE plan = 'free'").Scan(t.Context(), &free); err != nil || free != 1 {
		t.Errorf("%d accounts are free, want 1 (%v)", free, err)
	}
}
