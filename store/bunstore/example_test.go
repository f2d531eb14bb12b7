package bunstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

// What a Transactional operation writes through Tx, and the record that it ran, are one commit.
func ExampleTx() {
	ctx := context.Background()
	ledger, err := sqlite.Open(":memory:")
	if err != nil {
		panic(err)
	}
	defer ledger.Close()
	_, err = seq.New(ledger,
		seq.Op{ID: "2024_01_15_120000_create", Delivery: seq.Transactional, Run: func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).ExecContext(ctx, "CREATE TABLE accounts (id integer PRIMARY KEY, plan text)")
			return err
		}},
		seq.Op{ID: "2024_01_15_120100_fill", Delivery: seq.Transactional, Run: func(ctx context.Context) error {
			if _, err := bunstore.Tx(ctx).ExecContext(ctx, "INSERT INTO accounts VALUES (1, 'free')"); err != nil {
				return err
			}
			return errors.New("out of disk") // and so the row is not there
		}},
	).Run(ctx)
	var accounts int
	if err := ledger.DB().NewRaw("SELECT count(*) FROM accounts").Scan(ctx, &accounts); err != nil {
		panic(err)
	}
	fmt.Println(accounts, "accounts;", err)
	// Output: 0 accounts; sequential run failed: run 2024_01_15_120100_fill: out of disk (effect none)
}

// Two services that share the tables of one database, each with operations and a lease of its own.
func ExampleNamespace() {
	ctx := context.Background()
	billing, err := sqlite.Open(":memory:", bunstore.Namespace("billing"))
	if err != nil {
		panic(err)
	}
	defer billing.Close()
	shipping := bunstore.New(billing.DB(), bunstore.Namespace("shipping"))
	op := seq.Op{ID: "2024_01_15_120000_fill", Run: func(context.Context) error { return nil }}
	for _, ledger := range []*bunstore.Store{billing, shipping} {
		report, err := seq.New(ledger, op).Run(ctx)
		fmt.Println(report.Succeeded(), err)
	}
	// Output:
	// [2024_01_15_120000_fill] <nil>
	// [2024_01_15_120000_fill] <nil>
}
