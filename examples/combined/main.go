// Combined is one operation that can do several things: it is scheduled, it may fail, and it can
// be rolled back. It is a type with methods; [seq.FromType] takes from it whatever it has.
//
//	go run ./examples/combined                     # on the SQLite file seq-combined.db
//	go run ./examples/combined -dsn postgres://…   # on Postgres
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

// Price is what a feed delivers every night.
type Price struct {
	bun.BaseModel `bun:"table:combined_prices"`

	Product string `bun:",pk"`
	Cents   int64
}

// CachedPrice is what the shop shows.
type CachedPrice struct {
	bun.BaseModel `bun:"table:combined_cached_prices"`

	Product string `bun:",pk"`
	Text    string
}

// CacheWarmup fills the cache at 03:00, if the feed has delivered.
type CacheWarmup struct{ db *bun.DB }

// Run does the work. It starts from an empty cache, so that it can be repeated.
func (w CacheWarmup) Run(ctx context.Context) error {
	var prices []Price
	if err := w.db.NewSelect().Model(&prices).Scan(ctx); err != nil {
		return err
	}
	if len(prices) == 0 {
		return errors.New("the feed has not delivered")
	}
	var cached []CachedPrice
	for _, p := range prices {
		cached = append(cached, CachedPrice{Product: p.Product, Text: fmt.Sprintf("%d.%02d €", p.Cents/100, p.Cents%100)})
	}
	return w.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*CachedPrice)(nil)).Where("true").Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&cached).Exec(ctx)
		return err
	})
}

// Rollback clears the cache.
func (w CacheWarmup) Rollback(ctx context.Context) error {
	_, err := w.db.NewDelete().Model((*CachedPrice)(nil)).Where("true").Exec(ctx)
	return err
}

// ExecuteAt is the next 03:00.
func (CacheWarmup) ExecuteAt(now time.Time) time.Time { return seq.NextAt(3, 0, time.UTC)(now) }

// AllowedToFail makes a failure a note: without its cache, the shop is slow.
func (CacheWarmup) AllowedToFail() bool { return true }

func main() { demo.Main("combined", run, (*Price)(nil), (*CachedPrice)(nil)) }

func run(ctx context.Context, store *bunstore.Store) error {
	db := store.DB()
	if err := before(ctx, db); err != nil {
		return err
	}
	warmup := seq.FromType("2024_01_15_120000_warm_price_cache", CacheWarmup{db})
	clk := clock.NewMock(time.Date(2024, 1, 15, 22, 0, 0, 0, time.UTC))
	deploy := seq.New(store, warmup).Use(strategies.Scheduled(), seq.WithClock(clk))

	// step does one thing, and checks what became of the op and of the cache.
	step := func(what string, want seq.State, cached int, do func(context.Context, ...seq.RunOption) (*seq.Report, error)) error {
		report, err := do(ctx)
		fmt.Printf("%s: %s", what, report)
		if err != nil {
			return err
		}
		return errors.Join(
			demo.Same("the op is", report.Step(warmup.ID).State, want),
			demo.Expect("prices in the cache", cached)(db.NewSelect().Model((*CachedPrice)(nil)).Count(ctx)),
		)
	}
	if err := step("22:00, the deploy", seq.Scheduled, 0, deploy.Run); err != nil {
		return err
	}
	clk.Set(time.Date(2024, 1, 16, 3, 0, 0, 0, time.UTC))
	if err := step("03:00, cron", seq.Tolerated, 0, deploy.RunDue); err != nil {
		return err
	}
	feed := []Price{{Product: "lamp", Cents: 4990}, {Product: "chair", Cents: 12900}}
	if _, err := db.NewInsert().Model(&feed).Exec(ctx); err != nil {
		return err
	}
	if err := step("the next deploy", seq.Succeeded, 2, deploy.Run); err != nil {
		return err
	}
	return step("second thoughts", seq.RolledBack, 0, deploy.Rollback) // it is pending again
}

// before makes the tables as they are before the deploy: the feed has not delivered.
func before(ctx context.Context, db *bun.DB) error {
	for _, model := range []any{(*Price)(nil), (*CachedPrice)(nil)} {
		if _, err := db.NewCreateTable().Model(model).IfNotExists().Exec(ctx); err != nil {
			return err
		}
	}
	_, err := db.NewDelete().Model((*Price)(nil)).Where("true").Exec(ctx)
	return err
}
