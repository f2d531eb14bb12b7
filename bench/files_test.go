package bench

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/migrate/goosemigrate"
	"github.com/sequencer-go/seq/store/bunstore"
)

// tables are n files of small changes, as a service of some years has them.
func tables(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := range n {
		up, down := fmt.Sprintf("CREATE TABLE t%d (id bigint PRIMARY KEY, name text NOT NULL);", i), fmt.Sprintf("DROP TABLE t%d;", i)
		switch i % 3 {
		case 1:
			up, down = fmt.Sprintf("ALTER TABLE t%d ADD COLUMN at timestamp;", i-1), fmt.Sprintf("ALTER TABLE t%d DROP COLUMN at;", i-1)
		case 2:
			up, down = fmt.Sprintf("CREATE INDEX i%d ON t%d (name);", i, i-2), fmt.Sprintf("DROP INDEX i%d;", i)
		}
		files[fmt.Sprintf("%05d_step.sql", i+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + up + "\n\n-- +goose Down\n" + down + "\n")}
	}
	return files
}

// ways are the ways to apply a folder of goose's files to an empty database, from reading the files on.
var ways = map[string]func(ctx context.Context, p product, db *sql.DB, s *bunstore.Store, files fstest.MapFS) error{
	"goose": func(ctx context.Context, p product, db *sql.DB, _ *bunstore.Store, files fstest.MapFS) error {
		by, err := goose.NewProvider(p.goose, db, files, goose.WithDisableGlobalRegistry(true))
		if err == nil {
			_, err = by.Up(ctx)
		}
		return err
	},
	"seq-files": func(ctx context.Context, _ product, _ *sql.DB, s *bunstore.Store, files fstest.MapFS) error {
		ops, err := migrate.Files(files)
		if err == nil {
			_, err = seq.New(s, ops...).Run(ctx)
		}
		return err
	},
	"seq-goosemigrate": func(ctx context.Context, p product, _ *sql.DB, s *bunstore.Store, files fstest.MapFS) error {
		ops, err := goosemigrate.Ops(p.goose, files, goose.WithDisableGlobalRegistry(true))
		if err == nil {
			_, err = seq.New(s, ops...).Run(ctx)
		}
		return err
	},
}

// BenchmarkFiles is 150 small files of DDL, in a database that is new.
func BenchmarkFiles(b *testing.B) {
	const n = 150
	for _, name := range []string{"postgres", "sqlite"} {
		p := products[name]
		for _, who := range []string{"goose", "seq-files", "seq-goosemigrate"} {
			b.Run(fmt.Sprintf("db=%s/by=%s", name, who), func(b *testing.B) {
				perStep(b, n, func() func() error {
					db, files := emptied(b, p), tables(n)
					return func() error { return ways[who](b.Context(), p, db.DB, db.store, files) }
				})
			})
		}
	}
}

// TestFilesMakeTheSameTables holds all ways to the same work.
func TestFilesMakeTheSameTables(t *testing.T) {
	const n = 30
	for name, p := range products {
		for who, way := range ways {
			db := emptied(t, p)
			if err := way(t.Context(), p, db.DB, db.store, tables(n)); err != nil {
				t.Fatalf("%s: %s: %v", name, who, err)
			}
			for i := 0; i < n; i += 3 {
				if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`SELECT at FROM t%d; DROP INDEX i%d`, i, i+2)); err != nil {
					t.Errorf("%s: %s: %v", name, who, err)
				}
			}
		}
	}
}

// target is a new database, as the other tool and as the ledger open it.
type target struct {
	*sql.DB
	store *bunstore.Store
}

func emptied(tb testing.TB, p product) target {
	tb.Helper()
	address := p.empty(tb)
	s, err := p.ledger(address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	if err := s.DB().PingContext(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return target{p.open(tb, address), s}
}
