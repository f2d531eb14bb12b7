package bunstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store/bunstore"
)

func TestTxOutsideOfAnOp(t *testing.T) {
	ctx := t.Context()
	tx := bunstore.Tx(ctx)
	type row struct {
		ID int64 `bun:",pk"`
	}
	var n int
	_, exec := tx.ExecContext(ctx, "SELECT 1")
	rows, query := tx.QueryContext(ctx, "SELECT 1") //nolint:rowserrcheck,sqlclosecheck // there are none
	if rows != nil {
		t.Error("got rows")
	}
	_, begin := tx.BeginTx(ctx, nil)
	_, insert := tx.NewInsert().Model(&row{1}).Exec(ctx)
	_, update := tx.NewUpdate().Model(&row{1}).Set("id = 2").WherePK().Exec(ctx)
	_, del := tx.NewDelete().Model(&row{1}).WherePK().Exec(ctx)
	_, create := tx.NewCreateTable().Model(&row{}).Exec(ctx)
	for what, err := range map[string]error{
		"exec": exec, "query": query, "begin": begin, "insert": insert, "update": update, "delete": del, "create": create,
		"row":    tx.QueryRowContext(ctx, "SELECT 1").Scan(&n),
		"select": tx.NewSelect().ColumnExpr("1").Scan(ctx, &n),
		"raw":    tx.NewRaw("SELECT 1").Scan(ctx, &n),
		"run": tx.RunInTx(ctx, nil, func(context.Context, bun.Tx) error {
			t.Error("it ran")
			return nil
		}),
	} {
		if !errors.Is(err, bunstore.ErrNoTx) {
			t.Errorf("%s: got %v, want %v", what, err, bunstore.ErrNoTx)
		}
	}
	if !strings.Contains(bunstore.ErrNoTx.Error(), "outside of a Transactional op") {
		t.Error(bunstore.ErrNoTx)
	}
}

func TestSQLTxOutsideOfAnOp(t *testing.T) {
	tx := bunstore.SQLTx(t.Context())
	_, exec := tx.ExecContext(t.Context(), "SELECT 1")
	_, query := tx.QueryContext(t.Context(), "SELECT 1")     //nolint:rowserrcheck,sqlclosecheck // there are none
	_, prepare := tx.PrepareContext(t.Context(), "SELECT 1") //nolint:sqlclosecheck // there is none
	row := tx.QueryRowContext(t.Context(), "SELECT 1").Err()
	raw := bunstore.Raw(t.Context(), func(any) error { t.Error("it ran"); return nil })
	for what, err := range map[string]error{"exec": exec, "query": query, "prepare": prepare, "row": row, "raw": raw} {
		if !errors.Is(err, bunstore.ErrNoTx) {
			t.Errorf("%s: got %v, want %v", what, err, bunstore.ErrNoTx)
		}
	}
}
