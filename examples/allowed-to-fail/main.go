// Allowed-to-fail gives every operation its turn. What must succeed fails the deploy if it does
// not; what is nice to have, such as mail and caches, may fail, is listed in the report, and is
// tried again by the next deploy.
//
//	go run ./examples/allowed-to-fail                        # on the SQLite file seq-allowed-to-fail.db
//	go run ./examples/allowed-to-fail -dsn postgres://…      # on Postgres
//	go run ./examples/allowed-to-fail -smtp localhost:1025   # with a mail server that answers
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/smtp"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

type User struct {
	bun.BaseModel `bun:"table:allowed_to_fail_users"`

	ID       int64 `bun:",pk"`
	Email    string
	Initial  string // to be filled
	Welcomed bool
}

// CachedCount is how many users share an initial.
type CachedCount struct {
	bun.BaseModel `bun:"table:allowed_to_fail_cached_counts"`

	Initial string `bun:",pk"`
	Users   int64
}

// By default nobody answers at this address.
var mailServer = flag.String("smtp", "127.0.0.1:1", "`address` of a mail server")

func ops(db *bun.DB) []seq.Op {
	return []seq.Op{
		{
			ID: "2024_01_15_120000_migrate_critical_data", // must succeed
			Run: func(ctx context.Context) error {
				_, err := db.NewUpdate().Model((*User)(nil)).Set("initial = UPPER(SUBSTR(email, 1, 1))").Where("initial = ''").Exec(ctx)
				return err
			},
		},
		{
			ID:            "2024_01_15_120001_send_welcome_emails",
			AllowedToFail: true,
			Run:           func(ctx context.Context) error { return welcome(ctx, db) },
		},
		{
			ID:            "2024_01_15_120002_warm_cache",
			AllowedToFail: true,
			DependsOn:     []string{"2024_01_15_120000_migrate_critical_data"},
			Delivery:      seq.Transactional,
			Run: func(ctx context.Context) error {
				counts := db.NewSelect().Model((*User)(nil)).Column("initial").ColumnExpr("COUNT(*)").Group("initial")
				_, err := bunstore.Tx(ctx).NewRaw("INSERT INTO allowed_to_fail_cached_counts (initial, users) ?", counts).Exec(ctx)
				return err
			},
		},
	}
}

// welcome writes to those who have had no mail yet, so that it can go on where it failed.
func welcome(ctx context.Context, db *bun.DB) error {
	var users []User
	if err := db.NewSelect().Model(&users).Where("NOT welcomed").Scan(ctx); err != nil {
		return err
	}
	for _, u := range users {
		letter := fmt.Sprintf("To: %s\r\nSubject: Welcome\r\n\r\nGood to have you.\r\n", u.Email)
		if err := smtp.SendMail(*mailServer, nil, "service@example.com", []string{u.Email}, []byte(letter)); err != nil {
			return err
		}
		u.Welcomed = true
		if _, err := db.NewUpdate().Model(&u).Column("welcomed").WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func main() { demo.Main("allowed-to-fail", run, (*User)(nil), (*CachedCount)(nil)) }

func run(ctx context.Context, store *bunstore.Store) error {
	db := store.DB()
	if err := before(ctx, db); err != nil {
		return err
	}
	report, err := seq.New(store, ops(db)...).Use(strategies.AllowedToFailBatch()).Run(ctx)
	fmt.Print(report)
	if err != nil {
		return err // the critical one failed; the others had their turn all the same
	}
	welcomed := 3
	for _, id := range report.Tolerated() {
		fmt.Printf("for somebody to look at: %s: %v\n", id, report.Step(id).Err)
		welcomed = 0
	}
	users := db.NewSelect().Model((*User)(nil))
	return errors.Join(
		demo.Expect("users migrated", 3)(users.Clone().Where("initial <> ''").Count(ctx)),
		demo.Expect("users welcomed", welcomed)(users.Where("welcomed").Count(ctx)),
		demo.Expect("counts in the cache", 2)(db.NewSelect().Model((*CachedCount)(nil)).Count(ctx)),
	)
}

// before makes the tables as they are before the deploy, unless they are there.
func before(ctx context.Context, db *bun.DB) error {
	for _, model := range []any{(*User)(nil), (*CachedCount)(nil)} {
		if _, err := db.NewCreateTable().Model(model).IfNotExists().Exec(ctx); err != nil {
			return err
		}
	}
	users := []User{{ID: 1, Email: "ada@example.com"}, {ID: 2, Email: "alan@example.com"}, {ID: 3, Email: "grace@example.com"}}
	_, err := db.NewInsert().Model(&users).On("CONFLICT DO NOTHING").Exec(ctx)
	return err
}
