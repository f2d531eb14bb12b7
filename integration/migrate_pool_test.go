package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/migrate/goosemigrate"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A pool in which the ledger would have no connection is refused before anything runs, with what to
// set; one that a step in a transaction can share with the ledger is not.
func TestAPoolOfOne(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		wanted := func(t *testing.T, err error, what string) {
			t.Helper()
			if !errors.Is(err, seq.ErrPoolTooSmall) || !strings.Contains(err.Error(), what) {
				t.Errorf("got %v, want %s", err, what)
			}
		}
		t.Run("transactional", func(t *testing.T) {
			s := ledger(t, another(t, dsn))
			s.DB().SetMaxOpenConns(1)
			ops := filesOf(t, map[string]string{"1_a.up.sql": "CREATE TABLE a (id int);", "1_a.down.sql": "DROP TABLE a", "2_b.up.sql": "CREATE TABLE b (id int); CREATE TEMPORARY TABLE c (id int);", "2_b.down.sql": "DROP TABLE b"})
			for range 2 {
				if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
					t.Fatalf("%v\n%s", err, r)
				}
				if r, err := seq.New(s, ops...).Rollback(t.Context()); err != nil {
					t.Fatalf("%v\n%s", err, r)
				}
			}
		})
		t.Run("apart", func(t *testing.T) {
			s := ledger(t, another(t, dsn))
			s.DB().SetMaxOpenConns(1)
			ops := filesOf(t, map[string]string{"1_a.up.sql": "CREATE TABLE a (id int);", "2_b.up.sql": "VACUUM;", "2_b.down.sql": "VACUUM;"})
			_, err := seq.New(s, ops...).Run(t.Context())
			wanted(t, err, ops[1].ID+" needs 2 connections")
			wanted(t, err, "SetMaxOpenConns(2)")
			if runs, err := s.Runs(t.Context(), store.Page{Limit: 9}); err != nil || len(runs) > 0 {
				t.Errorf("something ran: %v, %v", runs, err)
			}
			s.DB().SetMaxOpenConns(2)
			if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, r)
			}
			s.DB().SetMaxOpenConns(1)
			_, err = seq.New(s, ops...).Rollback(t.Context(), seq.Last(1))
			wanted(t, err, "SetMaxOpenConns(2)")
			s.DB().SetMaxOpenConns(2)
			if r, err := seq.New(s, ops...).Rollback(t.Context(), seq.Last(1)); err != nil {
				t.Errorf("%v\n%s", err, r)
			}
		})
		t.Run("a function of goose", func(t *testing.T) {
			s := ledger(t, another(t, dsn))
			s.DB().SetMaxOpenConns(2)
			ops, err := goosemigrate.Ops(gooseDialect(dsn), nil, goose.WithGoMigrations(goose.NewGoMigration(1, &goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
				_, err := db.ExecContext(ctx, `CREATE TABLE a (id int)`)
				return err
			}}, nil)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = seq.New(s, ops...).Run(t.Context())
			wanted(t, err, "SetMaxOpenConns(3)")
			s.DB().SetMaxOpenConns(3)
			if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
				t.Errorf("%v\n%s", err, r)
			}
		})
		t.Run("save while reading", func(t *testing.T) {
			s := ledger(t, another(t, dsn), bunstore.LeaseTTL(2*time.Second))
			query(t, s, `CREATE TABLE a (id int)`)
			query(t, s, `INSERT INTO a VALUES (1), (2)`)
			op := seq.Op{ID: "2024_01_15_120000_read", Run: func(ctx context.Context) error {
				rows, err := bunstore.DB(ctx).QueryContext(ctx, `SELECT id FROM a`)
				if err != nil {
					return err
				}
				defer func() { _ = rows.Close() }()
				for rows.Next() {
					if err := seq.Save(ctx, 1); err != nil {
						return err
					}
				}
				return rows.Err()
			}}
			s.DB().SetMaxOpenConns(1)
			_, err := seq.New(s, op).Run(t.Context())
			wanted(t, err, "SetMaxOpenConns(2)")
			if errors.Is(err, seq.ErrLeaseLost) {
				t.Error("the lease was lost")
			}
			s.DB().SetMaxOpenConns(2)
			if r, err := seq.New(s, op).Run(t.Context()); err != nil {
				t.Errorf("%v\n%s", err, r)
			}
		})
	})
	t.Run("found out by the database", func(t *testing.T) {
		s := ledger(t, pgtest.DSN(t))
		s.DB().SetMaxOpenConns(1)
		ops := filesOf(t, map[string]string{"1_a.up.sql": "CLUSTER;"})
		_, err := seq.New(s, ops...).Run(t.Context())
		if !errors.Is(err, seq.ErrPoolTooSmall) || !strings.Contains(err.Error(), "SetMaxOpenConns(2)") {
			t.Errorf("got %v", err)
		}
		s.DB().SetMaxOpenConns(0)
		if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// A database in memory that lives in the one connection of its pool outlives the migrations, whatever
// these leave in their session.
func TestAPrivateDatabaseInMemory(t *testing.T) {
	pool, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	s := bunstore.New(bun.NewDB(pool, sqlitedialect.New()), bunstore.Owned())
	t.Cleanup(func() { _ = s.Close() })
	ops := filesOf(t, map[string]string{
		"1_a.up.sql": "CREATE TABLE a (id int); CREATE TEMPORARY TABLE b (id int); CREATE TEMPORARY VIEW v AS SELECT * FROM b;",
		"2_b.up.sql": "CREATE TEMPORARY TABLE b (id int); INSERT INTO a VALUES (1);",
	})
	ops = append(ops, seq.Op{
		ID: "2024_01_15_120000_triggers", Kind: seq.Migration, Delivery: seq.Transactional,
		Run: func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).ExecContext(ctx, `PRAGMA recursive_triggers = ON; PRAGMA case_sensitive_like = ON`)
			return err
		},
	})
	if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	var rows, left, recursive int
	err = pool.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM temp.sqlite_master), (SELECT recursive_triggers FROM pragma_recursive_triggers) + ('a' NOT LIKE 'A')`).Scan(&rows, &left, &recursive)
	if err != nil || rows != 1 || left != 0 || recursive != 0 {
		t.Errorf("%d rows, %d temporary objects, %d pragmas, %v; want 1, 0, 0", rows, left, recursive, err)
	}
}
