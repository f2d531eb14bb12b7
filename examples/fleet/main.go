// Fleet counts the primes below two million in 400 steps, on workers. A worker is killed in the middle; the
// result is read from the database.
//
//	go run ./examples/fleet -dsn postgres://…   # three worker processes, through River
//	go run ./examples/fleet                     # three workers in this process, on the SQLite file seq-fleet.db
//
// With -http 127.0.0.1:8080 it serves two pages while it runs, and until it is interrupted: that of package console
// at /deploy/, and at /river/ River's own (riverqueue.com/riverui), for orders that go through it.
//
// The steps are Transactional, so that each chunk is counted exactly once, whatever happens to its worker. The
// one that is killed is given up when its lease has expired, after 15 s.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/examples/internal/demo"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

// A Chunk is a range of numbers whose primes were counted.
type Chunk struct {
	bun.BaseModel `bun:"table:fleet_chunks"`

	First  int64 `bun:",pk"`
	Primes int64
	PID    int64 // of the worker
}

const (
	chunks   = 400
	size     = 5000
	expected = 148_933 // primes below chunks * size
	workers  = 3
	asWorker = "SEQ_EXAMPLE_FLEET_WORKER" // the address of the database, in the environment of a worker
)

func main() {
	if dsn := os.Getenv(asWorker); dsn != "" {
		if err := work(dsn); err != nil {
			log.Fatal(err)
		}
		return
	}
	demo.Main("fleet", run, (*Chunk)(nil))
}

// ops are the same for the leader and the workers: a table, and a chunk each.
func ops() []seq.Op {
	list := []seq.Op{{
		ID: "2026_03_01_100000_create_chunks", Kind: seq.Migration, Delivery: seq.Transactional,
		Run: func(ctx context.Context) error {
			_, err := bunstore.DB(ctx).NewCreateTable().Model((*Chunk)(nil)).Exec(ctx)
			return err
		},
	}}
	for n := range int64(chunks) {
		list = append(list, seq.Op{
			ID:       countChunk(n),
			Delivery: seq.Transactional,
			Run: func(ctx context.Context) error {
				chunk := &Chunk{First: n * size, Primes: primes(n*size, (n+1)*size), PID: int64(os.Getpid())}
				_, err := bunstore.DB(ctx).NewInsert().Model(chunk).Exec(ctx)
				return err
			},
		})
	}
	return list
}

func countChunk(n int64) string { return fmt.Sprintf("2026_03_01_11%02d%02d_count_chunk", n/60, n%60) }

// primes counts the primes from a up to, and not including, b.
func primes(a, b int64) (count int64) {
	for n := max(a, 2); n < b; n++ {
		prime := true
		for d := int64(2); d*d <= n && prime; d++ {
			prime = n%d != 0
		}
		if prime {
			count++
		}
	}
	return count
}

func run(ctx context.Context, ledger *bunstore.Store) error {
	with := local
	if ledger.DB().Dialect().Name() == dialect.PG {
		with = byRiver
	}
	pages := &site{}
	transport, stop, err := with(ctx, ledger, pages)
	if err != nil {
		return err
	}
	defer stop()
	deploy := seq.New(ledger, ops()...).Use(
		strategies.Batch(strategies.Limit(100)), fleet.Middleware(transport), middleware.Middleware{Name: "news", Watch: news},
	)
	pages.console(deploy)
	end := func() error { return pages.check(ctx) }
	if *addr != "" {
		if end, err = pages.serve(ctx); err != nil {
			return err
		}
	}
	report, err := deploy.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s in %s\n", report.State, report.Finished.Sub(report.Started).Round(time.Millisecond))
	if err := check(ctx, ledger.DB()); err != nil {
		return err
	}
	return end()
}

// check reads the result.
func check(ctx context.Context, db *bun.DB) error {
	if err := demo.Expect("chunks", chunks)(demo.Int(ctx, db.NewSelect().Model((*Chunk)(nil)).ColumnExpr("count(*)"))); err != nil {
		return err
	}
	if err := demo.Expect("primes", expected)(demo.Int(ctx, db.NewSelect().Model((*Chunk)(nil)).ColumnExpr("sum(primes)"))); err != nil {
		return err
	}
	by, err := demo.Int(ctx, db.NewSelect().Model((*Chunk)(nil)).ColumnExpr("count(DISTINCT pid)"))
	if err == nil {
		fmt.Printf("counted by %d processes\n", by)
	}
	return err
}

// news prints what is not ordinary.
func news(e middleware.Event) {
	switch e.Kind {
	case middleware.EventRecovered:
		fmt.Printf("%s: %s, it is %s\n", e.ID, e.Reason, e.State)
	case middleware.EventNoWorker:
		fmt.Printf("%s waits: %v\n", e.ID, e.Err)
	}
}

// local has three workers in this process, and needs no River.
func local(_ context.Context, ledger *bunstore.Store, _ *site) (fleet.Transport, func(), error) {
	loop := fleet.Loopback()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	stop := func() { cancel(); group.Wait() }
	for range workers {
		w, err := fleet.NewWorker(seq.New(ledger, ops()...), nil)
		if err != nil {
			stop()
			return nil, nil, err
		}
		group.Go(func() {
			loop.Serve(ctx, w, 4)
			w.Close(context.WithoutCancel(ctx))
		})
	}
	return loop, stop, nil
}

// byRiver starts three worker processes, and kills one of them in the middle.
func byRiver(ctx context.Context, ledger *bunstore.Store, pages *site) (fleet.Transport, func(), error) {
	dsn := flag.Lookup("dsn").Value.String()
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(fleet.Migrate(ctx, pool), pages.river(ctx, pool)); err != nil {
		pool.Close()
		return nil, nil, err
	}
	var group sync.WaitGroup
	var processes []*os.Process
	for range workers {
		cmd := exec.CommandContext(context.WithoutCancel(ctx), os.Args[0])
		cmd.Env, cmd.Stderr = append(os.Environ(), asWorker+"="+dsn), os.Stderr
		if err := cmd.Start(); err != nil {
			return nil, nil, err
		}
		processes = append(processes, cmd.Process)
		group.Go(func() { _ = cmd.Wait() })
	}
	done := make(chan struct{})
	group.Go(func() { kill(ledger.DB(), processes[0], done) })
	return fleet.River(pool), func() {
		close(done)
		for _, p := range processes {
			_ = p.Signal(syscall.SIGTERM)
		}
		group.Wait()
		pool.Close()
	}, nil
}

// kill kills a process when a quarter is done.
func kill(db *bun.DB, p *os.Process, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
		n, err := db.NewSelect().Model((*Chunk)(nil)).Count(context.Background())
		if err == nil && n >= chunks/4 && n < chunks {
			fmt.Printf("after %d chunks, worker %d is killed\n", n, p.Pid)
			_ = p.Kill()
			return
		}
	}
}

// work is a worker process: all that a service needs for one.
func work(dsn string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ledger, err := demo.Open("fleet", dsn)
	if err != nil {
		return err
	}
	defer ledger.Close()
	ledger.DB().SetMaxOpenConns(8) // all processes together must fit into the server
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	return fleet.Serve(ctx, pool, seq.New(ledger, ops()...), fleet.Slots(4))
}
