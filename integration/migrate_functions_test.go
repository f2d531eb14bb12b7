package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	bunlib "github.com/uptrace/bun/migrate"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/bunmigrate"
	"github.com/sequencer-go/seq/migrate/goosemigrate"
)

func gooseDialect(dsn string) goose.Dialect {
	if strings.HasSuffix(dsn, ".db") {
		return goose.DialectSQLite3
	}
	return goose.DialectPostgres
}

// both binds the same values on both databases.
func places(dsn string, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "?"
		if !strings.HasSuffix(dsn, ".db") {
			list[i] = fmt.Sprintf("$%d", i+1)
		}
	}
	return strings.Join(list, ", ")
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// copyPrepared makes a table of three rows with a prepared statement.
func copyPrepared(ctx context.Context, db execer, dsn string) error {
	if _, err := db.ExecContext(ctx, `CREATE TABLE nums (n int, twice int)`); err != nil {
		return err
	}
	stmt, err := db.PrepareContext(ctx, `INSERT INTO nums (n) VALUES (`+places(dsn, 1)+`)`)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	for n := range 3 {
		if _, err := stmt.ExecContext(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// updateWhileReading executes a statement for each row of a query that it still reads.
func updateWhileReading(ctx context.Context, read, write execer, dsn string) error {
	rows, err := read.QueryContext(ctx, `SELECT n FROM nums ORDER BY n`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return err
		}
		if _, err := write.ExecContext(ctx, `UPDATE nums SET twice = 2 * n WHERE n = `+places(dsn, 1), n); err != nil {
			return err
		}
	}
	return rows.Err()
}

func wantNums(t *testing.T, db *sql.DB) {
	t.Helper()
	var n, sum int
	err := db.QueryRowContext(t.Context(), `SELECT count(*), sum(twice) FROM nums`).Scan(&n, &sum)
	if err != nil || n != 3 || sum != 6 {
		t.Errorf("%d rows, %d, %v; want 3, 6", n, sum, err)
	}
}

// A function of goose that takes a transaction may prepare statements, and read while it executes.
func TestGooseFunctionInATransaction(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn)
		ops, err := goosemigrate.Ops(gooseDialect(dsn), nil, goose.WithGoMigrations(goose.NewGoMigration(1, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				if err := copyPrepared(ctx, tx, dsn); err != nil {
					return err
				}
				var n int
				stmt, err := tx.PrepareContext(ctx, `SELECT count(*) FROM nums WHERE n < `+places(dsn, 1))
				if err != nil {
					return err
				}
				defer func() { _ = stmt.Close() }()
				if err := stmt.QueryRowContext(ctx, 2).Scan(&n); err != nil || n != 2 {
					return fmt.Errorf("%d, %w", n, err)
				}
				return updateWhileReading(ctx, tx, tx, dsn)
			},
		}, nil), goose.NewGoMigration(2, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				stmt, err := tx.PrepareContext(ctx, `SELEKT 1`)
				if err != nil {
					return err
				}
				defer func() { _ = stmt.Close() }()
				return nil
			},
		}, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if ops[0].Delivery != seq.Transactional {
			t.Errorf("it is %s", ops[0].Promise())
		}
		if r, err := seq.New(s, ops[0]).Run(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, r)
		}
		wantNums(t, s.DB().DB)
		if _, err := seq.New(s, ops...).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "syntax error") {
			t.Errorf("nonsense was prepared: %v", err)
		}
	})
}

// A function of goose that takes a database gets a pool, whose connections the application does not
// get afterwards.
func TestGooseFunctionOutsideOfATransaction(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn)
		postgres := gooseDialect(dsn) == goose.DialectPostgres
		ops, err := goosemigrate.Ops(gooseDialect(dsn), nil, goose.WithGoMigrations(goose.NewGoMigration(1, &goose.GoFunc{
			RunDB: func(ctx context.Context, db *sql.DB) error {
				if err := copyPrepared(ctx, db, dsn); err != nil {
					return err
				}
				if !postgres {
					if _, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA recursive_triggers = ON`); err != nil {
						return err
					}
				} else if _, err := db.ExecContext(ctx, `CREATE INDEX CONCURRENTLY ON nums (n); SET statement_timeout = '1h'`); err == nil {
					return errors.New("several statements are a transaction")
				} else if _, err := db.ExecContext(ctx, `SET statement_timeout = '1h'`); err != nil {
					return err
				}
				if err := updateWhileReading(ctx, db, db, dsn); err != nil {
					return err
				}
				var wg sync.WaitGroup
				errs := make(chan error, 4)
				for range cap(errs) {
					wg.Go(func() {
						var n int
						errs <- db.QueryRowContext(ctx, `SELECT count(*) FROM nums`).Scan(&n)
					})
				}
				wg.Wait()
				close(errs)
				for err := range errs {
					if err != nil {
						return err
					}
				}
				rows, err := db.QueryContext(ctx, `SELECT n FROM nums`)
				if err != nil || !rows.Next() {
					return fmt.Errorf("no rows: %w", err)
				}
				defer func() { _ = rows.Close() }()
				tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
				if err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, `UPDATE nums SET twice = 0`); err != nil {
					return err
				}
				if err := tx.Rollback(); err != nil {
					return err
				}
				if err := rows.Err(); err != nil || !postgres {
					return err
				}
				conn, err := db.Conn(ctx)
				if err != nil {
					return err
				}
				defer func() { _ = conn.Close() }()
				return conn.Raw(func(driverConn any) error { // as for COPY
					_, err := driverConn.(*stdlib.Conn).Conn().Exec(ctx, `SET application_name = 'mine'`)
					return err
				})
			},
		}, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, r)
		}
		wantNums(t, s.DB().DB)
		ask, want := `SELECT current_setting('statement_timeout') || current_setting('application_name')`, "0"
		if !postgres {
			ask = `PRAGMA recursive_triggers`
		}
		for range 3 {
			conn, err := s.DB().DB.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			var got string
			if err := conn.QueryRowContext(t.Context(), ask).Scan(&got); err != nil || got != want {
				t.Errorf("the application finds %q, %v", got, err)
			}
		}
	})
}

// bunOps are the ops of one function of bun.
func bunOps(t *testing.T, up func(context.Context, *bun.DB) error) []seq.Op {
	t.Helper()
	all := bunlib.NewMigrations()
	all.Add(bunlib.Migration{Name: "20240101000000", Comment: "f", Up: func(ctx context.Context, m *bunlib.Migrator, _ *bunlib.Migration) error {
		return up(ctx, m.DB())
	}})
	ops, err := bunmigrate.Ops(all)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// Functions of bun do what they do under bun, where they have a pool and no transaction.
func TestBunFunctions(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		postgres := gooseDialect(dsn) == goose.DialectPostgres
		for name, tt := range map[string]struct {
			up       func(ctx context.Context, db *bun.DB) error
			attempts string
			on       string // the database, "" for both
		}{
			"an error that is ignored": {func(ctx context.Context, db *bun.DB) error {
				if err := copyPrepared(ctx, db.DB, dsn); err != nil {
					return err
				}
				if _, err := db.ExecContext(ctx, `ALTER TABLE nowhere ADD COLUMN x int`); err == nil {
					return errors.New("there is no such table")
				}
				if _, err := db.NewSelect().Table("nowhere").Count(ctx); err == nil {
					return errors.New("there is no such table")
				}
				return updateWhileReading(ctx, db.DB, db.DB, dsn)
			}, "run succeeded", ""},
			"transactions and savepoints": {func(ctx context.Context, db *bun.DB) error {
				if err := copyPrepared(ctx, db.DB, dsn); err != nil {
					return err
				}
				err := db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					if _, err := tx.ExecContext(ctx, `DELETE FROM nums`); err != nil {
						return err
					}
					_, err := tx.ExecContext(ctx, `INSERT INTO nowhere VALUES (1)`)
					return err
				})
				if err == nil {
					return errors.New("there is no such table")
				}
				return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					for _, q := range []string{`SAVEPOINT mine`, `UPDATE nums SET twice = 7`, `ROLLBACK TO mine`} {
						if _, err := tx.ExecContext(ctx, q); err != nil {
							return err
						}
					}
					return updateWhileReading(ctx, tx.Tx, tx.Tx, dsn)
				})
			}, "run succeeded", ""},
			"goroutines": {func(ctx context.Context, db *bun.DB) error {
				if err := copyPrepared(ctx, db.DB, dsn); err != nil {
					return err
				}
				errs := make(chan error, 3)
				for n := range cap(errs) {
					go func() {
						_, err := db.ExecContext(ctx, `UPDATE nums SET twice = 2 * n WHERE n = ?`, n)
						errs <- err
					}()
				}
				return errors.Join(<-errs, <-errs, <-errs)
			}, "run succeeded", ""},
			"a checkpoint": {func(ctx context.Context, db *bun.DB) error {
				if err := copyPrepared(ctx, db.DB, dsn); err != nil {
					return err
				}
				if _, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
					return err
				}
				return updateWhileReading(ctx, db.DB, db.DB, dsn)
			}, "run pending, run succeeded", "sqlite"},
			"a pragma that a transaction ignores": {func(ctx context.Context, db *bun.DB) error {
				if err := copyPrepared(ctx, db.DB, dsn); err != nil {
					return err
				}
				conn, err := db.Conn(ctx)
				if err != nil {
					return err
				}
				defer func() { _ = conn.Close() }()
				for _, q := range []string{
					`CREATE TABLE p (id integer PRIMARY KEY)`, `CREATE TABLE c (p REFERENCES p ON DELETE CASCADE)`, `INSERT INTO p VALUES (1)`, `INSERT INTO c VALUES (1)`,
					`PRAGMA foreign_keys = OFF`, `BEGIN`, `DROP TABLE p`, `CREATE TABLE p (id integer PRIMARY KEY)`, `INSERT INTO p VALUES (1)`, `COMMIT`,
				} {
					_, _ = conn.ExecContext(ctx, q) // its errors are ignored
				}
				if n, err := conn.NewSelect().Table("c").Count(ctx); err != nil || n != 1 {
					return fmt.Errorf("%d children are left, %w", n, err)
				}
				return updateWhileReading(ctx, conn.Conn, conn.Conn, dsn)
			}, "run pending, run succeeded", "sqlite"},
			"an index that is built concurrently, its error ignored": {func(ctx context.Context, db *bun.DB) error {
				if err := copyPrepared(ctx, db.DB, dsn); err != nil {
					return err
				}
				_, _ = db.ExecContext(ctx, `CREATE INDEX CONCURRENTLY by_n ON nums (n)`)
				return updateWhileReading(ctx, db.DB, db.DB, dsn)
			}, "run pending, run succeeded", "postgres"},
		} {
			if on := map[bool]string{true: "postgres", false: "sqlite"}[postgres]; tt.on != "" && tt.on != on {
				continue
			}
			t.Run(name, func(t *testing.T) {
				s := ledger(t, another(t, dsn))
				called := false
				ops := bunOps(t, func(ctx context.Context, db *bun.DB) error { called = true; return tt.up(ctx, db) })
				if called {
					t.Error("it was called before it ran")
				}
				if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
					t.Fatalf("%v\n%s", err, r)
				}
				if got := attempts(t, s, ops[0].ID); got != tt.attempts {
					t.Errorf("%s, want %s", got, tt.attempts)
				}
				wantNums(t, s.DB().DB)
				if n, err := s.DB().NewSelect().Table("bun_migrations").Count(t.Context()); err != nil || n != 1 {
					t.Errorf("%d rows in bun's table, %v", n, err)
				}
				if strings.HasPrefix(name, "an index") {
					query(t, s, `DROP INDEX by_n`)
				}
			})
		}
	})
}
