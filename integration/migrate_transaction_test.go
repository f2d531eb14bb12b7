package integration_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A script that ends with a transaction open is never a success whose change is thrown away, nor does it
// keep the ledger from its lease.
func TestAScriptThatEndsInATransaction(t *testing.T) {
	const head, change = "CREATE TABLE a (m text);\nINSERT INTO a VALUES ('a');\n", "UPDATE a SET m = 'b';\n"
	goose := func(note, text string) map[string]string {
		return map[string]string{"00001_a.sql": note + "-- +goose Up\n" + text}
	}
	plain := func(text string) map[string]string { return map[string]string{"000001_a.up.sql": text} }
	split := func(text string) map[string]string {
		return map[string]string{"20240101000000_a.up.sql": strings.ReplaceAll(text, ";\n", ";\n--bun:split\n")}
	}
	const alone = "-- +goose NO TRANSACTION\n"
	const say = "seq:no-transaction"
	onEach(t, func(t *testing.T, dsn string) {
		for name, tt := range map[string]struct {
			files map[string]string
			kept  bool // by the other tool, on both databases
		}{
			"goose, commit and begin":          {goose("", head+"COMMIT;\nBEGIN;\n"+change), true},
			"goose, begin":                     {goose("", head+"BEGIN;\n"+change), false},
			"goose, begin with words":          {goose("", head+"COMMIT;\nSTART TRANSACTION;\n"+change), false},
			"goose, alone":                     {goose(alone, head+"BEGIN;\n"+change), false},
			"goose, alone, commented":          {goose(alone, head+"BEGIN; -- COMMIT;\n"+change+"-- COMMIT;\n"), false},
			"golang-migrate, commit and begin": {plain(head + "COMMIT;\nBEGIN;\n" + change), true},
			"golang-migrate, begin":            {plain(head + "BEGIN;\n" + change), true},
			"golang-migrate, all of it":        {plain("BEGIN;\n" + head + change), true},
			"golang-migrate, commented":        {plain("BEGIN;\n" + head + change + "/* COMMIT; */"), true},
			"golang-migrate, begin at the end": {plain(head + change + "BEGIN;"), true},
			"golang-migrate, author said so":   {plain("-- " + say + "\nBEGIN;\n" + head + change), true},
			"bun, begin":                       {split(head + "BEGIN;\n" + change), false},
			"bun, commit and begin":            {split(head + "COMMIT;\nBEGIN;\n" + change), false},
			"bun, two in one":                  {split(head + "BEGIN; COMMIT; BEGIN;\n" + change), false},
		} {
			t.Run(name, func(t *testing.T) {
				s := ledger(t, another(t, dsn))
				ops := filesOf(t, tt.files)
				_, err := seq.New(s, ops...).Run(t.Context())
				var m string
				qerr := s.DB().QueryRowContext(t.Context(), `SELECT m FROM a`).Scan(&m)
				switch {
				case errors.Is(err, seq.ErrLeaseLost):
					t.Error(err)
				case err == nil && m != "b":
					t.Errorf("succeeded, and the value is %q (%v)", m, qerr)
				case tt.kept && err != nil && !strings.Contains(err.Error(), "no transaction is active"):
					t.Errorf("the other tool keeps it: %v", err)
				case err != nil && !strings.Contains(err.Error(), "transaction"):
					t.Errorf("that does not help: %v", err)
				}
			})
		}
	})
}

// A transaction of the file's own is the step's if it is all of the file, whatever words end it; else
// the file runs as it stands.
func TestTransactionsOfAFilesOwn(t *testing.T) {
	for text, want := range map[string]seq.Delivery{
		"BEGIN;\nCREATE TABLE a (id int);\nCREATE TABLE b (id int);\nEND;\n":                                        seq.Transactional,
		"begin work; CREATE TABLE a (id int); CREATE TABLE b (id int); end work":                                    seq.Transactional,
		"SET statement_timeout = 0;\nBEGIN;\nCREATE TABLE a (id int);\nCREATE TABLE b (id int);\nCOMMIT;":           seq.Transactional,
		"BEGIN; CREATE TABLE a (id int); CREATE TABLE b (id int); COMMIT AND NO CHAIN;":                             seq.Transactional,
		"BEGIN READ WRITE; CREATE TABLE a (id int); CREATE TABLE b (id int); COMMIT TRANSACTION;":                   seq.Transactional,
		"BEGIN;\nCREATE TABLE a (id int);\nCOMMIT AND CHAIN;\nCREATE TABLE b (id int);\nCOMMIT;\n":                  seq.Repeatable,
		"CREATE TABLE a (id int);\nEND;\nCREATE TABLE b (id int);\n":                                                seq.Repeatable,
		"BEGIN; CREATE TABLE a (id int); END; BEGIN; CREATE TABLE b (id int); END WORK;":                            seq.Repeatable,
		"BEGIN; CREATE TABLE a (x int); ROLLBACK AND CHAIN; CREATE TABLE a (id int); CREATE TABLE b (id int); END;": seq.Repeatable,
		"BEGIN; SELECT 1; ABORT; CREATE TABLE a (id int); CREATE TABLE b (id int);":                                 seq.Repeatable,
		"BEGIN; CREATE TABLE a (id int); COMMIT; BEGIN; DROP TABLE a; ABORT WORK; CREATE TABLE b (id int);":         seq.Repeatable,
		// What only looks like one.
		"CREATE TABLE a (begin int, \"end\" int); CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; CREATE TABLE b (id int);": seq.Transactional,
		"CREATE TABLE a (id int); SAVEPOINT x; DROP TABLE a; ROLLBACK TO x; CREATE TABLE b (id int); RELEASE x;":                        seq.Transactional,
	} {
		t.Run(text, func(t *testing.T) {
			s := ledger(t, pgtest.DSN(t))
			ops := filesOf(t, map[string]string{"000001_a.up.sql": text})
			if ops[0].Delivery != want {
				t.Errorf("it is %s, want %s", ops[0].Promise(), want)
			}
			if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, r)
			}
			query(t, s, `SELECT * FROM a, b`)
			if h, err := s.History(t.Context(), ops[0].ID, store.Page{Limit: 9}); err != nil || len(h) != 1 {
				t.Errorf("%v, %v", h, err)
			}
		})
	}
	t.Run("PREPARE TRANSACTION", func(t *testing.T) {
		ops := filesOf(t, map[string]string{
			"1_a.up.sql": "BEGIN; CREATE TABLE a (id int); PREPARE TRANSACTION 'x'; COMMIT PREPARED 'x';",
			"2_b.up.sql": "CREATE TABLE a (id int); PREPARE TRANSACTION 'x';",
		})
		for _, op := range ops {
			if op.Delivery != seq.Repeatable || !strings.Contains(op.Promise(), "transactions of its own") {
				t.Errorf("%s is %s", op.ID, op.Promise())
			}
		}
	})
}

// The isolation of a transaction is set before any query of it, also the ledger's.
func TestTheIsolationThatAScriptSets(t *testing.T) {
	const made = "CREATE TABLE a AS SELECT current_setting('transaction_isolation') AS level;"
	goose := func(text string) map[string]string { return map[string]string{"00001_a.sql": "-- +goose Up\n" + text} }
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"set transaction":       {goose("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n" + made + "\n"), "serializable"},
		"set local":             {goose("SET LOCAL transaction_isolation = 'repeatable read';\n" + made + "\n"), "repeatable read"},
		"after other settings":  {goose("SET statement_timeout = 0;\nSET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n" + made + "\n"), "repeatable read"},
		"of one text":           {map[string]string{"1_a.up.sql": "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;" + made}, "serializable"},
		"of its own":            {map[string]string{"1_a.up.sql": "BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE;" + made + "COMMIT;"}, "serializable"},
		"in its own":            {map[string]string{"1_a.up.sql": "BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;" + made + "END;"}, "serializable"},
		"of bun":                {map[string]string{"20240101000000_a.tx.up.sql": "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n--bun:split\n" + made}, "serializable"},
		"for the whole session": {goose("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n" + made + "\n"), "read committed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ledger(t, pgtest.DSN(t))
			ops := filesOf(t, tt.files)
			ops = append(ops, seq.Op{ID: "2025_01_01_000000_b", Kind: seq.Migration, Delivery: seq.Transactional, Run: func(ctx context.Context) error {
				_, err := bunstore.Tx(ctx).ExecContext(ctx, `CREATE TABLE b AS SELECT current_setting('transaction_isolation') AS level`)
				return err
			}})
			if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, r)
			}
			var got, next string
			err := s.DB().QueryRowContext(t.Context(), `SELECT a.level, b.level FROM a, b`).Scan(&got, &next)
			if err != nil || got != tt.want || next != "read committed" {
				t.Errorf("%s, then %s, %v; want %s", got, next, err, tt.want)
			}
			if ops[0].Delivery != seq.Transactional {
				t.Errorf("it is %s", ops[0].Promise())
			}
		})
	}
}

// attempts are the lines of an op's history, in few words.
func attempts(t *testing.T, s *bunstore.Store, id string) string {
	t.Helper()
	history, err := s.History(t.Context(), id, store.Page{Limit: 9})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, a := range slices.Backward(history) {
		list = append(list, fmt.Sprintf("%s %s", a.Direction, a.State))
	}
	return strings.Join(list, ", ")
}

// What the database refuses in a transaction, and no list of ours has, runs without one, in an attempt
// of its own that promises no more than it can.
func TestWhatTheDatabaseRefusesInATransaction(t *testing.T) {
	const before = "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
	for name, tt := range map[string]struct{ up, down string }{
		"one":      {"REINDEX TABLE p;", "SELECT 1;"},
		"another":  {"CLUSTER;", "CLUSTER;"},
		"several":  {"CREATE TABLE a (id int);\nCLUSTER;\nCREATE TABLE b (id int);", "DROP TABLE a; REINDEX TABLE p; DROP TABLE b;"},
		"the last": {"CREATE TABLE a (id int); INSERT INTO a VALUES (1); CLUSTER", "DROP TABLE a"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ledger(t, pgtest.DSN(t))
			ops := filesOf(t, map[string]string{"1_p.up.sql": before, "2_a.up.sql": tt.up, "2_a.down.sql": tt.down, "3_c.up.sql": "CREATE TABLE c (id int)", "3_c.down.sql": "DROP TABLE c"})
			sequencer := seq.New(s, ops...)
			plan, err := sequencer.Preview(t.Context())
			if err != nil || !strings.Contains(plan.String(), "transactional if the database allows") {
				t.Errorf("%v, %v", plan, err)
			}
			if r, err := sequencer.Run(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, r)
			}
			if got, want := attempts(t, s, ops[1].ID), "run pending, run succeeded"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if got := attempts(t, s, ops[2].ID); got != "run succeeded" {
				t.Errorf("the next one: %s", got)
			}
			entries, err := s.Load(t.Context())
			for _, e := range entries {
				if want := map[bool]seq.Delivery{true: seq.Repeatable, false: seq.Transactional}[e.ID == ops[1].ID]; e.Delivery != want || err != nil {
					t.Errorf("%s is recorded as %s, want %s (%v)", e.ID, e.Delivery, want, err)
				}
			}
			if r, err := sequencer.Rollback(t.Context(), seq.Last(2)); err != nil {
				t.Fatalf("%v\n%s", err, r)
			}
			if r, err := sequencer.Run(t.Context()); err != nil {
				t.Errorf("and again: %v\n%s", err, r)
			}
		})
	}
	t.Run("and nowhere else", func(t *testing.T) {
		s := ledger(t, pgtest.DSN(t))
		ops := filesOf(t, map[string]string{"1_a.up.sql": "CREATE TABLE a (id int);\nCREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'CLUSTER'; END $$;\nSELECT f();"})
		_, err := seq.New(s, ops...).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "statement 3 of 3") {
			t.Errorf("got %v", err)
		}
		if _, err := seq.New(s, ops...).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "statement 3 of 3") {
			t.Errorf("got %v: what was done counts", err)
		}
	})
}

// A process that dies in a step which the database refused in a transaction does not try one again:
// half of it is there.
func TestAStepThatRunsApartGoesOn(t *testing.T) {
	for n := range 7 {
		dsn := pgtest.DSN(t)
		s := ledger(t, dsn)
		blown := &fuse{n: n + 1}
		dying := bunstore.New(s.DB().WithQueryHook(blown))
		ops := filesOf(t, map[string]string{"1_a.up.sql": "CREATE TABLE a (id int);\nCLUSTER;\nCREATE TABLE b (id int);\nALTER TABLE b ADD COLUMN c int;"})
		if _, err := seq.New(dying, ops...).Run(t.Context()); err == nil || blown.n > 0 {
			t.Fatalf("it did not save for the %d. time: %v", n+1, err)
		}
		if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
			t.Errorf("it died when it saved for the %d. time: %v\n%s", n+1, err, r)
		}
	}
}

// A fuse fails the n-th time that the ledger keeps what an op saves.
type fuse struct{ n int }

func (f *fuse) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	if strings.Contains(e.Query, "SET saved = ") {
		if f.n--; f.n <= 0 {
			dead, die := context.WithCancel(ctx)
			die()
			return dead
		}
	}
	return ctx
}

func (f *fuse) AfterQuery(context.Context, *bun.QueryEvent) {}

// The author of a file of any format can say that it wants no transaction.
func TestTheAuthorWantsNoTransaction(t *testing.T) {
	const say = "-- what it is for\n\n-- seq:no-transaction\n"
	for name, tt := range map[string]struct {
		file, text string
		want       seq.Delivery
	}{
		"golang-migrate": {"1_a.up.sql", say + "CREATE TABLE a (id int); CREATE TABLE b (id int);", seq.Repeatable},
		"bun":            {"20240101000000_a.up.sql", say + "CREATE TABLE a (id int)\n--bun:split\nCREATE TABLE b (id int);", seq.Repeatable},
		"bun, tx":        {"20240101000000_a.tx.up.sql", say + "CREATE TABLE a (id int)\n--bun:split\nCREATE TABLE b (id int);", seq.Repeatable},
		"goose":          {"00001_a.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE a (id int);\nCREATE TABLE b (id int);\n", seq.Repeatable},
		"too late":       {"1_a.up.sql", "CREATE TABLE a (id int); CREATE TABLE b (id int);\n" + say, seq.Transactional},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, dsn string) {
				s := ledger(t, dsn)
				ops := filesOf(t, map[string]string{tt.file: tt.text})
				if ops[0].Delivery != tt.want {
					t.Errorf("it is %s", ops[0].Promise())
				}
				if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
					t.Fatalf("%v\n%s", err, r)
				}
				query(t, s, `SELECT * FROM a, b`)
			})
		})
	}
}

// An index that was being built and is no use to anybody is not one, also for IF NOT EXISTS.
func TestAnInvalidIndexIsNotDone(t *testing.T) {
	for _, name := range []string{"i", "IF NOT EXISTS i"} {
		t.Run(name, func(t *testing.T) {
			s := ledger(t, pgtest.DSN(t))
			query(t, s, `CREATE TABLE a (b int); INSERT INTO a VALUES (1), (1)`)
			ops := filesOf(t, map[string]string{"1_a.up.sql": "CREATE UNIQUE INDEX CONCURRENTLY " + name + " ON a (b);", "2_b.up.sql": "CREATE UNIQUE INDEX CONCURRENTLY " + strings.Replace(name, "i", "j", 1) + " ON a (b);"})
			for range 2 {
				if _, err := seq.New(s, ops...).Run(t.Context()); err == nil {
					t.Fatal("it has the same row twice")
				}
			}
			_, _ = s.DB().ExecContext(t.Context(), `CREATE UNIQUE INDEX CONCURRENTLY j ON a (b)`) // somebody's attempt by hand
			query(t, s, `DELETE FROM a`)
			if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, r)
			}
			var valid int
			err := s.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM pg_index WHERE indrelid = 'a'::regclass AND indisvalid`).Scan(&valid)
			if err != nil || valid != 2 {
				t.Errorf("%d are valid, %v", valid, err)
			}
		})
	}
}

// The same for an index that Postgres names: what is left of the first is not beside the second.
func TestAnInvalidIndexWithoutAName(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	query(t, s, `CREATE TABLE "A b" (b int); INSERT INTO "A b" VALUES (1), (1); CREATE INDEX ON "A b" (b)`)
	ops := filesOf(t, map[string]string{"1_a.up.sql": `CREATE UNIQUE INDEX CONCURRENTLY ON "A b" (b);`})
	for range 2 {
		if _, err := seq.New(s, ops...).Run(t.Context()); err == nil {
			t.Fatal("it has the same row twice")
		}
	}
	query(t, s, `DELETE FROM "A b"`)
	if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	var all, valid int
	err := s.DB().QueryRowContext(t.Context(), `SELECT count(*), count(*) FILTER (WHERE indisvalid) FROM pg_index WHERE indrelid = '"A b"'::regclass`).Scan(&all, &valid)
	if err != nil || all != 2 || valid != 2 {
		t.Errorf("%d indexes, %d valid, %v; want 2", all, valid, err)
	}
}
