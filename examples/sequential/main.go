// Sequential is the default strategy: migrations and operations interleaved by timestamp, one
// after another, each once. Two deploys of a service show that the second does only what the
// first did not.
//
//	go run ./examples/sequential                     # on the SQLite file seq-sequential.db
//	go run ./examples/sequential -dsn postgres://…   # on Postgres
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/store/bunstore"
)

type Customer struct {
	bun.BaseModel `bun:"table:sequential_customers"`

	ID     int64  `bun:",pk"`
	Email  string `bun:",notnull"`
	Domain string `bun:",nullzero"`
}

// firstRelease is what the service brings in its first release. The order in the slice does not
// matter; the timestamps do.
var firstRelease = []seq.Op{
	{
		ID:       "2024_01_15_120001_import_customers",
		Delivery: seq.Transactional, // the rows and the record that they are there: both or neither
		Run: func(ctx context.Context) error {
			customers := []Customer{{ID: 1, Email: "ada@example.com"}, {ID: 2, Email: "alan@example.org"}, {ID: 3, Email: "grace@example.com"}}
			_, err := bunstore.Tx(ctx).NewInsert().Model(&customers).Column("id", "email").Exec(ctx)
			return err
		},
	},
	{
		ID:       "2024_01_15_120000_create_customers",
		Kind:     seq.Migration,
		Delivery: seq.Transactional,
		Run: func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).NewRaw("CREATE TABLE sequential_customers (id BIGINT PRIMARY KEY, email VARCHAR NOT NULL)").Exec(ctx)
			return err
		},
	},
}

// secondRelease has all of that still, and more: a column, and then what goes into it.
var secondRelease = append(firstRelease,
	seq.Op{
		ID:       "2024_02_01_090000_add_domain",
		Kind:     seq.Migration,
		Delivery: seq.Transactional,
		Run: func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).NewAddColumn().Model((*Customer)(nil)).ColumnExpr("domain VARCHAR").Exec(ctx)
			return err
		},
	},
	seq.Op{
		ID:       "2024_02_01_090001_fill_domain",
		Delivery: seq.Transactional,
		Run: func(ctx context.Context) error {
			var customers []Customer
			db := bunstore.Tx(ctx)
			if err := db.NewSelect().Model(&customers).Where("domain IS NULL").Scan(ctx); err != nil {
				return err
			}
			for _, c := range customers {
				_, c.Domain, _ = strings.Cut(c.Email, "@")
				if _, err := db.NewUpdate().Model(&c).Column("domain").WherePK().Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		},
	},
)

func main() { demo.Main("sequential", run, (*Customer)(nil)) }

func run(ctx context.Context, store *bunstore.Store) error {
	for i, ops := range [][]seq.Op{firstRelease, secondRelease} {
		report, err := seq.New(store, ops...).Run(ctx) // Use(strategies.Sequential()) would say the same
		fmt.Printf("release %d: %s", i+1, report)
		if err != nil {
			return err
		}
	}
	customers := store.DB().NewSelect().Model((*Customer)(nil))
	return errors.Join(
		demo.Expect("customers", 3)(customers.Clone().Count(ctx)),
		demo.Expect("customers at example.com", 2)(customers.Where("domain = ?", "example.com").Count(ctx)),
	)
}
