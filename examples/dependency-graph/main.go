// Dependency-graph runs waves: what depends on nothing, then what depends only on that, and so
// on; those of one wave side by side. It is for fan-out and fan-in, where timestamps say too
// little.
//
//	go run ./examples/dependency-graph                     # on the SQLite file seq-dependency-graph.db
//	go run ./examples/dependency-graph -dsn postgres://…   # on Postgres
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

type User struct {
	bun.BaseModel `bun:"table:dependency_graph_users"`

	ID   int64 `bun:",pk"`
	Name string
}

type Order struct {
	bun.BaseModel `bun:"table:dependency_graph_orders"`

	ID     int64 `bun:",pk"`
	UserID int64
}

type Product struct {
	bun.BaseModel `bun:"table:dependency_graph_products"`

	ID        int64 `bun:",pk"`
	CreatedBy int64
}

var createUsers = seq.Op{
	ID:       "2024_01_15_120000_create_users_table",
	Delivery: seq.Transactional,
	Run: func(ctx context.Context) error {
		_, err := bunstore.Tx(ctx).NewCreateTable().Model((*User)(nil)).Exec(ctx)
		return err
	},
}

// A dependency is an ID. It may be of an operation or of a migration.
var createOrders = seq.Op{
	ID:        "2024_01_15_120001_create_orders_table",
	DependsOn: []string{"2024_01_15_120000_create_users_table"},
	Delivery:  seq.Transactional,
	Run: func(ctx context.Context) error {
		_, err := bunstore.Tx(ctx).NewCreateTable().Model((*Order)(nil)).
			ForeignKey("(user_id) REFERENCES dependency_graph_users (id)").Exec(ctx)
		return err
	},
}

// Taken from the other op, it cannot be misspelt.
var createProducts = seq.Op{
	ID:        "2024_01_15_120002_create_products_table",
	DependsOn: []string{createUsers.ID},
	Delivery:  seq.Transactional,
	Run: func(ctx context.Context) error {
		_, err := bunstore.Tx(ctx).NewCreateTable().Model((*Product)(nil)).
			ForeignKey("(created_by) REFERENCES dependency_graph_users (id)").Exec(ctx)
		return err
	},
}

// Its timestamp is the oldest, but it needs all three tables: fan-in.
var load = seq.Op{
	ID:        "2024_01_01_000000_load",
	DependsOn: []string{createOrders.ID, createProducts.ID},
	Delivery:  seq.Transactional,
	Run: func(ctx context.Context) error {
		users := []User{{ID: 1, Name: "Ada"}, {ID: 2, Name: "Alan"}}
		orders := []Order{{ID: 1, UserID: 1}, {ID: 2, UserID: 2}, {ID: 3, UserID: 2}}
		products := []Product{{ID: 1, CreatedBy: 1}}
		for _, rows := range []any{&users, &orders, &products} {
			if _, err := bunstore.Tx(ctx).NewInsert().Model(rows).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	},
}

func main() {
	demo.Main("dependency-graph", run, (*Product)(nil), (*Order)(nil), (*User)(nil))
}

func run(ctx context.Context, store *bunstore.Store) error {
	deploy := seq.New(store, load, createProducts, createOrders, createUsers).Use(strategies.DependencyGraph())
	plan, err := deploy.Preview(ctx)
	if err != nil {
		return err
	}
	fmt.Print(plan)
	if waves := plan.Waves(); len(waves) > 0 {
		want := [][]string{{createUsers.ID}, {createOrders.ID, createProducts.ID}, {load.ID}}
		if err := demo.Same("waves", fmt.Sprint(waves), fmt.Sprint(want)); err != nil {
			return err
		}
	}

	report, err := deploy.Run(ctx)
	fmt.Print(report)
	if err != nil {
		return err
	}

	// A circle is refused before anything runs, with its whole path.
	circular := createUsers
	circular.DependsOn = []string{load.ID}
	_, err = seq.New(store, circular, createOrders, createProducts, load).Preview(ctx)
	if !errors.Is(err, seq.ErrCycle) {
		return fmt.Errorf("a circle was not refused: %w", err)
	}
	fmt.Println("refused:", err)

	orders := store.DB().NewSelect().Model((*Order)(nil)).Join("JOIN dependency_graph_users AS u ON u.id = user_id")
	return errors.Join(
		demo.Expect("orders of Alan", 2)(orders.Where("u.name = ?", "Alan").Count(ctx)),
		demo.Expect("products", 1)(store.DB().NewSelect().Model((*Product)(nil)).Count(ctx)),
	)
}
