package integration_test

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

func TestStoreThroughAPooler(t *testing.T) {
	dsn := pgtest.Pooled(t)
	var ledgers atomic.Int32
	seqtest.TestStore(t, func(tb testing.TB) store.Store {
		return ledger(tb, dsn, bunstore.Schema("pooled"), bunstore.Prefix(fmt.Sprintf("seq_%d_", ledgers.Add(1))))
	})
	wantNothingPrepared(t, dsn)
}

// Two processes that have more ops under way than the pooler has sessions: each op takes effect
// once, and no session is left with a statement that the next client does not know of.
func TestAFleetThroughAPooler(t *testing.T) {
	dsn := pgtest.Pooled(t)
	s := ledger(t, dsn)
	effects(t, s)
	var ops []seq.Op
	for i := range 4 * pgtest.Sessions {
		id := seqtest.ID(i, "op")
		ops = append(ops, transactional(id, leave(id, "done"), leave(id, "undone")))
	}
	var wg sync.WaitGroup
	for _, s := range []*bunstore.Store{s, ledger(t, dsn)} {
		wg.Go(func() {
			if r, err := seq.New(s, ops...).Use(strategies.Batch()).Run(t.Context()); err != nil {
				t.Errorf("%v\n%s", err, r)
			}
		})
	}
	wg.Wait()
	if r, err := seq.New(s, ops...).Rollback(t.Context()); err != nil || r.State != seq.RunRolledBack {
		t.Errorf("%v\n%s", err, r)
	}
	for i := range ops {
		if done, undone := count(t, s, ops[i].ID, "done"), count(t, s, ops[i].ID, "undone"); done != 1 || undone != 1 {
			t.Errorf("%s: %d done, %d undone", ops[i].ID, done, undone)
		}
	}
	wantNothingPrepared(t, dsn)
}

// wantNothingPrepared looks into all sessions that the pooler has: who holds them all has each.
func wantNothingPrepared(t *testing.T, dsn string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn+"&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	sessions := map[int]bool{}
	for range pgtest.Sessions {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		var pid, n int
		err = tx.QueryRowContext(t.Context(), `SELECT pg_backend_pid(), (SELECT count(*) FROM pg_prepared_statements)`).Scan(&pid, &n)
		if err != nil || n != 0 {
			t.Errorf("%d are prepared, %v", n, err)
		}
		sessions[pid] = true
	}
	if len(sessions) != pgtest.Sessions {
		t.Errorf("%d sessions, want %d", len(sessions), pgtest.Sessions)
	}
}

// Migrations through a pooler leave nothing in the sessions that others get. What would need one session
// without a transaction is refused, with what to do.
func TestMigrationsThroughAPooler(t *testing.T) {
	dsn := pgtest.Pooled(t)
	s := ledger(t, dsn)
	ops := filesOf(t, map[string]string{
		"1_a.up.sql": "SET search_path = ''; SET statement_timeout = '1h'; PREPARE p AS SELECT 1; CREATE TEMPORARY TABLE x (id int); CREATE TABLE public.a (id int);",
		"2_b.up.sql": "CREATE TABLE b (id int); SELECT pg_advisory_lock(7);",
		"3_c.up.sql": "CREATE INDEX CONCURRENTLY c ON b (id);",
		"4_d.up.sql": "-- seq:no-transaction\nCREATE TABLE d (id int);\nCLUSTER;",
	})
	if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	for _, text := range []string{"SET statement_timeout = '1h';", "SELECT set_config('statement_timeout', '1h', false);", "CREATE TEMP TABLE y (id int);", "SELECT pg_advisory_lock(9);"} {
		ops := filesOf(t, map[string]string{"5_e.up.sql": "-- seq:no-transaction\n" + text + "\nCREATE INDEX CONCURRENTLY e ON b (id);"})
		if _, err := seq.New(s, ops...).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "pooler") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	wantNothingPrepared(t, dsn)
	db, err := sql.Open("pgx", dsn+"&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for range pgtest.Sessions {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if got, want := stateOf(t.Context(), t, tx), `postgres postgres "$user", public 0  0 0 0 0 0`; got != want {
			t.Errorf("others find %q, want %q", got, want)
		}
	}
}
