package bench

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3/database"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/store/sqlite"
)

func TestMain(m *testing.M) {
	workHere()
	pgtest.Main(m)
}

// A product is a kind of database, and how each peer opens one.
type product struct {
	name    string
	empty   func(tb testing.TB) string // the address of a new database
	driver  string
	goose   database.Dialect
	dialect func() schema.Dialect
	ledger  func(address string, opts ...bunstore.Option) (*bunstore.Store, error)
	// durable are statements that tell whether a commit waits for the disk, and their answers.
	durable map[string]string
}

var products = map[string]product{
	"postgres": {
		name:    "postgres",
		empty:   pgtest.DSN,
		driver:  "pgx",
		goose:   database.DialectPostgres,
		dialect: func() schema.Dialect { return pgdialect.New() },
		ledger:  postgres.Open,
		durable: map[string]string{"SHOW fsync": "on", "SHOW synchronous_commit": "on"},
	},
	"sqlite": {
		name: "sqlite",
		// In WAL mode, and synchronous as the library's own connections are.
		empty: func(tb testing.TB) string {
			return "file:" + filepath.Join(tb.TempDir(), "bench.db") +
				"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)"
		},
		driver:  "sqlite",
		goose:   database.DialectSQLite3,
		dialect: func() schema.Dialect { return sqlitedialect.New() },
		ledger: func(address string, opts ...bunstore.Option) (*bunstore.Store, error) {
			return sqlite.Open(sqlitePath(address), opts...)
		},
		durable: map[string]string{"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2"},
	},
}

// sqlitePath is the file of an address.
func sqlitePath(address string) string {
	var path string
	_, _ = fmt.Sscanf(address, "file:%s", &path)
	for i := range path {
		if path[i] == '?' {
			return path[:i]
		}
	}
	return path
}

// open connects to a database, so that a measurement does not.
func (p product) open(tb testing.TB, address string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(p.driver, address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	if err := db.PingContext(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return db
}

// count is the only number that a query answers with.
func count(ctx context.Context, db *sql.DB, query string) (n int, err error) {
	err = db.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}
