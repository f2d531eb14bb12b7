package main

import (
	"context"

	"github.com/uptrace/bun"
)

type Account struct {
	bun.BaseModel `bun:"table:transactional_accounts"`

	Owner string `bun:",pk"`
	Cents int64
}

type Wallet struct {
	bun.BaseModel `bun:"table:transactional_wallets"`

	Owner string `bun:",pk"`
	Cents int64
}

type Order struct {
	bun.BaseModel `bun:"table:transactional_orders"`

	ID            int64 `bun:",pk"`
	Owner         string
	SchemaVersion int
}

// before makes the tables as they are before the deploy, unless they are there. Order 3 has an
// owner that is misspelt.
func before(ctx context.Context, db *bun.DB) error {
	for _, model := range []any{(*Account)(nil), (*Wallet)(nil), (*Order)(nil)} {
		if _, err := db.NewCreateTable().Model(model).IfNotExists().Exec(ctx); err != nil {
			return err
		}
	}
	accounts := []Account{{Owner: "ada", Cents: 1000}, {Owner: "alan", Cents: 2000}, {Owner: "grace", Cents: 3000}}
	if _, err := db.NewInsert().Model(&accounts).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return err
	}
	orders := []Order{{ID: 1, Owner: "ada", SchemaVersion: 1}, {ID: 2, Owner: "alan", SchemaVersion: 1}, {ID: 3, Owner: "garce", SchemaVersion: 1}}
	_, err := db.NewInsert().Model(&orders).On("CONFLICT DO NOTHING").Exec(ctx)
	return err
}

// mend is what somebody does after the deploy was rolled back.
func mend(ctx context.Context, db *bun.DB) error {
	_, err := db.NewUpdate().Model((*Order)(nil)).Set("owner = ?", "grace").Where("owner = ?", "garce").Exec(ctx)
	return err
}
