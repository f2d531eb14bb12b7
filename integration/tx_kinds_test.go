package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
	gormpg "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
)

// DBTX and Queries are what sqlc generates for database/sql.
type DBTX interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

type Queries struct{ db DBTX }

const insertEffect = `INSERT INTO effects (op, what) VALUES ($1, $2)`

func (q *Queries) InsertEffect(ctx context.Context, op, what string) error {
	_, err := q.db.ExecContext(ctx, insertEffect, op, what)
	return err
}

// Effect is a row, as gorm has it.
type Effect struct{ Op, What string }

func (Effect) TableName() string { return "effects" }

// writers leave two traces each, in all the ways that people write SQL.
var writers = map[string]func(ctx context.Context, op string) error{
	"bun": func(ctx context.Context, op string) error {
		return errors.Join(leave(op, "one")(ctx), leave(op, "two")(ctx))
	},
	"database/sql": func(ctx context.Context, op string) error {
		stmt, err := bunstore.SQLTx(ctx).PrepareContext(ctx, insertEffect)
		if err != nil {
			return err
		}
		defer stmt.Close()
		_, one := stmt.ExecContext(ctx, op, "one")
		_, two := bunstore.SQLTx(ctx).ExecContext(ctx, insertEffect, op, "two")
		return errors.Join(one, two)
	},
	"sqlc": func(ctx context.Context, op string) error {
		q := &Queries{bunstore.SQLTx(ctx)}
		return errors.Join(q.InsertEffect(ctx, op, "one"), q.InsertEffect(ctx, op, "two"))
	},
}

var postgresWriters = map[string]func(ctx context.Context, op string) error{
	"gorm": func(ctx context.Context, op string) error {
		db, err := gorm.Open(gormpg.New(gormpg.Config{Conn: bunstore.SQLTx(ctx)}), &gorm.Config{Logger: logger.Discard})
		if err != nil {
			return err
		}
		db = db.WithContext(ctx)
		if err := db.Create(&Effect{op, "one"}).Error; err != nil {
			return err
		}
		return db.Transaction(func(tx *gorm.DB) error { return tx.Create(&Effect{op, "two"}).Error })
	},
	"pgx": func(ctx context.Context, op string) error {
		tx, err := postgres.PgxTx(ctx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertEffect, op, "one")
		return errors.Join(err, func() error {
			point, err := tx.Begin(ctx)
			if err != nil {
				return err
			}
			_, _ = point.Exec(ctx, insertEffect, op, "three")
			return point.Rollback(ctx)
		}(), func() error {
			_, err := tx.Exec(ctx, insertEffect, op, "two")
			return err
		}())
	},
	"pgx COPY": func(ctx context.Context, op string) error {
		tx, err := postgres.PgxTx(ctx)
		if err != nil {
			return err
		}
		n, err := tx.CopyFrom(ctx, pgx.Identifier{"effects"}, []string{"op", "what"}, pgx.CopyFromRows([][]any{{op, "one"}, {op, "two"}}))
		if err == nil && n != 2 {
			err = fmt.Errorf("%d rows copied", n)
		}
		return err
	},
	"pgx batch": func(ctx context.Context, op string) error {
		tx, err := postgres.PgxTx(ctx)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(insertEffect, op, "one")
		b.Queue(insertEffect, op, "two")
		return tx.SendBatch(ctx, b).Close()
	},
	"all in turn": func(ctx context.Context, op string) error {
		if err := leave(op, "one")(ctx); err != nil {
			return err
		}
		tx, err := postgres.PgxTx(ctx)
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM effects WHERE op = $1", op).Scan(&n); err != nil || n != 1 {
			return fmt.Errorf("pgx sees %d rows of bun's: %w", n, err)
		}
		return (&Queries{bunstore.SQLTx(ctx)}).InsertEffect(ctx, op, "two")
	},
}

// TestTheTransactionAsPeopleHaveIt: whatever an op writes with, it is kept with the record, or not at all.
func TestTheTransactionAsPeopleHaveIt(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn)
		effects(t, s)
		all := map[string]func(context.Context, string) error{}
		maps.Copy(all, writers)
		if !strings.HasSuffix(dsn, ".db") {
			maps.Copy(all, postgresWriters)
		}
		for name, write := range all {
			t.Run(strings.ReplaceAll(name, "/", "."), func(t *testing.T) {
				id := "2024_01_15_120000_" + strings.NewReplacer(" ", "_", "/", "_").Replace(name)
				fails, outcome := true, errBoom
				op := seq.Op{ID: id, Delivery: seq.Transactional, Run: func(ctx context.Context) error {
					err := write(ctx, id)
					if err == nil && fails {
						err = outcome
					}
					return err
				}}
				run := seq.New(s, op)
				for _, why := range []error{errBoom, seq.Skip("not today")} {
					outcome = why
					r, err := run.Run(t.Context())
					if _, skips := seq.SkipReason(why); skips != (err == nil) || !skips && !errors.Is(err, errBoom) || len(r.Skipped()) > 0 != skips {
						t.Fatalf("got %v\n%s", err, r)
					}
					if count(t, s, id, "one")+count(t, s, id, "two") != 0 {
						t.Error("something was kept")
					}
				}
				fails = false
				if _, err := run.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if count(t, s, id, "one") != 1 || count(t, s, id, "two") != 1 || count(t, s, id, "three") != 0 {
					t.Error("not all was kept")
				}
			})
		}
	})
}

// TestThePgxTransactionIsNotTheOps: an op cannot end it by pgx's own methods, and says so if it does it
// with SQL.
func TestThePgxTransactionIsNotTheOps(t *testing.T) {
	s := withEffects(t)
	try := func(n int, end func(ctx context.Context, tx pgx.Tx) error) error {
		_, err := seq.New(s, seq.Op{ID: fmt.Sprintf("2024_01_15_12000%d_a", n), Delivery: seq.Transactional, Run: func(ctx context.Context) error {
			tx, err := postgres.PgxTx(ctx)
			if err != nil {
				return err
			}
			return end(ctx, tx)
		}}).Run(t.Context())
		return err
	}
	err := try(0, func(ctx context.Context, tx pgx.Tx) error {
		if err := errors.Join(tx.Commit(ctx), tx.Rollback(ctx)); !errors.Is(err, postgres.ErrNotYours) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := try(1, func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, "COMMIT"); return err }); !errors.Is(err, seq.ErrTxBroken) {
		t.Errorf("got %v", err)
	}
	if err := try(2, func(ctx context.Context, _ pgx.Tx) error { return bunstore.SQLTx(ctx).Commit() }); !errors.Is(err, seq.ErrTxBroken) {
		t.Errorf("got %v", err)
	}
	err = try(3, func(ctx context.Context, tx pgx.Tx) error {
		_, _ = tx.Exec(ctx, "SELECT 1/0")
		again, err := postgres.PgxTx(ctx)
		if err != nil {
			return err
		}
		_, err = again.Exec(ctx, "SELECT 1")
		return err
	})
	if err == nil || errors.Is(err, seq.ErrTxBroken) || !strings.Contains(err.Error(), "25P02") {
		t.Errorf("got %v", err)
	}
	if _, err := postgres.PgxTx(t.Context()); !errors.Is(err, bunstore.ErrNoTx) {
		t.Errorf("got %v", err)
	}
}

func TestPgxTxOfAnotherDriver(t *testing.T) {
	s := ledger(t, t.TempDir()+"/seq.db")
	_, err := seq.New(s, seq.Op{ID: "2024_01_15_120000_a", Delivery: seq.Transactional, Run: func(ctx context.Context) error {
		_, err := postgres.PgxTx(ctx)
		return err
	}}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "pgx") {
		t.Errorf("got %v", err)
	}
}

// TestAWrappedStoreHandsOutItsDatabase: a store that stands before the ledger keeps nothing from ops.
func TestAWrappedStoreHandsOutItsDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, dsn string) {
		s := ledger(t, dsn)
		effects(t, s)
		var op seq.Op
		op = seq.Op{ID: "2024_01_15_120000_a", Run: func(ctx context.Context) error {
			_, err := bunstore.DB(ctx).NewInsert().Model(&struct {
				bun.BaseModel `bun:"table:effects"`
				Op, What      string
			}{Op: op.ID, What: "done"}).Exec(ctx)
			return err
		}}
		if _, err := seq.New(struct{ store.Store }{s}, op).Run(t.Context()); err != nil || count(t, s, op.ID, "done") != 1 {
			t.Errorf("got %v", err)
		}
	})
}
