// Custom is a seventh strategy, made as the six are: a planner, an executor and some middleware.
// It does what is tagged "canary" first and alone, then the rest; shows a maintenance page while
// it works; tries again what fails; and undoes all of it if that does not help.
//
//	go run ./examples/custom                     # on the SQLite file seq-custom.db
//	go run ./examples/custom -dsn postgres://…   # on Postgres
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
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store/bunstore"
)

// Canary is the strategy. Saga, Record and Tolerate must stand in this order; a list that breaks
// the law of order (see [middleware.Layer]) is refused before anything runs.
func Canary(db *bun.DB) seq.Strategy {
	return seq.Strategy{
		Name:     "canary",
		Planner:  canariesFirst(plan.Waves()),
		Executor: exec.Parallel(4),
		Middleware: []middleware.Middleware{
			maintenancePage(db), middleware.Saga(), middleware.Record(), middleware.Tolerate(),
			middleware.Retry(3, 10*time.Millisecond), middleware.Timeout(time.Minute),
		},
	}
}

// canariesFirst makes all other steps wait for the canaries, and leaves the rest to inner.
func canariesFirst(inner plan.Planner) plan.Planner {
	return plan.Func(func(ctx context.Context, in plan.Input) (*plan.Plan, error) {
		isCanary := func(s plan.Step) bool { return slices.Contains(s.Tags, "canary") }
		var canaries []int
		for i, s := range in.Steps {
			if isCanary(s) {
				canaries = append(canaries, i)
			}
		}
		steps := slices.Clone(in.Steps) // a planner does not change its input
		for i, s := range steps {
			if !isCanary(s) {
				steps[i].After = slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.After, canaries))))
			}
		}
		return inner.Plan(ctx, plan.Input{Steps: steps, Now: in.Now})
	})
}

// maintenancePage surrounds the run, a rollback included, because it stands outside of Saga.
func maintenancePage(db *bun.DB) middleware.Middleware {
	show := func(ctx context.Context, shown bool) error {
		_, err := db.NewUpdate().Model((*Site)(nil)).Set("maintenance = ?", shown).Set("changes = changes + 1").Where("true").Exec(ctx)
		return err
	}
	return middleware.Middleware{Name: "maintenance page", Run: func(next exec.Executor) exec.Executor {
		return exec.Func(func(ctx context.Context, walk exec.Walk) error {
			if err := show(ctx, true); err != nil {
				return err
			}
			err := next.Execute(ctx, walk)
			return errors.Join(err, show(context.WithoutCancel(ctx), false))
		})
	}}
}

func main() { demo.Main("custom", run, (*Site)(nil), (*Shard)(nil)) }

func run(ctx context.Context, store *bunstore.Store) error {
	db := store.DB()
	if err := before(ctx, db); err != nil {
		return err
	}
	deploy := seq.New(store, ops(db)...).Use(Canary(db))
	steps, err := deploy.Preview(ctx)
	if err != nil {
		return err
	}
	fmt.Print(steps)
	report, err := deploy.Run(ctx)
	fmt.Print(report)
	if err != nil {
		return err
	}
	return errors.Join(
		demo.Expect("shards of version 2", shards)(db.NewSelect().Model((*Shard)(nil)).Where("version = 2").Count(ctx)),
		demo.Expect("sites that show the maintenance page", 0)(db.NewSelect().Model((*Site)(nil)).Where("maintenance").Count(ctx)),
		demo.Expect("changes of the maintenance page", 2)(demo.Int(ctx, db.NewSelect().Model((*Site)(nil)).Column("changes"))),
	)
}
