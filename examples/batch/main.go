// Batch does migrations first, one after another, and then all operations side by side. It is
// for operations that have nothing to do with each other, such as the two in the middle.
//
//	go run ./examples/batch                     # on the SQLite file seq-batch.db
//	go run ./examples/batch -dsn postgres://…   # on Postgres
//
// On Postgres the two overlap. SQLite has one writer at a time, so there they take turns at it.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

type Order struct {
	bun.BaseModel `bun:"table:batch_orders"`

	ID        int64 `bun:",pk"`
	ProductID int64
	Quantity  int64
	Cents     int64 // of one piece
	Total     int64 // to be computed
}

type Product struct {
	bun.BaseModel `bun:"table:batch_products"`

	ID    int64 `bun:",pk"`
	Stock int64
}

const (
	products = 10
	orders   = 1000
)

func ops(db *bun.DB) []seq.Op {
	return []seq.Op{
		{
			// A migration, so that batches do it before any operation.
			ID:       "2024_01_15_110000_create_orders_and_products",
			Kind:     seq.Migration,
			Delivery: seq.Transactional,
			Run:      createTables,
		},
		{
			// Repeatable, the default: to do it twice comes to the same.
			ID: "2024_01_15_120000_process_orders",
			Run: func(ctx context.Context) error {
				_, err := db.NewUpdate().Model((*Order)(nil)).Set("total = quantity * cents").Where("total = 0").Exec(ctx)
				return err
			},
		},
		{
			// To subtract twice would be wrong, hence Transactional: exactly once.
			ID:       "2024_01_15_120001_update_inventory",
			Delivery: seq.Transactional,
			Run: func(ctx context.Context) error {
				sold := "(SELECT SUM(quantity) FROM batch_orders AS o WHERE o.product_id = product.id)"
				_, err := bunstore.Tx(ctx).NewUpdate().Model((*Product)(nil)).Set("stock = stock - " + sold).Where("true").Exec(ctx)
				return err
			},
		},
	}
}

func createTables(ctx context.Context) error {
	db := bunstore.Tx(ctx)
	for _, model := range []any{(*Order)(nil), (*Product)(nil)} {
		if _, err := db.NewCreateTable().Model(model).Exec(ctx); err != nil {
			return err
		}
	}
	var someProducts []Product
	for i := range int64(products) {
		someProducts = append(someProducts, Product{ID: i, Stock: 500})
	}
	var someOrders []Order
	for i := range int64(orders) {
		someOrders = append(someOrders, Order{ID: i, ProductID: i % products, Quantity: 1 + i%3, Cents: 250})
	}
	if _, err := db.NewInsert().Model(&someProducts).Exec(ctx); err != nil {
		return err
	}
	_, err := db.NewInsert().Model(&someOrders).Exec(ctx)
	return err
}

func main() { demo.Main("batch", run, (*Order)(nil), (*Product)(nil)) }

func run(ctx context.Context, store *bunstore.Store) error {
	db := store.DB()
	deploy := seq.New(store, ops(db)...).Use(strategies.Batch(strategies.Limit(8)))

	plan, err := deploy.Preview(ctx)
	if err != nil {
		return err
	}
	fmt.Print(plan) // both operations are in one wave

	report, err := deploy.Run(ctx)
	fmt.Print(report)
	if err != nil {
		return err
	}

	const sold = 1999 // 334 times 1, 333 times 2, 333 times 3
	order, product := db.NewSelect().Model((*Order)(nil)), db.NewSelect().Model((*Product)(nil))
	return errors.Join(
		demo.Expect("orders without a total", 0)(order.Clone().Where("total = 0").Count(ctx)),
		demo.Expect("cents in all", sold*250)(demo.Int(ctx, order.ColumnExpr("CAST(SUM(total) AS BIGINT)"))),
		demo.Expect("pieces in stock", products*500-sold)(demo.Int(ctx, product.ColumnExpr("CAST(SUM(stock) AS BIGINT)"))),
	)
}
