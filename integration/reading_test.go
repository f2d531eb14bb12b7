package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/store/bunstore"
)

func oneFile(name, text string) fstest.MapFS {
	return fstest.MapFS{name: {Data: []byte(text)}}
}

func readFiles(t *testing.T, fsys fstest.MapFS) []seq.Op {
	t.Helper()
	ops, err := migrate.Files(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// What a step promises on Postgres is found in the text as Postgres reads it, and runs so.
func TestPostgresReadsItsOwnWay(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text string
		want       seq.Delivery
		note       string
	}{
		"comments nest":              {"1_a.up.sql", "/* a /* b */ ; VACUUM; */ CREATE TABLE t (id int);", seq.Transactional, ""},
		"a string with backslashes":  {"1_a.up.sql", `CREATE TABLE t (a text DEFAULT E'it\'s; VACUUM; ');`, seq.Transactional, ""},
		"which goes on":              {"1_a.up.sql", "CREATE TABLE t (a text DEFAULT E'x'\n'\\'; VACUUM; ');", seq.Transactional, ""},
		"a plain string":             {"1_a.up.sql", `CREATE TABLE t (a text DEFAULT 'c:\'); VACUUM;`, seq.Repeatable, "VACUUM"},
		"a body with a tag":          {"1_a.up.sql", "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $a$ SELECT '$$; VACUUM;' $a$; CREATE TABLE t (id int);", seq.Transactional, ""},
		"a name with a dollar":       {"1_a.up.sql", "CREATE TABLE t (a$b$ int); VACUUM; CREATE TABLE u (a$b$ int);", seq.Repeatable, "VACUUM"},
		"brackets are no quotes":     {"1_a.up.sql", "CREATE TABLE t (a int[]); SELECT (ARRAY[1,2])[1]; -- it's\nVACUUM;", seq.Repeatable, "VACUUM"},
		"a body without quotes":      {"1_a.up.sql", "CREATE TABLE t (id int); CREATE FUNCTION g() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;", seq.Transactional, ""},
		"a rule with two statements": {"1_a.up.sql", "CREATE TABLE t (id int); CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM t; DELETE FROM t);", seq.Transactional, ""},
		"PRAGMA is nothing here":     {"1_a.up.sql", "CREATE TABLE t (pragma int); COMMENT ON COLUMN t.pragma IS 'VACUUM';", seq.Transactional, ""},
		"strings that are not standard": {"1_a.sql", "-- +goose Up\nSET standard_conforming_strings = off;\nSET escape_string_warning = off;\n" +
			`CREATE TABLE t (a text DEFAULT 'it\'s; VACUUM; ');` + "\n", seq.Transactional, ""},
		"all of it is a transaction": {"1_a.up.sql", "-- first\nBEGIN;\nCREATE TABLE t (id int);\nEND WORK;\n-- last", seq.Transactional, ""},
		"and more than one":          {"1_a.up.sql", "BEGIN;\nCREATE TABLE t (id int);\nCOMMIT AND CHAIN;\nCREATE TABLE u (id int);\nCOMMIT;", seq.Repeatable, "transactions of its own"},
		"an index":                   {"1_a.up.sql", "CREATE TABLE t (id int);\nCREATE INDEX CONCURRENTLY i ON t (id);", seq.Repeatable, "CONCURRENTLY"},
		"a system setting":           {"1_a.up.sql", "CREATE TABLE t (id int);\nALTER SYSTEM RESET work_mem;", seq.Repeatable, "ALTER SYSTEM"},
		"a mark of the byte order":   {"1_a.tx.up.sql", "\ufeffCREATE TABLE t (id int);", seq.Transactional, ""},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			s := ledger(t, pgtest.DSN(t))
			q := seq.New(s, readFiles(t, oneFile(tt.file, tt.text))...)
			plan, err := q.Preview(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.Steps[0].Delivery; got != tt.want || !strings.Contains(plan.String(), tt.note) {
				t.Errorf("it is %s, want %s, for %q:\n%s", got, tt.want, tt.note, plan)
			}
			if _, err := q.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.DB().NewSelect().Table("t").Count(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAdoptionOnPostgres(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	set := fstest.MapFS{"1_a.up.sql": {Data: []byte("BOOM")}, "2_b.up.sql": {Data: []byte("CREATE TABLE b (id int)")}}
	q := seq.New(s, readFiles(t, set)...)
	for _, from := range []migrate.Source{migrate.FromGolangMigrate(""), migrate.FromGoose("x.y"), migrate.FromBun(""), migrate.FromLaravel("")} {
		if got, err := migrate.Adopt(t.Context(), q, s.DB(), from); err != nil || !got.NoTable {
			t.Errorf("%s: %s, %v", from.Origin, got, err)
		}
	}
	if _, err := s.DB().ExecContext(t.Context(), `CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one".versions (version bigint, dirty boolean); INSERT INTO "Odd one".versions VALUES (1, false)`); err != nil {
		t.Fatal(err)
	}
	const table = "Odd one.versions"
	f := migrate.GolangMigrate()
	f.Table = table
	ops, err := migrate.Files(set, f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seq.New(s, ops...).Run(t.Context()); !errors.Is(err, migrate.ErrNotAdopted) {
		t.Errorf("got %v", err)
	}
	if got, err := migrate.Adopt(t.Context(), q, s.DB(), migrate.FromGolangMigrate(table)); err != nil || len(got.Imported) != 1 {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := seq.New(s, ops...).Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// Public's table does not answer for a tenant whose search_path has public behind it.
func TestAnotherSchemasTableIsNotAdopted(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := ledger(t, dsn)
	if _, err := s.DB().ExecContext(t.Context(), `CREATE TABLE schema_migrations (version bigint, dirty boolean); INSERT INTO schema_migrations VALUES (1, false); CREATE SCHEMA tenant`); err != nil {
		t.Fatal(err)
	}
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	tenant := ledger(t, dsn+sep+"search_path=tenant,public")
	q := seq.New(tenant, readFiles(t, oneFile("1_a.up.sql", "CREATE TABLE a (id int)"))...)
	got, err := migrate.Adopt(t.Context(), q, tenant.DB(), migrate.FromGolangMigrate(""))
	if err != nil || !got.NoTable || !strings.Contains(got.String(), "say public.schema_migrations") {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := q.Run(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.DB().NewSelect().TableExpr("tenant.a").Count(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := seq.New(s, readFiles(t, oneFile("1_a.up.sql", "CREATE TABLE a (id int)"))...).Run(t.Context()); !errors.Is(err, migrate.ErrNotAdopted) {
		t.Errorf("public itself: %v", err)
	}
	if got, err := migrate.Adopt(t.Context(), seq.New(s, q.Ops()...), s.DB(), migrate.FromGolangMigrate("public.schema_migrations")); err != nil || len(got.Imported) != 1 {
		t.Errorf("%s, %v", got, err)
	}
}

// A migration that does not get its lock in time is tried again, from its beginning or from the
// statement that waited; and the limit ends with it.
func TestLockTimeout(t *testing.T) {
	for name, text := range map[string]string{
		"in a transaction": "CREATE TABLE b (id int); ALTER TABLE a ADD COLUMN c int;",
		"in none":          "CREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY i ON a (id);",
		"in its own":       "BEGIN; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; CREATE TABLE b (id int); LOCK TABLE a; COMMIT;",
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			s := ledger(t, pgtest.DSN(t))
			if _, err := s.DB().ExecContext(t.Context(), `CREATE TABLE a (id int)`); err != nil {
				t.Fatal(err)
			}
			holder, err := s.DB().BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = holder.Rollback() }()
			if _, err := holder.ExecContext(t.Context(), `LOCK TABLE a`); err != nil {
				t.Fatal(err)
			}
			q := seq.New(s, readFiles(t, oneFile("1_a.up.sql", text))...)
			var oops error
			q.Use(migrate.LockTimeout(20*time.Millisecond, 2))
			if _, err := q.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "55P03") {
				t.Errorf("while it is held: %v", err)
			}
			retried := 0
			q.Use(middleware.Middleware{Name: "test", Watch: func(e middleware.Event) {
				if e.Kind == middleware.EventRetrying {
					retried++
					oops = e.Err
					_ = holder.Rollback()
				}
			}})
			if _, err := q.Run(t.Context()); err != nil || retried != 1 {
				t.Errorf("after %d retries: %v (%v)", retried, err, oops)
			}
			if _, err := s.DB().NewSelect().Table("b").Count(t.Context()); err != nil {
				t.Error(err)
			}
			conns := make([]*sql.Conn, 3)
			for i := range conns {
				if conns[i], err = s.DB().DB.Conn(t.Context()); err != nil {
					t.Fatal(err)
				}
				var limit string
				if err := conns[i].QueryRowContext(t.Context(), `SHOW lock_timeout`).Scan(&limit); err != nil || limit != "0" {
					t.Errorf("a connection of the pool waits %s, %v", limit, err)
				}
			}
			for _, c := range conns {
				_ = c.Close()
			}
		})
	}
}

func TestADeadlockIsTriedAgainAndOtherErrorsAreNot(t *testing.T) {
	for code, want := range map[string]int{"40P01": 1, "42P01": 0} {
		s := ledger(t, pgtest.DSN(t))
		if _, err := s.DB().ExecContext(t.Context(), `CREATE SEQUENCE s`); err != nil {
			t.Fatal(err)
		}
		retried := 0
		_, err := seq.New(s, readFiles(t, oneFile("1_a.up.sql", `DO $$ BEGIN IF nextval('s') = 1 THEN RAISE EXCEPTION 'no' USING ERRCODE = '`+code+`'; END IF; END $$;`))...).
			Use(migrate.LockTimeout(time.Millisecond, 5), middleware.Middleware{Name: "test", Watch: func(e middleware.Event) {
				if e.Kind == middleware.EventRetrying {
					retried++
				}
			}}).Run(t.Context())
		if retried != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %d retries, %v; want %d", code, retried, err, want)
		}
	}
	op := seq.Op{ID: "2024_01_01_000000_op", Delivery: seq.Transactional, Run: func(ctx context.Context) error {
		var limit string
		if err := bunstore.Tx(ctx).NewRaw(`SHOW lock_timeout`).Scan(ctx, &limit); err != nil || limit != "0" {
			t.Errorf("an operation waits %s, %v", limit, err)
		}
		return nil
	}}
	if _, err := seq.New(ledger(t, pgtest.DSN(t)), op).Use(migrate.LockTimeout(time.Second, 2)).Run(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := seq.New(ledger(t, pgtest.DSN(t)), op).Use(migrate.LockTimeout(0, 2)).Run(t.Context()); !errors.Is(err, seq.ErrInvalidStrategy) {
		t.Errorf("got %v", err)
	}
}
