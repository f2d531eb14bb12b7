package backfill_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

// SQL in batches: every user without a plan gets the free one, while the service goes on.
func Example() {
	ctx := context.Background()
	ledger, done := example(ctx,
		`CREATE TABLE users (id integer PRIMARY KEY, plan text)`,
		`WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 5000)
			INSERT INTO users SELECT i, CASE WHEN i % 5 = 0 THEN 'gold' END FROM s`)
	defer done()

	plans := backfill.Op("2026_11_01_110000_plans", backfill.Job[int64]{
		From: backfill.Keyset[int64]{Table: "users", Key: "id", Where: "plan IS NULL"},
		Do: func(ctx context.Context, r backfill.Range[int64]) error {
			_, err := bunstore.DB(ctx).ExecContext(ctx,
				`UPDATE users SET plan = 'free' WHERE id BETWEEN ? AND ? AND plan IS NULL`, r.First, r.Last)
			return err
		},
	})
	app := seq.New(ledger, plans)

	report, err := app.Run(ctx) // the deploy does not wait for it
	fmt.Println("deploy:", report.State, err)
	work(ctx, app, plans.ID) // go app.Work(ctx), in every replica
	fmt.Println(count(ctx, ledger, `SELECT count(*) FROM users WHERE plan = 'free'`), "free")
	fmt.Println(count(ctx, ledger, `SELECT count(*) FROM users WHERE plan = 'gold'`), "gold")
	// Output:
	// deploy: succeeded <nil>
	// 2026_11_01_110000_plans: succeeded, 4000 of 4000
	// 4000 free
	// 1000 gold
}

// An HTTP call for each row: made at least once, with a key by which the other side knows a second call, and
// what it found is kept once.
func ExampleCalls() {
	ctx := context.Background()
	ledger, done := example(ctx,
		`CREATE TABLE addresses (id integer PRIMARY KEY, city text NOT NULL, country text)`,
		`INSERT INTO addresses (city) VALUES ('Berlin'), ('Paris'), ('Atlantis'), ('Rome')`)
	defer done()
	countries := map[string]string{"Berlin": "DE", "Paris": "FR", "Rome": "IT"}
	geocoder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		country := countries[r.URL.Query().Get("city")]
		if country == "" || r.Header.Get("Idempotency-Key") == "" {
			http.Error(w, "no such city", http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(country)
	}))
	defer geocoder.Close()

	op := backfill.Op("2026_11_01_120000_countries", backfill.Calls[int64, string]{
		Job: backfill.Job[int64]{
			From: backfill.Keyset[int64]{Table: "addresses", Key: "id", Where: "country IS NULL"},
			Size: 1, MaxSize: 1, // a row a call
			DeadLetters: 10,
		},
		Call: func(ctx context.Context, r backfill.Range[int64], key string) (country string, err error) {
			var city string
			err = bunstore.DB(ctx).QueryRowContext(ctx, `SELECT city FROM addresses WHERE id = ?`, r.First).Scan(&city)
			if err != nil {
				return "", err
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, geocoder.URL+"?city="+city, nil)
			if err != nil {
				return "", err
			}
			request.Header.Set("Idempotency-Key", key)
			answer, err := geocoder.Client().Do(request)
			if err != nil {
				return "", err
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return "", fmt.Errorf("%s: %s", city, answer.Status)
			}
			return country, json.NewDecoder(answer.Body).Decode(&country)
		},
		Keep: func(ctx context.Context, r backfill.Range[int64], country string) error {
			_, err := bunstore.DB(ctx).ExecContext(ctx, `UPDATE addresses SET country = ? WHERE id = ?`, country, r.First)
			return err
		},
	})
	work(ctx, seq.New(ledger, op), op.ID)
	fmt.Println(count(ctx, ledger, `SELECT count(*) FROM addresses WHERE country IS NOT NULL`), "found")
	letters, err := backfill.DeadLetters(ctx, ledger, op.ID)
	for _, l := range letters {
		fmt.Println("row", l.Key+":", l.Error)
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 2026_11_01_120000_countries: succeeded, 4 of 4
	// 3 found
	// row 3: Atlantis: 404 Not Found
}

// What must not be done twice, in four parts side by side. Now and then a batch fails; it is Work that tries
// again, from where each part has come to.
func ExampleJob_parts() {
	ctx := context.Background()
	ledger, done := example(ctx,
		`CREATE TABLE accounts (id integer PRIMARY KEY, cents integer NOT NULL DEFAULT 0)`,
		`WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 2000) INSERT INTO accounts (id) SELECT i FROM s`)
	defer done()

	failures := 0
	bonus := backfill.Op("2026_11_01_130000_bonus", backfill.Job[int64]{
		From:  backfill.Dense{Table: "accounts", Key: "id"},
		Parts: 4, Workers: 1, // more workers where the database has several writers
		Size: 100,
		Do: func(ctx context.Context, r backfill.Range[int64]) error {
			_, err := bunstore.DB(ctx).ExecContext(ctx, `UPDATE accounts SET cents = cents + 100 WHERE id BETWEEN ? AND ?`, r.First, r.Last)
			if r.First > 1500 && failures == 0 {
				failures++
				return errors.New("the connection was lost") // after the UPDATE, which is undone
			}
			return err
		},
	})
	work(ctx, seq.New(ledger, bonus), bonus.ID)
	fmt.Println(failures, "failure")
	fmt.Println(count(ctx, ledger, `SELECT count(*) FROM accounts WHERE cents = 100`), "accounts have one bonus")
	// Output:
	// 2026_11_01_130000_bonus: succeeded, 2000 of 2000
	// 1 failure
	// 2000 accounts have one bonus
}

// example is a ledger in a new SQLite file, whose tables these statements make.
func example(ctx context.Context, statements ...string) (ledger *bunstore.Store, done func()) {
	folder, err := os.MkdirTemp("", "backfill")
	if err != nil {
		panic(err)
	}
	if ledger, err = sqlite.Open(filepath.Join(folder, "app.db")); err != nil {
		panic(err)
	}
	for _, s := range statements {
		if _, err := ledger.DB().ExecContext(ctx, s); err != nil {
			panic(err)
		}
	}
	return ledger, func() { _, _ = ledger.Close(), os.RemoveAll(folder) }
}

// work is what a replica does, until an op is done.
func work(ctx context.Context, app *seq.Sequencer, id string) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = app.Work(ctx) }()
	for {
		status, err := app.Status(ctx)
		if err != nil {
			panic(err)
		}
		if op := status.Op(id); op.State.Done() {
			fmt.Printf("%s: %s, %d of %d\n", id, op.State, op.Done, op.Total)
			break
		}
		_ = clock.Sleep(ctx, clock.Wall(), 20*time.Millisecond)
	}
	stop()
	<-ended
}

func count(ctx context.Context, ledger *bunstore.Store, query string) (n int) {
	if err := ledger.DB().QueryRowContext(ctx, query).Scan(&n); err != nil {
		panic(err)
	}
	return n
}
