// Preview shows what a run would do, by whichever strategy, and writes nothing: no row, no table,
// not even its own. Run then executes exactly that plan.
//
//	go run ./examples/preview                     # on the SQLite file seq-preview.db
//	go run ./examples/preview -dsn postgres://…   # on Postgres
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

type Invoice struct {
	bun.BaseModel `bun:"table:preview_invoices"`

	ID    int64 `bun:",pk"`
	Cents int64
}

// What an op can do stands behind its ID in the plan.
func ops(db *bun.DB) []seq.Op {
	return []seq.Op{
		{
			ID:       "2024_01_15_120000_create_invoices",
			Kind:     seq.Migration,
			Delivery: seq.Transactional,
			Run: func(ctx context.Context) error {
				_, err := bunstore.Tx(ctx).NewCreateTable().Model((*Invoice)(nil)).Exec(ctx)
				return err
			},
			Rollback: func(ctx context.Context) error {
				_, err := bunstore.Tx(ctx).NewDropTable().Model((*Invoice)(nil)).Exec(ctx)
				return err
			},
		},
		{
			ID:        "2024_01_15_120001_import_invoices",
			DependsOn: []string{"2024_01_15_120000_create_invoices"},
			Delivery:  seq.Once,
			Run: func(ctx context.Context) error {
				_, err := db.NewInsert().Model(&Invoice{ID: 1, Cents: 4990}).Exec(ctx)
				return err
			},
		},
		{
			ID:            "2024_01_15_120002_index_invoices",
			DependsOn:     []string{"2024_01_15_120001_import_invoices"},
			AllowedToFail: true,
			ShouldRun: func(ctx context.Context) (bool, error) {
				return db.NewSelect().Model((*Invoice)(nil)).Exists(ctx)
			},
			Run: func(ctx context.Context) error {
				_, err := db.NewCreateIndex().Model((*Invoice)(nil)).Index("preview_invoices_cents").Column("cents").Exec(ctx)
				return err
			},
			Rollback: func(ctx context.Context) error {
				_, err := db.NewDropIndex().Index("preview_invoices_cents").Exec(ctx)
				return err
			},
		},
		{
			ID:        "2024_01_15_120003_analyze",
			DependsOn: []string{"2024_01_15_120001_import_invoices"},
			ExecuteAt: func(time.Time) time.Time { return time.Date(2099, 1, 1, 2, 0, 0, 0, time.UTC) },
			Run: func(ctx context.Context) error {
				_, err := db.NewRaw("ANALYZE preview_invoices").Exec(ctx)
				return err
			},
		},
	}
}

func main() { demo.Main("preview", run) }

func run(ctx context.Context, store *bunstore.Store) error {
	before, err := demo.Tables(ctx, store.DB())
	if err != nil {
		return err
	}
	deploy := seq.New(store, ops(store.DB())...)
	for _, name := range strategies.Names() {
		strategy, err := strategies.Named(name) // or strategies.FromEnv, which reads SEQUENCER_ORCHESTRATOR
		if err != nil {
			return err
		}
		plan, err := deploy.Preview(ctx, seq.Using(strategy))
		if err != nil {
			return err
		}
		fmt.Printf("%s\n%s\n", name, plan)
	}

	// The options of Run are those of Preview. What cannot run because of them is told.
	plan, err := deploy.Preview(ctx, seq.Using(strategies.DependencyGraph()), seq.From("2024_01_15_120002"))
	if err != nil {
		return err
	}
	fmt.Printf("dependency-graph, from the third on\n%s\n", plan)

	// What a plan could not keep is refused here, not in the middle of a deploy.
	_, err = deploy.Preview(ctx, seq.Using(strategies.TransactionalBatch(strategies.RequireReversible())))
	if !errors.Is(err, seq.ErrNotReversible) {
		return fmt.Errorf("an op without a rollback was not refused: %w", err)
	}
	fmt.Println("refused:", err)

	// And nothing was written.
	after, err := demo.Tables(ctx, store.DB())
	if err != nil {
		return err
	}
	if !slices.Equal(before, after) {
		return fmt.Errorf("the database has other tables than before: %v, not %v", after, before)
	}
	fmt.Printf("\n%d tables before, %d after\n", len(before), len(after))
	return nil
}
