package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/store/sqlite"
)

// onEach runs a test on a new database of each kind. dsn is what connect takes, in this process
// or in a child.
func onEach(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "seq.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.DSN(t)) })
}

// connect opens the ledger on a database that onEach made.
func connect(dsn string, opts ...bunstore.Option) (*bunstore.Store, error) {
	if strings.HasSuffix(dsn, ".db") {
		return sqlite.Open(dsn, opts...)
	}
	return postgres.Open(dsn, opts...)
}

// ledger is connect for a test.
func ledger(t testing.TB, dsn string, opts ...bunstore.Option) *bunstore.Store {
	t.Helper()
	s, err := connect(dsn, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// effects is the table in which ops leave their trace.
func effects(t *testing.T, s *bunstore.Store) {
	t.Helper()
	query(t, s, "CREATE TABLE effects (op varchar(200) NOT NULL, what varchar(200) NOT NULL)")
}

func query(t *testing.T, s *bunstore.Store, q string) {
	t.Helper()
	if _, err := s.DB().ExecContext(t.Context(), q); err != nil {
		t.Fatal(err)
	}
}

// count is how often an op left this trace.
func count(t *testing.T, s *bunstore.Store, op, what string) int {
	t.Helper()
	var n int
	err := s.DB().NewSelect().Table("effects").ColumnExpr("count(*)").Where("op = ? AND what = ?", op, what).Scan(t.Context(), &n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// leave is an op's Run that leaves a trace through its transaction.
func leave(op, what string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := bunstore.Tx(ctx).ExecContext(ctx, "INSERT INTO effects (op, what) VALUES (?, ?)", op, what)
		return err
	}
}

// leaveOutside is the same on a connection of its own.
func leaveOutside(s *bunstore.Store, op, what string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := s.DB().ExecContext(ctx, "INSERT INTO effects (op, what) VALUES (?, ?)", op, what)
		return err
	}
}

var self = func() string {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exe
}()

// another is a new database of the kind that dsn is.
func another(t *testing.T, dsn string) string {
	t.Helper()
	if strings.HasSuffix(dsn, ".db") {
		return filepath.Join(t.TempDir(), "seq.db")
	}
	return pgtest.DSN(t)
}

func openSQLite(t *testing.T, path string) *bunstore.Store {
	t.Helper()
	s, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
