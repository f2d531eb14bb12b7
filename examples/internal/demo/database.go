package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/store/sqlite"
)

// Open opens the Postgres database at dsn, or if that is empty the SQLite file of the example.
// Ledgers of different examples have different tables, so that all of them can share a database;
// a service has one ledger, and no need of the option.
func Open(name, dsn string, opts ...bunstore.Option) (*bunstore.Store, error) {
	opts = append(opts, bunstore.Prefix(ledger(name)))
	if dsn == "" {
		return sqlite.Open(file(name), opts...)
	}
	return postgres.Open(dsn, opts...)
}

// Peek is Open for those who only look: where there is no SQLite file, it makes none, but an empty
// database in memory.
func Peek(name, dsn string, opts ...bunstore.Option) (*bunstore.Store, error) {
	if _, err := os.Stat(file(name)); dsn == "" && errors.Is(err, fs.ErrNotExist) {
		return sqlite.Open(":memory:", append(opts, bunstore.Prefix(ledger(name)))...)
	}
	return Open(name, dsn, opts...)
}

func file(name string) string { return "seq-" + name + ".db" }

// Reset drops the tables of models, in that order, and those of the example's ledger.
func Reset(ctx context.Context, db *bun.DB, name string, models ...any) error {
	for _, m := range models {
		if _, err := db.NewDropTable().Model(m).IfExists().Exec(ctx); err != nil {
			return fmt.Errorf("reset: %w", err)
		}
	}
	tables, err := Tables(ctx, db)
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	for _, t := range tables {
		if !strings.HasPrefix(t, ledger(name)) {
			continue
		}
		if _, err := db.NewDropTable().Table(t).Exec(ctx); err != nil {
			return fmt.Errorf("reset: %w", err)
		}
	}
	return nil
}

// Tables are the names of the tables in the database.
func Tables(ctx context.Context, db *bun.DB) (names []string, err error) {
	q := db.NewSelect().Table("pg_tables").Column("tablename").Where("schemaname = current_schema()").Order("tablename")
	if db.Dialect().Name() == dialect.SQLite {
		q = db.NewSelect().Table("sqlite_master").Column("name").Where("type = 'table'").Order("name")
	}
	err = q.Scan(ctx, &names)
	return names, err
}

func ledger(name string) string { return strings.ReplaceAll(name, "-", "_") + "_seq_" }
