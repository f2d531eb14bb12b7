package fleet_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/strategies"
)

// TestMain is also the program of the processes that the tests start.
func TestMain(m *testing.M) {
	if role := os.Getenv("SEQ_FLEET_ROLE"); role != "" {
		if err := program(role); err != nil {
			fmt.Fprintln(os.Stderr, role, err)
			os.Exit(1)
		}
		return
	}
	pgtest.Main(m)
}

// lease is that of leaders and workers.
const lease = 2 * time.Second

// A world is one database with a ledger, River's tables, and a table of effects.
type world struct {
	dsn    string
	ops    int
	sleep  time.Duration // of each op
	fails  bool          // the last one does
	saga   bool
	resend time.Duration
	bare   bool // the ops do nothing at all
	chain  bool // each depends on the one before
	slots  int  // of a worker; 0 means 4

	// A worker sleeps in an op beyond its life, and does it when it wakes up. Whoever was asked by Verify in
	// between could not know that.
	sleeper bool
}

func (w world) env(role string) []string {
	return append(os.Environ(), "SEQ_FLEET_ROLE="+role, "SEQ_FLEET_DSN="+w.dsn, "SEQ_FLEET_OPS="+strconv.Itoa(w.ops),
		"SEQ_FLEET_SLEEP="+w.sleep.String(), "SEQ_FLEET_FAILS="+strconv.FormatBool(w.fails), "SEQ_FLEET_SAGA="+strconv.FormatBool(w.saga),
		"SEQ_FLEET_BARE="+strconv.FormatBool(w.bare), "SEQ_FLEET_CHAIN="+strconv.FormatBool(w.chain), "SEQ_FLEET_SLOTS="+strconv.Itoa(cmp.Or(w.slots, 4)))
}

func worldOfEnv() (w world, err error) {
	w.dsn = os.Getenv("SEQ_FLEET_DSN")
	var errs [7]error
	w.ops, errs[0] = strconv.Atoi(os.Getenv("SEQ_FLEET_OPS"))
	w.sleep, errs[1] = time.ParseDuration(os.Getenv("SEQ_FLEET_SLEEP"))
	w.fails, errs[2] = strconv.ParseBool(os.Getenv("SEQ_FLEET_FAILS"))
	w.saga, errs[3] = strconv.ParseBool(os.Getenv("SEQ_FLEET_SAGA"))
	w.bare, errs[4] = strconv.ParseBool(os.Getenv("SEQ_FLEET_BARE"))
	w.chain, errs[5] = strconv.ParseBool(os.Getenv("SEQ_FLEET_CHAIN"))
	w.slots, errs[6] = strconv.Atoi(os.Getenv("SEQ_FLEET_SLOTS"))
	return w, errors.Join(errs[:]...)
}

func program(role string) error {
	w, err := worldOfEnv()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	switch role {
	case "worker":
		return fleet.Serve(ctx, p.pool, p.sequencer(w), fleet.Slots(w.slots))
	case "raw":
		return raw(ctx, p.pool, w.slots)
	}
	report, err := p.leader(w).Run(ctx)
	fmt.Println(report.State)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return nil
}

// A process is what one process of a world has open.
type process struct {
	ledger *bunstore.Store
	pool   *pgxpool.Pool
}

func (w world) open(ctx context.Context) (*process, error) {
	ledger, err := postgres.Open(w.dsn, bunstore.LeaseTTL(lease))
	if err != nil {
		return nil, err
	}
	ledger.DB().SetMaxOpenConns(8) // all processes together must fit into the server
	ledger.DB().SetMaxIdleConns(8)
	config, err := pgxpool.ParseConfig(w.dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 6
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &process{ledger, pool}, nil
}

func (p *process) close() {
	p.pool.Close()
	_ = p.ledger.Close()
}

func opID(n int) string { return fmt.Sprintf("2026_01_01_%02d%02d%02d_op", n/3600, n/60%60, n%60) }

// deliveryOf is how op n is delivered; of the Once ops every other can say whether it had an effect.
func deliveryOf(n int) (d seq.Delivery, verify bool) {
	return []seq.Delivery{seq.Repeatable, seq.Transactional, seq.Once, seq.Once}[n%4], n%4 == 3
}

// list are the ops of a world: each leaves a row, and sleeps on either side of it.
func (p *process) list(w world) []seq.Op {
	ops := make([]seq.Op, w.ops)
	for n := range ops {
		id := opID(n)
		leave := func(what string) func(context.Context) error {
			return func(ctx context.Context) error {
				if err := pause(ctx, w.sleep/2); err != nil {
					return err
				}
				if w.fails && what == "done" && n == w.ops-1 {
					return errors.New("boom")
				}
				if _, err := bunstore.DB(ctx).ExecContext(ctx, "INSERT INTO effects (op, what) VALUES (?, ?)", id, what); err != nil {
					return err
				}
				return pause(ctx, w.sleep/2)
			}
		}
		ops[n] = seq.Op{ID: id, Run: leave("done"), Rollback: leave("undone")}
		var verify bool
		if w.chain && n > 0 {
			ops[n].DependsOn = []string{opID(n - 1)}
		}
		if w.bare {
			ops[n].Rollback, ops[n].Run = nil, func(ctx context.Context) error { return pause(ctx, w.sleep) }
			continue
		}
		if ops[n].Delivery, verify = deliveryOf(n); verify {
			ops[n].Verify = func(ctx context.Context) (bool, error) {
				var count int
				err := p.pool.QueryRow(ctx, "SELECT count(*) FROM effects WHERE op = $1 AND what = 'done'", id).Scan(&count)
				return count > 0, err
			}
		}
	}
	if w.fails { // when all others are done
		for n := range w.ops - 1 {
			ops[w.ops-1].DependsOn = append(ops[w.ops-1].DependsOn, opID(n))
		}
	}
	return ops
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *process) sequencer(w world) *seq.Sequencer { return seq.New(p.ledger, p.list(w)...) }

func (p *process) leader(w world) *seq.Sequencer {
	options := []strategies.Option{strategies.Limit(50)}
	if w.bare {
		options = []strategies.Option{strategies.Limit(2000)}
	}
	st := strategies.AllowedToFailBatch(options...)
	if w.saga {
		st = strategies.DependencyGraph(append(options, strategies.Saga())...)
	}
	var fleetOptions []fleet.Option
	if w.resend > 0 {
		fleetOptions = append(fleetOptions, fleet.ResendAfter(w.resend))
	}
	return p.sequencer(w).Use(st, fleet.Middleware(fleet.River(p.pool), fleetOptions...))
}
