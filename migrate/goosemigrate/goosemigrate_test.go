package goosemigrate_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/migrate/goosemigrate"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ledger(t *testing.T) *bunstore.Store {
	t.Helper()
	s, err := sqlite.Open(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var sqlFiles = fstest.MapFS{
	"00001_users.sql": {Data: []byte("-- +goose Up\nCREATE TABLE users (id int, name text);\nCREATE TABLE log (line text);\n-- +goose StatementBegin\nCREATE TRIGGER bump AFTER INSERT ON users BEGIN\n  INSERT INTO log VALUES ('a;b');\nEND;\n-- +goose StatementEnd\n-- +goose Down\nDROP TABLE log;\nDROP TABLE users;\n")},
	"00003_alone.sql": {Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE alone (id int);\nINSERT INTO later VALUES (1);\n-- +goose Down\nDROP TABLE alone;\n")},
	"00004_last.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE last (id int);\n-- +goose Down\nDROP TABLE last;\n")},
}

// inGo is a step in Go, which reads and writes through the transaction that it is given.
func inGo(fails *bool) goose.ProviderOption {
	return goose.WithGoMigrations(goose.NewGoMigration(2,
		&goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO users VALUES (?, ?)`, 1, "ada")
			if *fails {
				err = errors.Join(err, errors.New("no more"))
			}
			return err
		}},
		&goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM users`)
			return err
		}},
	))
}

func TestGoosesMigrationsRunAndGooseCanGoOn(t *testing.T) {
	s := ledger(t)
	fails := true
	ops, err := goosemigrate.Ops(goose.DialectSQLite3, sqlFiles, inGo(&fails))
	if err != nil {
		t.Fatal(err)
	}
	q := seq.New(s, ops...)
	version := func() int64 {
		t.Helper()
		p, err := goose.NewProvider(goose.DialectSQLite3, s.DB().DB, sqlFiles, inGo(&fails))
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.GetDBVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	count := func(table string) int {
		t.Helper()
		n, err := s.DB().NewSelect().Table(table).Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	if _, err := q.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no more") {
		t.Fatalf("got %v", err)
	}
	if version() != 1 || count("users") != 0 {
		t.Errorf("version %d, %d users; want 1 and none", version(), count("users"))
	}
	fails = false
	if _, err := q.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "statement 2 of 2") {
		t.Fatalf("got %v", err)
	}
	if _, err := s.DB().ExecContext(t.Context(), `CREATE TABLE later (id int)`); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if version() != 4 || count("users") != 1 || count("log") != 1 || count("later") != 1 {
		t.Errorf("version %d, %d users, %d lines, %d later; want 4 and one each", version(), count("users"), count("log"), count("later"))
	}
	for v := range 4 {
		if _, err := q.Rollback(t.Context(), seq.Last(1)); err != nil {
			t.Fatal(err)
		}
		if got := version(); got != int64(3-v) {
			t.Errorf("version %d, want %d", got, 3-v)
		}
	}
	if report, err := q.Run(t.Context()); err != nil || version() != 4 {
		t.Errorf("again: %v\n%v", report, err)
	}
}

// goose means to send these in one transaction, but the pragma would do nothing in it: what is done
// stays done, and is not left out when the rest is done later.
func TestStatementsThatAreSentOneByOneStayDone(t *testing.T) {
	s := ledger(t)
	ops, err := goosemigrate.Ops(goose.DialectSQLite3, fstest.MapFS{
		"00001_a.sql": {Data: []byte("-- +goose Up\nPRAGMA foreign_keys = OFF;\nCREATE TABLE a (b int);\nINSERT INTO c VALUES (1);\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	q := seq.New(s, ops...)
	if _, err := q.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "statement 3 of 3") {
		t.Fatalf("got %v", err)
	}
	if _, err := s.DB().ExecContext(t.Context(), `CREATE TABLE c (d int)`); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"a", "c"} {
		if _, err := s.DB().NewSelect().Table(table).Count(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// What goose knows of a function is known before anything runs, and the function is not called.
func TestWhatAFunctionIs(t *testing.T) {
	tx := &goose.GoFunc{RunTx: func(context.Context, *sql.Tx) error { t.Error("called"); return nil }}
	db := &goose.GoFunc{RunDB: func(context.Context, *sql.DB) error { t.Error("called"); return nil }}
	ops, err := goosemigrate.Ops(goose.DialectSQLite3, nil, goose.WithGoMigrations(
		goose.NewGoMigration(1, tx, tx),
		goose.NewGoMigration(2, tx, nil),
		goose.NewGoMigration(3, tx, db),
		goose.NewGoMigration(4, db, nil),
	))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		delivery   seq.Delivery
		reversible bool
	}{{seq.Transactional, true}, {seq.Transactional, false}, {seq.Repeatable, true}, {seq.Repeatable, false}} {
		if got := ops[i]; got.Delivery != want.delivery || (got.Rollback != nil) != want.reversible {
			t.Errorf("%s is %s, reversible: %t; want %s, %t", got.ID, got.Delivery, got.Rollback != nil, want.delivery, want.reversible)
		}
	}
}

func TestTheFilesAndGooseMakeTheSameOps(t *testing.T) {
	byGoose, err := goosemigrate.Ops(goose.DialectSQLite3, sqlFiles)
	if err != nil {
		t.Fatal(err)
	}
	byFiles, err := migrate.Files(sqlFiles)
	if err != nil {
		t.Fatal(err)
	}
	for i := range byFiles {
		a, b := byFiles[i], byGoose[i]
		if a.ID != b.ID || a.Checksum != b.Checksum || a.Delivery != b.Delivery || a.Alias != b.Alias || (a.Rollback == nil) != (b.Rollback == nil) {
			t.Errorf("%s %s %s and %s %s %s", a.ID, a.Delivery, a.Checksum, b.ID, b.Delivery, b.Checksum)
		}
	}
}

func TestWhatGooseAppliedIsAdopted(t *testing.T) {
	s := ledger(t)
	fails := false
	files := fstest.MapFS{"00001_users.sql": sqlFiles["00001_users.sql"], "00004_last.sql": sqlFiles["00004_last.sql"]}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.DB().DB, files, inGo(&fails))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	ops, err := goosemigrate.Ops(goose.DialectSQLite3, files, inGo(&fails))
	if err != nil {
		t.Fatal(err)
	}
	q := seq.New(s, ops...)
	if _, err := q.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "FromGoose") {
		t.Errorf("not adopted: got %v", err)
	}
	if got, err := migrate.Adopt(t.Context(), q, s.DB(), migrate.FromGoose("")); err != nil || len(got.Imported) != 3 {
		t.Errorf("got %v, %v", got, err)
	}
	if report, err := q.Run(t.Context()); err != nil || len(report.Steps) != 0 {
		t.Errorf("%v, %v", report, err)
	}
	if _, err := q.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
}

// A death fails all that the ledger is told from the moment that a step is done.
type death struct{ dead bool }

func (d *death) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	if d.dead = d.dead || strings.Contains(e.Query, "state = excluded.state, finished ="); d.dead {
		ended, end := context.WithCancel(ctx)
		end()
		return ended
	}
	return ctx
}

func (d *death) AfterQuery(context.Context, *bun.QueryEvent) {}

// A process that dies after goose has written its row and before the ledger has heard of it needs
// nobody.
func TestAFunctionWhoseEndTheLedgerDidNotHear(t *testing.T) {
	s := ledger(t)
	calls := 0
	ops, err := goosemigrate.Ops(goose.DialectSQLite3, nil, goose.WithGoMigrations(goose.NewGoMigration(1,
		&goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
			calls++
			_, err := db.ExecContext(ctx, `CREATE TABLE a (id int)`)
			return err
		}},
		&goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, `DROP TABLE a`)
			return err
		}},
	)))
	if err != nil {
		t.Fatal(err)
	}
	dying := bunstore.New(s.DB().WithQueryHook(&death{}), bunstore.LeaseTTL(time.Second))
	if _, err := seq.New(dying, ops...).Run(t.Context()); err == nil {
		t.Fatal("it did not die")
	}
	for range 2 {
		if r, err := seq.New(s, ops...).Run(t.Context()); err != nil || calls != 1 {
			t.Errorf("%d calls, %v\n%s", calls, err, r)
		}
	}
	if r, err := seq.New(s, ops...).Rollback(t.Context()); err != nil {
		t.Errorf("%v\n%s", err, r)
	}
}

// What goose has done and nobody adopted stays an error, however often it is tried.
func TestAFunctionThatWasNotAdopted(t *testing.T) {
	s := ledger(t)
	with := goose.WithGoMigrations(goose.NewGoMigration(1, &goose.GoFunc{RunDB: func(context.Context, *sql.DB) error { return nil }}, nil))
	p, err := goose.NewProvider(goose.DialectSQLite3, s.DB().DB, nil, with)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	ops, err := goosemigrate.Ops(goose.DialectSQLite3, nil, with)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := seq.New(s, ops...).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "FromGoose") {
			t.Errorf("got %v", err)
		}
	}
}

// What hides a pragma from Postgres does not hide it from SQLite, and a file that got another name is
// the same migration.
func TestFilesAreReadAndKnownAsByFiles(t *testing.T) {
	rebuild := "-- +goose Up\n-- +goose StatementBegin\n/* from schema/*.sql */\nPRAGMA foreign_keys=OFF;\n-- +goose StatementEnd\n" +
		"CREATE TABLE n (id integer PRIMARY KEY);\nINSERT INTO n SELECT id FROM p;\nDROP TABLE p;\nALTER TABLE n RENAME TO p;\n-- +goose Down\n-- +goose StatementBegin\n/* none */\n-- +goose StatementEnd\n"
	s := ledger(t)
	if _, err := s.DB().ExecContext(t.Context(), `CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE c (p REFERENCES p ON DELETE CASCADE); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"20240115126000_rebild.sql", "20240115126000_rebuild.sql"} {
		ops, err := goosemigrate.Ops(goose.DialectSQLite3, fstest.MapFS{name: {Data: []byte(rebuild)}})
		if err != nil {
			t.Fatal(err)
		}
		if ops[0].Rollback != nil || ops[0].Alias+".sql" != name {
			t.Errorf("%s has a way back: %t", ops[0].Alias, ops[0].Rollback != nil)
		}
		report, err := seq.New(s, ops...).Run(t.Context())
		if err != nil || len(report.Steps) != 1-i {
			t.Errorf("%s: %v\n%s", name, err, report)
		}
	}
	if n, err := s.DB().NewSelect().Table("c").Count(t.Context()); n != 1 || err != nil {
		t.Errorf("%d children, %v; want 1", n, err)
	}
}
