// Backfill gives a million users a plan, in a process beside the service that is killed twice, while a deploy
// goes on; afterwards one query shows that each row was done once, although doing it is adding one.
//
//	go run ./examples/backfill                     # on the SQLite file seq-backfill.db
//	go run ./examples/backfill -dsn postgres://…   # on Postgres
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/store/bunstore"
)

const users = 1_000_000

type User struct {
	bun.BaseModel `bun:"table:backfill_users"`

	ID   int64 `bun:",pk"`
	Done int   `bun:",notnull,default:0"` // how often the backfill has done the row
}

// addUsers is what was there before.
var addUsers = seq.Op{
	ID: "2026_10_01_090000_add_users", Kind: seq.Migration, Delivery: seq.Transactional,
	Run: func(ctx context.Context) error {
		db := bunstore.DB(ctx)
		if _, err := db.NewCreateTable().Model((*User)(nil)).IfNotExists().Exec(ctx); err != nil {
			return err
		}
		_, err := db.NewRaw(`INSERT INTO backfill_users (id, done)
	WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < ?) SELECT i, 0 FROM s`, users).Exec(ctx)
		return err
	},
}

// plans is the backfill. Its Do must not be done twice to any row.
var plans = func() seq.Op {
	op := backfill.Op("2026_11_01_110000_plans", backfill.Job[int64]{
		From:  backfill.Dense{Table: "backfill_users", Key: "id"},
		Parts: 4, Workers: 2,
		MaxSize: 10_000,
		Do: func(ctx context.Context, r backfill.Range[int64]) error {
			_, err := bunstore.DB(ctx).NewUpdate().Table("backfill_users").Set("done = done + 1").Where("id BETWEEN ? AND ?", r.First, r.Last).Exec(ctx)
			return err
		},
	})
	op.DependsOn = []string{addUsers.ID}
	return op
}()

// The next release comes while the backfill is under way, with a migration and with what waits for the backfill.
var (
	addNotes = seq.Op{
		ID: "2026_11_02_090000_add_notes", Kind: seq.Migration, Delivery: seq.Transactional,
		Run: func(ctx context.Context) error {
			_, err := bunstore.DB(ctx).NewRaw(`CREATE TABLE IF NOT EXISTS backfill_notes (id integer)`).Exec(ctx)
			return err
		},
	}
	contract = seq.Op{
		ID: "2026_11_02_100000_check_plans", DependsOn: []string{plans.ID}, Delivery: seq.Transactional,
		Run: func(ctx context.Context) error { return nil },
	}
)

type note struct {
	bun.BaseModel `bun:"table:backfill_notes"`
}

// worker makes this program a replica of the service, which works in the background until it is killed.
const worker = "SEQ_EXAMPLE_WORKER"

func main() {
	// A replica that was killed is replaced when its lease has expired; 15 s is the default.
	soon := []bunstore.Option{bunstore.LeaseTTL(2 * time.Second)}
	if os.Getenv(worker) != "" {
		demo.MainWith("backfill", soon, func(ctx context.Context, store *bunstore.Store) error {
			return seq.New(store, addUsers, plans, addNotes, contract).Work(ctx)
		})
		return
	}
	demo.MainWith("backfill", soon, run, (*User)(nil), (*note)(nil))
}

func run(ctx context.Context, store *bunstore.Store) error {
	first := seq.New(store, addUsers, plans)
	report, err := first.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Println("release 1:", report.State)

	next := seq.New(store, addUsers, plans, addNotes, contract)
	if status, err := next.Status(ctx); err != nil || status.Succeeded(plans.ID) {
		fmt.Println("the backfill was done by an earlier run of this example; see -reset")
		return errors.Join(err, proof(ctx, store.DB()))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	began := clock.Wall().Now()
	for n, until := range []int64{users / 10, users / 2, users} {
		replica, err := start(ctx)
		if err != nil {
			return err
		}
		op, err := reached(ctx, next, until)
		if err == nil && n == 1 {
			err = deploy(ctx, next)
		}
		err = errors.Join(err, replica.Process.Kill()) // as kill -9 does
		_ = replica.Wait()
		if err != nil {
			return err
		}
		fmt.Printf("replica %d was killed at %d %% or more: %s\n", n+1, 100*until/users, op.State)
	}
	fmt.Printf("a million rows took %s, with two takeovers\n", clock.Wall().Now().Sub(began).Round(time.Second))
	if report, err = next.Run(ctx); err != nil {
		return err
	}
	fmt.Println("the next deploy:", report.State)
	return proof(ctx, store.DB())
}

// proof reads how often each row was done.
func proof(ctx context.Context, db *bun.DB) error {
	done := db.NewSelect().Model((*User)(nil)).Where("done = 1")
	all := db.NewSelect().Model((*User)(nil))
	return errors.Join(
		demo.Expect("users", users)(all.Count(ctx)),
		demo.Expect("users that were done once", users)(done.Count(ctx)),
	)
}

// deploy runs the next release beside the backfill.
func deploy(ctx context.Context, next *seq.Sequencer) error {
	began := clock.Wall().Now()
	report, err := next.Run(ctx)
	fmt.Printf("release 2, beside the backfill: %s after %s\n", report.State, clock.Wall().Now().Sub(began).Round(time.Millisecond))
	return err
}

// start starts a replica.
func start(ctx context.Context) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(arg string) bool { return arg == "-reset" || arg == "--reset" })
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), worker+"=1")
	cmd.Stderr = os.Stderr
	return cmd, cmd.Start()
}

// reached waits until the backfill has done so many rows, and with all of them is done.
func reached(ctx context.Context, app *seq.Sequencer, rows int64) (*seq.OpStatus, error) {
	for {
		status, err := app.Status(ctx)
		if err != nil {
			return nil, err
		}
		if op := status.Op(plans.ID); op.State.Done() || op.Done >= rows && rows < users {
			return op, nil
		}
		if err := clock.Sleep(ctx, clock.Wall(), 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
}
