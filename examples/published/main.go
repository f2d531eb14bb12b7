// Published runs the migrations that three projects publish, each in the format of its tool and as
// they are, with operations of a service between them: the users of go-auth (bun), the stores of
// OpenFGA (goose) and the job queue of River (golang-migrate). Each publishes a set for SQLite and
// another for Postgres.
//
//	go run ./examples/published                     # on the SQLite file seq-published.db
//	go run ./examples/published -dsn postgres://…   # on a Postgres database of its own
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"

	"github.com/uptrace/bun/dialect"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store/bunstore"
)

func main() {
	dsn := flag.String("dsn", "", "`postgres://…` instead of the SQLite file seq-published.db in this folder")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "published runs the migrations of go-auth, OpenFGA and River, with operations between them.")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dsn); err != nil {
		fmt.Fprintln(os.Stderr, "published:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

func run(ctx context.Context, dsn string) error {
	store, err := demo.Open("published", dsn)
	if err != nil {
		return err
	}
	defer store.Close()
	db := store.DB()

	from := postgres
	if db.Dialect().Name() == dialect.SQLite {
		from = sqlite
	}
	river, err := from.river()
	if err != nil {
		return err
	}
	openfga, err := from.openfga()
	if err != nil {
		return err
	}
	goauth, err := from.goauth(ctx)
	if err != nil {
		return err
	}

	// The users are imported when their table is there, and before the migration that archives those
	// who have left: by its date. What belongs to no date says what it needs. The last migrations of
	// OpenFGA and River wait until the operations are done.
	importUsers := seq.Op{ID: "2024_05_20_120000_import_users", Run: execute(`
		INSERT INTO users (id, first_name, last_name, username, email, deleted_at) VALUES
			('1', 'Ada', 'Lovelace', 'ada', 'ada@example.org', NULL),
			('2', 'Alan', 'Turing', 'alan', 'alan@example.org', NULL),
			('3', 'Charles', 'Babbage', 'charles', 'charles@example.org', '1871-10-18 00:00:00')`)}
	makeStores := seq.Op{ID: "2024_06_10_120000_make_stores", Run: execute(`
		INSERT INTO store (id, name, created_at) SELECT id, username, created_at FROM users WHERE status = 'active'`)}
	makeStores.DependsOn = []string{openfga[0].ID, "20240601090000_user_status"}
	enqueue := seq.Op{ID: "2024_06_10_130000_enqueue", Run: execute(`
		INSERT INTO river_job (kind, args, max_attempts) SELECT 'welcome', '{"to": "everybody"}', count(*) FROM store`)}
	enqueue.DependsOn = []string{makeStores.ID, "1970_01_01_000006_bulk_unique"}
	last(openfga).DependsOn = []string{makeStores.ID}
	river[6].DependsOn = []string{enqueue.ID}  // on SQLite it converts the jobs that there are
	river[7].DependsOn = []string{river[6].ID} // who waits is overtaken by those who need not

	operations := []seq.Op{importUsers, makeStores, enqueue}
	for i := range operations {
		operations[i].Delivery = seq.Transactional
	}
	sequencer := seq.New(store, slices.Concat(river, openfga, goauth, operations)...).Use(progress())
	plan, err := sequencer.Preview(ctx)
	if err != nil {
		return err
	}
	fmt.Print(plan)
	if _, err := sequencer.Run(ctx); err != nil {
		return err
	}
	count := func(table, where string) (int64, error) {
		return demo.Int(ctx, db.NewSelect().Table(table).ColumnExpr("count(*)").Where(where))
	}
	return errors.Join(
		demo.Expect("archived users", 1)(count("users", "status = 'archived'")),
		demo.Expect("stores", 2)(count("store", "name IN ('ada', 'alan')")),
		demo.Expect("jobs", 1)(count("river_job", "max_attempts = 2 AND args ->> 'to' = 'everybody'")),
		demo.Expect("in goose's table", len(openfga))(count("goose_db_version", "version_id > 0")),
		demo.Expect("in bun's table", 5)(count("bun_migrations", "true")),
	)
}

func last(ops []seq.Op) *seq.Op { return &ops[len(ops)-1] }

func execute(query string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := bunstore.Tx(ctx).ExecContext(ctx, query)
		return err
	}
}

// progress is a line for each op, which says where the run is.
func progress() middleware.Middleware {
	done, total := int64(0), int64(0)
	return middleware.Middleware{Name: "progress", Watch: func(e middleware.Event) {
		switch e.Kind {
		case middleware.EventRunStarted:
			done, total = 0, e.Total
		case middleware.EventSettled:
			done++
			fmt.Fprintf(os.Stderr, "%2d of %d  %s\n", done, total, e.ID)
		}
	}}
}
