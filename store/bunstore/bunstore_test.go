package bunstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
	"go.uber.org/goleak"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// The tests that need a database are in store/sqlite and in the module integration.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errUnused = errors.New("it was used")

// nobody makes no connection.
type nobody struct{}

func (nobody) Connect(context.Context) (driver.Conn, error) { return nil, errUnused }
func (nobody) Driver() driver.Driver                        { return nil }

// unused is a database that fails when it is used.
func unused(t *testing.T) *bun.DB {
	t.Helper()
	db := sql.OpenDB(nobody{})
	t.Cleanup(func() { _ = db.Close() })
	return bun.NewDB(db, sqlitedialect.New())
}

func TestOptionsAreChecked(t *testing.T) {
	db := unused(t)
	for name, opt := range map[string]bunstore.Option{
		"empty prefix":    bunstore.Prefix(""),
		"upper case":      bunstore.Prefix("Seq_"),
		"injected prefix": bunstore.Prefix(`x"; DROP TABLE users; --`),
		"long prefix":     bunstore.Prefix(strings.Repeat("a", 41)),
		"empty namespace": bunstore.Namespace(""),
		"hostile":         bunstore.Namespace("a' OR '1'='1"),
		"newline":         bunstore.Namespace("a\n"),
		"question mark":   bunstore.Namespace("a?0"),
		"long namespace":  bunstore.Namespace(strings.Repeat("a", 65)),
		"too short a TTL": bunstore.LeaseTTL(999 * time.Millisecond),
		"negative TTL":    bunstore.LeaseTTL(-time.Hour),
	} {
		if _, err := bunstore.New(db, opt).Load(t.Context()); !errors.Is(err, seq.ErrInvalidOption) {
			t.Errorf("%s: got %v, want %v", name, err, seq.ErrInvalidOption)
		}
	}
	ok := bunstore.New(db, bunstore.Prefix("_x9_"), bunstore.Namespace("a.b:c/d-e_F"), bunstore.LeaseTTL(time.Second), nil)
	if _, err := ok.Load(t.Context()); !errors.Is(err, errUnused) {
		t.Errorf("good options: got %v, want %v", err, errUnused)
	}
}

// otherDialect is one that the store does not know.
type otherDialect struct{ schema.Dialect }

func (otherDialect) Name() dialect.Name { return dialect.MySQL }

func TestAnotherDialectIsRefused(t *testing.T) {
	db := bun.NewDB(unused(t).DB, otherDialect{sqlitedialect.New()})
	if _, err := bunstore.New(db).Load(t.Context()); err == nil || !strings.Contains(err.Error(), "mysql") {
		t.Errorf("got %v", err)
	}
}

func TestADatabaseThatCannotWorkIsTheErrorOfEachMethod(t *testing.T) {
	s := bunstore.New(nil)
	ctx := t.Context()
	_, load := s.Load(ctx)
	_, history := s.History(ctx, "a", store.Page{})
	_, runs := s.Runs(ctx, store.Page{})
	_, acquire := s.Acquire(ctx, store.RunLease, store.Owner{})
	_, write := s.Write(ctx, store.Lease{}, store.Batch{})
	_, atomic := s.Atomic(ctx, store.Lease{}, store.Claim{}, nil)
	for _, err := range []error{load, history, runs, acquire, write, atomic, s.Renew(ctx, store.Lease{}), s.Release(ctx, store.Lease{})} {
		if err == nil || !strings.Contains(err.Error(), "the database is nil") {
			t.Errorf("got %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
