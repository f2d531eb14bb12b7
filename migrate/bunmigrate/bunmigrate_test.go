package bunmigrate_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/uptrace/bun"
	bunlib "github.com/uptrace/bun/migrate"
	"go.uber.org/goleak"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/migrate/bunmigrate"
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
	"20240115120000_users.up.sql":      {Data: []byte("CREATE TABLE users (id integer PRIMARY KEY, name text)\n--bun:split\nINSERT INTO users VALUES (1, '{{.Name}}')")},
	"20240115120000_users.down.sql":    {Data: []byte("DROP TABLE users")},
	"20240115120002_vacuum.up.sql":     {Data: []byte("VACUUM\n--bun:split\nCREATE TABLE vacuumed (id int)")},
	"20240115120002_vacuum.down.sql":   {Data: []byte("DROP TABLE vacuumed")},
	"20240115120003_posts.tx.up.sql":   {Data: []byte("CREATE TABLE posts (id int)")},
	"20240115120003_posts.tx.down.sql": {Data: []byte("DROP TABLE posts")},
}

type user struct {
	ID   int64 `bun:",pk"`
	Name string
}

// collection is one as a service has it, with a step in Go between those in SQL.
func collection(t *testing.T, up, down bunlib.MigrationFunc) *bunlib.Migrations {
	t.Helper()
	all := bunlib.NewMigrations()
	if err := errors.Join(all.Discover(sqlFiles), register(all, up, down)); err != nil {
		t.Fatal(err)
	}
	return all
}

func rename(ctx context.Context, db *bun.DB) error {
	return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		var u user
		if err := tx.NewSelect().Model(&u).Where("id = ?", 1).Scan(ctx); err != nil {
			return err
		}
		u.Name += " Lovelace"
		_, err := tx.NewUpdate().Model(&u).WherePK().Exec(ctx)
		return err
	})
}

func nothing(context.Context, *bun.DB) error { return nil }

var template = bunmigrate.Options{Migrator: []bunlib.MigratorOption{bunlib.WithTemplateData(map[string]string{"Name": "Ada"})}}

func sequencer(t *testing.T, s *bunstore.Store, all *bunlib.Migrations, opts bunmigrate.Options) *seq.Sequencer {
	t.Helper()
	ops, err := bunmigrate.Ops(all, opts)
	if err != nil {
		t.Fatal(err)
	}
	return seq.New(s, ops...)
}

func applied(t *testing.T, s *bunstore.Store, all *bunlib.Migrations) (names []string) {
	t.Helper()
	ms, err := bunlib.NewMigrator(s.DB(), all).AppliedMigrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ms {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names
}

var versions = []string{"20240115120000", "20240115120001", "20240115120002", "20240115120003"}

func TestBunsMigrationsRunAndBunCanGoOn(t *testing.T) {
	s := ledger(t)
	all := collection(t, rename, nothing)
	q := sequencer(t, s, all, template)
	plan, err := q.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []seq.Delivery{seq.Transactional, seq.Transactional, seq.Repeatable, seq.Transactional} {
		if op := plan.Steps[i]; op.Delivery != want || (op.Checksum == "") != (i == 1) {
			t.Errorf("%s: %s, checksum %q; want %s", op.ID, op.Delivery, op.Checksum, want)
		}
	}
	if _, err := q.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var name string
	if err := s.DB().NewSelect().Table("users").Column("name").Scan(t.Context(), &name); err != nil || name != "Ada Lovelace" {
		t.Errorf("name %q, %v", name, err)
	}
	if got := applied(t, s, all); !slices.Equal(got, versions) {
		t.Errorf("bun's table has %q", got)
	}
	group, err := bunlib.NewMigrator(s.DB(), all, template.Migrator...).Migrate(t.Context())
	if err != nil || !group.IsZero() {
		t.Errorf("bun finds %v to do, %v", group, err)
	}
	if _, err := q.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := applied(t, s, all); len(got) != 0 {
		t.Errorf("after rollback bun's table has %q", got)
	}
	if group, err := bunlib.NewMigrator(s.DB(), all, template.Migrator...).Migrate(t.Context()); err != nil || len(group.Migrations) != 4 {
		t.Errorf("bun goes on: %v, %v", group, err)
	}
}

func TestAFunctionThatFailsLeavesNothing(t *testing.T) {
	s := ledger(t)
	fails := true
	all := collection(t, func(ctx context.Context, db *bun.DB) error {
		_, err := db.ExecContext(ctx, `CREATE TABLE half (id int); INSERT INTO half VALUES (1)`)
		if fails {
			err = errors.Join(err, errors.New("no more"))
		}
		return err
	}, nothing)
	q := sequencer(t, s, all, template)
	if _, err := q.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no more") {
		t.Fatalf("got %v", err)
	}
	if got := applied(t, s, all); !slices.Equal(got, versions[:1]) {
		t.Errorf("bun's table has %q", got)
	}
	fails = false
	if _, err := q.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

// bun means to send these in one transaction, but the pragma would do nothing in it: what is done
// stays done, and is not left out when the rest is done later.
func TestStatementsThatAreSentOneByOneStayDone(t *testing.T) {
	s := ledger(t)
	all := bunlib.NewMigrations()
	if err := all.Discover(fstest.MapFS{
		"1_a.tx.up.sql": {Data: []byte("PRAGMA foreign_keys = OFF\n--bun:split\nCREATE TABLE a (b int)\n--bun:split\nINSERT INTO c VALUES (1)")},
	}); err != nil {
		t.Fatal(err)
	}
	q := sequencer(t, s, all, bunmigrate.Options{})
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

// A transaction that is all of a file is the step's.
func TestATransactionOfAFilesOwn(t *testing.T) {
	s := ledger(t)
	all := bunlib.NewMigrations()
	if err := all.Discover(fstest.MapFS{
		"1_a.up.sql": {Data: []byte("BEGIN; CREATE TABLE a (b int); COMMIT;")},
		"2_b.up.sql": {Data: []byte("BEGIN\n--bun:split\nCREATE TABLE b (b int)\n--bun:split\nINSERT INTO c VALUES (1)\n--bun:split\nCOMMIT")},
	}); err != nil {
		t.Fatal(err)
	}
	q := sequencer(t, s, all, bunmigrate.Options{})
	for _, op := range q.Ops() {
		if op.Delivery != seq.Transactional {
			t.Errorf("%s is %s", op.ID, op.Delivery)
		}
	}
	if _, err := q.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no such table: c") {
		t.Fatalf("got %v", err)
	}
	if got := applied(t, s, all); !slices.Equal(got, []string{"1"}) {
		t.Errorf("bun's table has %q", got)
	}
	if _, err := s.DB().NewSelect().Table("b").Count(t.Context()); err == nil {
		t.Error("b is there")
	}
}

func TestAFunctionOutsideOfATransaction(t *testing.T) {
	s := ledger(t)
	calls := 0
	all := collection(t, func(ctx context.Context, db *bun.DB) error {
		calls++
		_, err := db.ExecContext(ctx, `VACUUM`)
		return err
	}, nothing)
	opts := template
	opts.NoTransaction = []string{"20240115120001"}
	q := sequencer(t, s, all, opts)
	if _, err := q.Run(t.Context()); err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	if got := applied(t, s, all); !slices.Equal(got, versions) {
		t.Errorf("bun's table has %q", got)
	}
	opts.NoTransaction = []string{"7"}
	if _, err := bunmigrate.Ops(all, opts); err == nil || !strings.Contains(err.Error(), "no migration 7") {
		t.Errorf("got %v", err)
	}
}

func TestWhatBunAppliedIsAdoptedAndNotRunTwice(t *testing.T) {
	s := ledger(t)
	all := collection(t, rename, nothing)
	by := bunlib.NewMigrator(s.DB(), all, template.Migrator...)
	if err := by.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := by.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	q := sequencer(t, s, all, template)
	if _, err := q.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "FromBun") {
		t.Errorf("not adopted: got %v", err)
	}
	got, err := migrate.Adopt(t.Context(), q, s.DB(), migrate.FromBun(""))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Imported) != 4 {
		t.Errorf("got %s", got)
	}
	if report, err := q.Run(t.Context()); err != nil {
		t.Errorf("%v\n%v", report, err)
	}
}
