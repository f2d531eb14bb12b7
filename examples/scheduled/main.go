// Scheduled does now what is due now, and leaves the rest until its time: here maintenance that
// waits for the next 02:00 in Berlin. The clock is one that stands still until it is moved, so
// the night is over in a moment; leave [seq.WithClock] out, and it is the real one.
//
//	go run ./examples/scheduled                     # on the SQLite file seq-scheduled.db
//	go run ./examples/scheduled -dsn postgres://…   # on Postgres
package main

import (
	"context"
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // Berlin, on machines that do not know it

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

type Session struct {
	bun.BaseModel `bun:"table:scheduled_sessions"`

	ID      int64 `bun:",pk"`
	Expires time.Time
	Secure  bool
}

const (
	maintenance = "2024_01_15_120000_scheduled_maintenance"
	urgentFix   = "2024_01_15_120001_urgent_fix"
	overdue     = "2024_01_15_120002_overdue"
)

func ops(db *bun.DB, clk clock.Clock, loc *time.Location) []seq.Op {
	return []seq.Op{
		{
			// ExecuteAt is asked once, when the op is first seen. The answer is in the ledger, so
			// it survives restarts, and any process can act on it.
			ID:        maintenance,
			ExecuteAt: seq.NextAt(2, 0, loc),
			Run: func(ctx context.Context) error {
				if _, err := db.NewDelete().Model((*Session)(nil)).Where("expires < ?", clk.Now().UTC()).Exec(ctx); err != nil {
					return err
				}
				_, err := db.NewRaw("ANALYZE scheduled_sessions").Exec(ctx)
				return err
			},
		},
		{
			// Without a schedule it runs at once.
			ID: urgentFix,
			Run: func(ctx context.Context) error {
				_, err := db.NewUpdate().Model((*Session)(nil)).Set("secure = ?", true).Where("NOT secure").Exec(ctx)
				return err
			},
		},
		{
			// So does one whose time is past.
			ID:        overdue,
			ExecuteAt: func(now time.Time) time.Time { return now.Add(-time.Hour) },
			Run: func(ctx context.Context) error {
				_, err := db.NewCreateIndex().Model((*Session)(nil)).Index("scheduled_sessions_expires").Column("expires").IfNotExists().Exec(ctx)
				return err
			},
		},
	}
}

func main() { demo.Main("scheduled", run, (*Session)(nil)) }

func run(ctx context.Context, store *bunstore.Store) error {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return err
	}
	evening := time.Date(2024, 1, 15, 18, 30, 0, 0, berlin)
	if err := before(ctx, store.DB(), evening); err != nil {
		return err
	}
	clk := clock.NewMock(evening)
	deploy := seq.New(store, ops(store.DB(), clk, berlin)...).Use(strategies.Scheduled(), seq.WithClock(clk))

	fmt.Println("18:30, the deploy")
	report, err := deploy.Run(ctx)
	fmt.Print(report)
	if err != nil {
		return err
	}
	for _, id := range report.Scheduled() {
		due := report.Step(id).Due.In(berlin).Format(time.DateTime)
		if err := demo.Same(id+" is due", due, "2024-01-16 02:00:00"); err != nil {
			return err
		}
	}

	// Cron calls RunDue every minute, on as many hosts as you like; or a process blocks in Serve,
	// or in Run with strategies.Scheduled(strategies.Wait()). Whoever comes first does it, once.
	for _, at := range []time.Time{evening.Add(time.Minute), time.Date(2024, 1, 16, 2, 0, 0, 0, berlin), time.Date(2024, 1, 16, 2, 1, 0, 0, berlin)} {
		clk.Set(at)
		report, err = deploy.RunDue(ctx)
		fmt.Printf("%s, cron: %s", at.Format("15:04"), report)
		if err != nil {
			return err
		}
	}

	sessions := store.DB().NewSelect().Model((*Session)(nil))
	return errors.Join(
		demo.Expect("sessions left", 70)(sessions.Clone().Count(ctx)),
		demo.Expect("secure sessions", 70)(sessions.Where("secure").Count(ctx)),
	)
}

// before makes the table as it is before the deploy, unless it is there: 30 of the sessions
// expire before 02:00.
func before(ctx context.Context, db *bun.DB, evening time.Time) error {
	if _, err := db.NewCreateTable().Model((*Session)(nil)).IfNotExists().Exec(ctx); err != nil {
		return err
	}
	if n, err := db.NewSelect().Model((*Session)(nil)).Count(ctx); err != nil || n > 0 {
		return err
	}
	var sessions []Session
	for i := range 100 {
		sessions = append(sessions, Session{ID: int64(i), Expires: evening.Add(time.Duration(i) * 15 * time.Minute).UTC()})
	}
	_, err := db.NewInsert().Model(&sessions).Exec(ctx)
	return err
}
