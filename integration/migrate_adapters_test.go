package integration_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	bunlib "github.com/uptrace/bun/migrate"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/migrate/bunmigrate"
	"github.com/sequencer-go/seq/migrate/goosemigrate"
	"github.com/sequencer-go/seq/store/bunstore"
)

func gooseOps(t *testing.T, files map[string]string, opts ...goose.ProviderOption) []seq.Op {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	ops, err := goosemigrate.Ops(goose.DialectPostgres, folder, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

func bunFileOps(t *testing.T, files map[string]string) []seq.Op {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	all := bunlib.NewMigrations()
	if err := all.Discover(folder); err != nil {
		t.Fatal(err)
	}
	ops, err := bunmigrate.Ops(all)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// rowsOf counts the rows of another tool's table.
func rowsOf(t *testing.T, s *bunstore.Store, table string) (n int) {
	t.Helper()
	if err := s.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Error(err)
	}
	return n
}

// What holds for files holds for the adapters: goose's first step, at which it makes its table, and those
// after it, which are executed without it.
func TestScriptsThroughTheAdapters(t *testing.T) {
	t.Run("goose", func(t *testing.T) {
		s := ledger(t, pgtest.DSN(t))
		const level = " AS SELECT current_setting('transaction_isolation') AS m;\n"
		ops := gooseOps(t, map[string]string{
			"00001_a.sql": "-- +goose Up\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE a" + level + "-- +goose Down\nDROP TABLE a;\n",
			"00002_b.sql": "-- +goose Up\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE b" + level + "-- +goose Down\nDROP TABLE b;\n",
			"00003_c.sql": "-- +goose Up\nSET search_path = '';\nSET ROLE pg_monitor;\nRESET ROLE;\nCREATE TABLE public.c (id int); -- and no more\n-- +goose Down\nDROP TABLE c;\n",
			"00004_d.sql": "-- +goose Up\nCREATE TABLE d (m text);\nINSERT INTO d VALUES ('a');\nCOMMIT;\nBEGIN;\nUPDATE d SET m = 'b';\n-- +goose Down\nDROP TABLE d;\n",
			"00005_e.sql": "-- +goose Up\nCREATE TABLE e (id int);\nCLUSTER;\n-- +goose Down\nCLUSTER;\nDROP TABLE e;\n",
			"00006_f.sql": "-- +goose Up\nBEGIN;\nCREATE TABLE f (id int);\nEND;\n-- +goose Down\nDROP TABLE f;\n",
		})
		sequencer := seq.New(s, ops...)
		for range 2 {
			if r, err := sequencer.Run(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, r)
			}
			if n := rowsOf(t, s, "goose_db_version"); n != 7 {
				t.Errorf("goose has %d rows, want 7", n)
			}
			var a, b, d string
			err := s.DB().QueryRowContext(t.Context(), `SELECT a.m, b.m, d.m FROM a, b, d`).Scan(&a, &b, &d)
			if err != nil || a != "serializable" || b != a || d != "b" {
				t.Errorf("%s, %s, %s, %v", a, b, d, err)
			}
			if r, err := sequencer.Rollback(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, r)
			}
			if n := rowsOf(t, s, "goose_db_version"); n != 1 {
				t.Errorf("goose has %d rows, want 1", n)
			}
		}
	})
	t.Run("goose's table by another name", func(t *testing.T) {
		s := ledger(t, pgtest.DSN(t))
		ops := gooseOps(t, map[string]string{
			"00001_a.sql": "-- +goose Up\nCREATE TABLE a (id int);\n", "00002_b.sql": "-- +goose Up\nCREATE TABLE b (id int);\n",
		}, goose.WithTableName("public.versions"))
		if r, err := seq.New(s, ops[0]).Run(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, r)
		}
		query(t, s, `INSERT INTO versions (version_id, is_applied) VALUES (2, true)`) // as goose would
		for range 2 {
			if _, err := seq.New(s, ops...).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "FromGoose") {
				t.Errorf("not adopted: got %v", err)
			}
		}
		query(t, s, `DELETE FROM versions WHERE version_id = 2`)
		if r, err := seq.New(s, ops...).Run(t.Context()); err != nil || rowsOf(t, s, "versions") != 3 {
			t.Errorf("%v\n%s", err, r)
		}
	})
	t.Run("goose's step that fails", func(t *testing.T) {
		s := ledger(t, pgtest.DSN(t))
		texts := map[string]string{
			"00001_a.sql": "-- +goose Up\nCREATE TABLE a (id int);\n", "00002_b.sql": "-- +goose Up\nCREATE TABLE b (id int);\nSELECT nothing;\n", "00003_c.sql": "-- +goose Up\nCREATE TABLE c (id int);\n",
		}
		if _, err := seq.New(s, gooseOps(t, texts)...).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing") {
			t.Errorf("got %v", err)
		}
		if n := rowsOf(t, s, "goose_db_version"); n != 2 {
			t.Errorf("goose has %d rows, want 2", n)
		}
		texts["00002_b.sql"] = "-- +goose Up\nCREATE TABLE b (id int);\n"
		if r, err := seq.New(s, gooseOps(t, texts)...).Run(t.Context()); err != nil || rowsOf(t, s, "goose_db_version") != 4 {
			t.Errorf("%v\n%s", err, r)
		}
	})
	t.Run("bun", func(t *testing.T) {
		s := ledger(t, pgtest.DSN(t))
		ops := bunFileOps(t, map[string]string{
			"20240101000000_a.tx.up.sql": "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n--bun:split\nCREATE TABLE a AS SELECT current_setting('transaction_isolation') AS m;",
			"20240101000001_b.up.sql":    "SET search_path = ''; SET ROLE pg_monitor;\n--bun:split\nSELECT 1",
			"20240101000002_c.up.sql":    "-- seq:no-transaction\nCREATE TABLE c (id int)\n--bun:split\nCREATE TABLE d (id int)",
			"20240101000003_e.up.sql":    "CREATE TABLE e (id int)\n--bun:split\nCLUSTER",
			"20240101000004_f.up.sql":    "BEGIN\n--bun:split\nCREATE TABLE f (id int)\n--bun:split\nEND",
		})
		if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, r)
		}
		var m string
		err := s.DB().QueryRowContext(t.Context(), `SELECT m FROM a`).Scan(&m)
		if err != nil || m != "serializable" || rowsOf(t, s, "bun_migrations") != 5 {
			t.Errorf("%s, %v", m, err)
		}
		left := bunFileOps(t, map[string]string{"20240101000005_g.up.sql": "CREATE TABLE g (id int)\n--bun:split\nBEGIN\n--bun:split\nCREATE TABLE h (id int)"})
		if _, err := seq.New(s, left...).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "transaction open") {
			t.Errorf("got %v", err)
		}
		if n := rowsOf(t, s, "bun_migrations"); n != 5 {
			t.Errorf("bun has %d rows, want 5", n)
		}
	})
}
