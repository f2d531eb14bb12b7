package integration_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// filesOf are the ops of SQL files.
func filesOf(t testing.TB, texts map[string]string) []seq.Op {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range texts {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	ops, err := migrate.Files(folder)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// sessionState is all that a session of Postgres can have from a script, in one text.
const sessionState = `SELECT concat_ws(' ', current_user, session_user, current_setting('search_path'), current_setting('statement_timeout'),
	current_setting('application_name'), (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()), (SELECT count(*) FROM pg_prepared_statements WHERE from_sql),
	(SELECT count(*) FROM pg_cursors WHERE is_holdable), (SELECT count(*) FROM pg_listening_channels()),
	(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()))`

func stateOf(ctx context.Context, t *testing.T, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (state string) {
	t.Helper()
	if err := db.QueryRowContext(ctx, sessionState).Scan(&state); err != nil {
		t.Error(err)
	}
	return state
}

// Whatever a script leaves in its session is gone for the step after it, in a transaction or not, and
// for the application. The record of the step is written as who the DSN says, whose rights the role
// of the script need not have.
func TestNothingOfAStepsSessionOutlivesIt(t *testing.T) {
	role := fmt.Sprintf("seq_owner_%d", time.Now().UnixNano())
	left := map[string]string{
		"a role":                  "SET ROLE " + role,
		"a local role":            "SET LOCAL ROLE " + role,
		"a session authorization": "SET SESSION AUTHORIZATION " + role,
		"a search path":           "SELECT pg_catalog.set_config('search_path', '', false)",
		"a setting":               "SET statement_timeout = '1h'",
		"a temporary table":       "CREATE TEMPORARY TABLE seq_meta (id int)",
		"a prepared statement":    "PREPARE p AS SELECT 1",
		"a cursor":                "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
		"a listener":              "LISTEN news",
		"an advisory lock":        "SELECT pg_advisory_lock(7)",
		"a lock in a function":    "SELECT public.take()",
	}
	for name, statement := range left {
		for _, head := range []string{"", "-- seq:no-transaction\n"} {
			if head != "" && strings.Contains(statement, "LOCAL") {
				continue
			}
			t.Run(name+map[bool]string{true: " in a transaction", false: " apart"}[head == ""], func(t *testing.T) {
				s := ledger(t, pgtest.DSN(t))
				query(t, s, `CREATE ROLE `+role+`; GRANT USAGE, CREATE ON SCHEMA public TO `+role)
				t.Cleanup(func() {
					_, _ = s.DB().ExecContext(context.Background(), `RESET SESSION AUTHORIZATION; RESET ROLE; DROP OWNED BY `+role+`; DROP ROLE `+role)
				})
				want := stateOf(t.Context(), t, s.DB())
				query(t, s, `CREATE FUNCTION take() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(8); END $$`)
				ops := filesOf(t, map[string]string{
					"1_a.up.sql": head + statement + ";\nCREATE TABLE public.a (id int);\n",
					"2_b.up.sql": "CREATE TABLE b (id int);\n",
					"3_c.up.sql": "CREATE INDEX CONCURRENTLY c ON b (id);\n",
				})
				var between string
				ops = append(ops, seq.Op{
					ID: "1970_01_01_000001_look", Kind: seq.Migration, Delivery: seq.Transactional, DependsOn: []string{ops[0].ID},
					Run: func(ctx context.Context) error {
						between = stateOf(ctx, t, bunstore.Tx(ctx).(bun.Tx).Tx)
						return nil
					},
				})
				if report, err := seq.New(s, ops...).Run(t.Context()); err != nil {
					t.Fatalf("%v\n%s", err, report)
				}
				if between != want {
					t.Errorf("the next step found %q, want %q", between, want)
				}
				for range 4 { // as many as the pool may have left
					conn, err := s.DB().DB.Conn(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = conn.Close() }()
					if got := stateOf(t.Context(), t, conn); got != want {
						t.Errorf("the application found %q, want %q", got, want)
					}
				}
			})
		}
	}
}

// What the application sets for each of its connections holds for every step, not only for the first.
func TestSettingsOfThePoolHoldForEachStep(t *testing.T) {
	cfg, err := pgx.ParseConfig(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	pool := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS tenant; GRANT ALL ON SCHEMA tenant, public TO PUBLIC; SET search_path = tenant; SET application_name = 'it''s \ mine'; SET ROLE pg_database_owner`)
		return err
	}))
	s := bunstore.New(bun.NewDB(pool, pgdialect.New()), bunstore.Owned())
	t.Cleanup(func() { _ = s.Close() })
	ops := filesOf(t, map[string]string{
		"1_a.up.sql": "SET ROLE NONE; SET search_path = public; RESET application_name; CREATE TABLE a AS SELECT 1;",
		"2_b.up.sql": "CREATE TABLE b AS SELECT current_user::text AS who, current_setting('application_name') AS name;",
		"3_c.up.sql": "-- seq:no-transaction\nCREATE TABLE c AS SELECT current_user::text AS who, current_setting('application_name') AS name;",
	})
	if _, err := seq.New(s, ops...).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"tenant.b", "tenant.c"} {
		var who, name string
		err := pool.QueryRowContext(t.Context(), `SELECT who, name FROM `+table).Scan(&who, &name)
		if err != nil || who != "pg_database_owner" || name != `it's \ mine` {
			t.Errorf("%s: %s, %s, %v", table, who, name, err)
		}
	}
}

// A run has one session for its migrations, and gives the server back what it took.
func TestARunHasOneSession(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	texts := map[string]string{"1_a.up.sql": "CREATE TABLE pids (pid int);\nINSERT INTO pids SELECT pg_backend_pid();"}
	for i := 2; i < 9; i++ {
		texts[fmt.Sprintf("%d_a.up.sql", i)] = "SET search_path = public; INSERT INTO pids SELECT pg_backend_pid();"
	}
	if _, err := seq.New(s, filesOf(t, texts)...).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sessions int
	var gone bool
	err := s.DB().QueryRowContext(t.Context(), `SELECT count(DISTINCT pid) FROM pids`).Scan(&sessions)
	if err != nil || sessions != 1 {
		t.Errorf("%d sessions, %v", sessions, err)
	}
	for range 100 { // the server notices by itself
		err = s.DB().QueryRowContext(t.Context(), `SELECT NOT EXISTS (SELECT FROM pg_stat_activity JOIN pids USING (pid)), pg_sleep(0.01)::text`).Scan(&gone, new(string))
		if gone || err != nil {
			break
		}
	}
	if !gone || err != nil {
		t.Errorf("the session is still there: %v", err)
	}
}

// A tenant whose search_path has other schemas behind its own has a ledger of its own.
func TestALedgerOfALaterSchemaDoesNotAnswer(t *testing.T) {
	dsn := pgtest.DSN(t)
	public := ledger(t, dsn)
	ops := filesOf(t, map[string]string{"1_a.up.sql": "CREATE TABLE a (id int);", "1_a.down.sql": "DROP TABLE a;"})
	if _, err := seq.New(public, ops...).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, public, `CREATE SCHEMA "Tenant 1"`)
	tenant := ledger(t, dsn+`&search_path=%22Tenant%201%22,public`)
	if entries, err := tenant.Load(t.Context()); err != nil || len(entries) != 0 {
		t.Errorf("the ledger of public answered: %v, %v", entries, err)
	}
	if runs, err := tenant.Runs(t.Context(), store.Page{Limit: 9}); err != nil || len(runs) != 0 {
		t.Errorf("the ledger of public answered: %v, %v", runs, err)
	}
	if h, err := tenant.History(t.Context(), ops[0].ID, store.Page{Limit: 9}); err != nil || len(h) != 0 {
		t.Errorf("the ledger of public answered: %v, %v", h, err)
	}
	if held, err := tenant.Holder(t.Context(), store.RunLease); err != nil || held != nil {
		t.Errorf("the ledger of public answered: %v, %v", held, err)
	}
	if _, err := seq.New(tenant, ops...).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{`"Tenant 1".a`, `"Tenant 1".seq_ops`, `public.a`} {
		var there bool
		err := public.DB().QueryRowContext(t.Context(), `SELECT to_regclass('`+table+`') IS NOT NULL`).Scan(&there)
		if err != nil || !there {
			t.Errorf("%s is not there: %v", table, err)
		}
	}
	if _, err := seq.New(tenant, ops...).Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := seq.New(public, ops...).Run(t.Context()); err != nil || len(r.Steps) != 0 {
		t.Errorf("%v\n%s", err, r)
	}
}
