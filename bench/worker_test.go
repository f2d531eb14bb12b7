package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store/bunstore"
)

// orderEnv makes this test binary a process that works at a backfill: it holds an order as JSON.
const orderEnv = "SEQ_BENCH_ORDER"

// An order says what such a process works at.
type order struct {
	DB, Address string        // the name of a product, and one of its databases
	TTL         time.Duration // of the leases; 0: the default
	Batch       time.Duration // that a batch takes
	Gated       bool          // it may go on while the table gate says so
}

// steeredID is the backfill of an order.
var steeredID = seqtest.ID(1, "steered")

func (o *order) open() (*bunstore.Store, error) {
	var opts []bunstore.Option
	if o.TTL > 0 {
		opts = append(opts, bunstore.LeaseTTL(o.TTL))
	}
	return products[o.DB].ledger(o.Address, opts...)
}

// op does what must not be done twice.
func (o *order) op() seq.Op {
	job := backfill.Job[int64]{From: backfill.Dense{Table: "rows", Key: "id"}, Size: 10, MinSize: 10, MaxSize: 10}
	job.Do = func(ctx context.Context, r backfill.Range[int64]) error {
		if err := incremented(ctx, r); err != nil {
			return err
		}
		if o.DB != "postgres" {
			return clock.Sleep(ctx, clock.Wall(), o.Batch)
		}
		_, err := bunstore.DB(ctx).ExecContext(ctx, `SELECT pg_sleep(?)`, o.Batch.Seconds())
		return err
	}
	if o.Gated {
		job.Gates = []backfill.Gate{backfill.Query("the table", `SELECT open FROM gate`)}
	}
	return backfill.Op(steeredID, job)
}

// obey works until it is told to end, and returns the exit code.
func (o *order) obey() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ledger, err := o.open()
	if err == nil {
		err = seq.New(ledger, o.op()).Use(middleware.Middleware{Name: "tell", Watch: tell}).Work(ctx)
		_ = ledger.Close()
	}
	if ctx.Err() != nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// A headway is what a process tells its parent, as a line of JSON.
type headway struct {
	Done int64  // a batch is committed, and so many rows are done
	Why  string // it does not move, because of this; "" if it does
}

// tell is the watcher that does. One write is one line.
func tell(e middleware.Event) {
	if e.Kind != middleware.EventProgress {
		return
	}
	text, err := json.Marshal(headway{e.Done, e.Reason})
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.Write(append(text, '\n')) // the parent may be gone
}

// workHere makes this process a worker if it was started as one.
func workHere() {
	text := os.Getenv(orderEnv)
	if text == "" {
		return
	}
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	os.Exit(o.obey())
}
