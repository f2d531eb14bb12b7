// Transactional is all or nothing: when one operation fails, those that this run has completed
// are undone, the latest first. Here money moves from old accounts to new wallets, and an order
// that nobody can migrate makes all of it go back, until the order is mended.
//
//	go run ./examples/transactional                     # on the SQLite file seq-transactional.db
//	go run ./examples/transactional -dsn postgres://…   # on Postgres
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

// moveBalances is Transactional, so it is never half done. Rollback is for later: when this is
// done, and something after it fails.
var moveBalances = seq.Op{
	ID:       "2024_01_15_120000_move_balances",
	Delivery: seq.Transactional,
	Run: func(ctx context.Context) error {
		return inTurn(ctx,
			"INSERT INTO transactional_wallets (owner, cents) SELECT owner, cents FROM transactional_accounts",
			"UPDATE transactional_accounts SET cents = 0")
	},
	Rollback: func(ctx context.Context) error {
		return inTurn(ctx,
			"UPDATE transactional_accounts SET cents = (SELECT w.cents FROM transactional_wallets AS w WHERE w.owner = transactional_accounts.owner)",
			"DELETE FROM transactional_wallets")
	},
}

// migrateOrders needs a wallet for each order, so it comes after moveBalances, not beside it.
var migrateOrders = seq.Op{
	ID:        "2024_01_15_120001_migrate_orders",
	DependsOn: []string{moveBalances.ID},
	Delivery:  seq.Transactional,
	Run: func(ctx context.Context) error {
		var orphans int
		err := bunstore.Tx(ctx).NewRaw("SELECT COUNT(*) FROM transactional_orders WHERE owner NOT IN (SELECT owner FROM transactional_wallets)").Scan(ctx, &orphans)
		if err == nil && orphans > 0 {
			err = fmt.Errorf("%d orders belong to nobody", orphans)
		}
		return errors.Join(err, inTurn(ctx, "UPDATE transactional_orders SET schema_version = 2"))
	},
	Rollback: func(ctx context.Context) error {
		return inTurn(ctx, "UPDATE transactional_orders SET schema_version = 1")
	},
}

func inTurn(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := bunstore.Tx(ctx).NewRaw(s).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	demo.Main("transactional", run, (*Account)(nil), (*Wallet)(nil), (*Order)(nil))
}

func run(ctx context.Context, store *bunstore.Store) error {
	db := store.DB()
	if err := before(ctx, db); err != nil {
		return err
	}
	deploy := seq.New(store, moveBalances, migrateOrders).Use(strategies.TransactionalBatch(strategies.RequireReversible()))

	// One process of the fleet does it, the others wait; what is older is left out.
	report, err := deploy.Run(ctx, seq.Isolate(), seq.From("2024_01_15_120000"))
	fmt.Print(report)
	if report.State == seq.RunRolledBack {
		fmt.Println("as expected:", err)
		err = errors.Join(figures(ctx, db, 6000, 0, 1), mend(ctx, db))
		if err != nil {
			return err
		}
		report, err = deploy.Run(ctx)
		fmt.Print(report)
	}
	return errors.Join(err, figures(ctx, db, 0, 6000, 2))
}

// figures reads where the money is, and checks it.
func figures(ctx context.Context, db *bun.DB, inAccounts, inWallets, version int) error {
	cents := func(model any) *bun.SelectQuery {
		return db.NewSelect().Model(model).ColumnExpr("CAST(COALESCE(SUM(cents), 0) AS BIGINT)")
	}
	return errors.Join(
		demo.Expect("cents in accounts", inAccounts)(demo.Int(ctx, cents((*Account)(nil)))),
		demo.Expect("cents in wallets", inWallets)(demo.Int(ctx, cents((*Wallet)(nil)))),
		demo.Expect(fmt.Sprintf("orders of version %d", version), 3)(db.NewSelect().Model((*Order)(nil)).Where("schema_version = ?", version).Count(ctx)),
	)
}
