package fleet_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/strategies"
)

// These make this test binary one process of a fleet: what it is, and the world as JSON.
const (
	roleEnv  = "SEQ_FLEET_ROLE"
	worldEnv = "SEQ_FLEET_WORLD"
)

// TestMain is also the program of the processes and hosts that the tests start.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := program(role, os.Getenv(worldEnv)); err != nil {
			fmt.Fprintln(os.Stderr, role, err)
			os.Exit(1)
		}
		return
	}
	pgtest.Main(m)
}

const (
	lease   = 2 * time.Second  // of those who die
	healthy = 15 * time.Second // of all others, on a machine that may be slow
)

// A world is one database with a ledger, River's tables, and a table of effects.
type world struct {
	DSN    string
	Lease  time.Duration // of whoever works here; 0 means healthy
	Ops    int
	Sleep  time.Duration // of each op
	Fails  bool          // the last one does
	Saga   bool
	Resend time.Duration
	Bare   bool          // the ops do nothing at all
	Chain  bool          // each depends on the one before
	Slots  int           // of a worker; 0 means 4
	Name   string        // of a worker's River client, if it has one of its own
	Cut    time.Duration // how long the transaction of an op outlives a host that is cut off; 0: a minute

	PollOnly time.Duration // there is a pooler in between: how often River is asked; 0: there is none

	// A worker sleeps in an op beyond its life, and does it when it wakes up. Whoever was asked by Verify in
	// between could not know that.
	Sleeper bool
}

// env are the variables that make a process work in this world.
func (w world) env(role string) map[string]string {
	text, err := json.Marshal(w)
	if err != nil {
		panic(err)
	}
	return map[string]string{roleEnv: role, worldEnv: string(text)}
}

func program(role, text string) error {
	var w world
	if err := json.Unmarshal([]byte(text), &w); err != nil {
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
		return fleet.Serve(ctx, p.pool, p.sequencer(w), w.river()...)
	case "service":
		return service(ctx, p, w)
	case "raw":
		return raw(ctx, p.pool, w.slots())
	}
	report, err := p.leader(w).Run(ctx)
	fmt.Println(report.State)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return nil
}

// dying is the world as it is for who is to die in it, be stopped or cut off: others need not wait for long.
func (w world) dying() world {
	w.Lease = lease
	return w
}

func (w world) slots() int { return cmp.Or(w.Slots, 4) }

// river are the options of leaders and workers.
func (w world) river() []fleet.RiverOption {
	opts := []fleet.RiverOption{fleet.Slots(w.slots())}
	if w.PollOnly > 0 {
		opts = append(opts, fleet.PollOnly(w.PollOnly))
	}
	return opts
}

// A process is what one process of a world has open.
type process struct {
	ledger *bunstore.Store
	pool   *pgxpool.Pool
}

func (w world) open(ctx context.Context) (*process, error) {
	ledger, err := postgres.Open(w.DSN, bunstore.LeaseTTL(cmp.Or(w.Lease, healthy)))
	if err != nil {
		return nil, err
	}
	ledger.DB().SetMaxOpenConns(8) // all processes together must fit into the server
	ledger.DB().SetMaxIdleConns(8)
	config, err := pgxpool.ParseConfig(w.DSN)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 6
	if w.PollOnly > 0 {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing prepared
	}
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
	ops := make([]seq.Op, w.Ops)
	for n := range ops {
		id := opID(n)
		leave := func(what string) func(context.Context) error {
			return func(ctx context.Context) error {
				if w.Cut > 0 && bunstore.InTx(ctx) {
					limit := fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %d", w.Cut.Milliseconds())
					if _, err := bunstore.Tx(ctx).ExecContext(ctx, limit); err != nil {
						return err
					}
				}
				if err := pause(ctx, w.Sleep/2); err != nil {
					return err
				}
				if w.Fails && what == "done" && n == w.Ops-1 {
					return errors.New("boom")
				}
				if _, err := bunstore.DB(ctx).ExecContext(ctx, "INSERT INTO effects (op, what) VALUES (?, ?)", id, what); err != nil {
					return err
				}
				return pause(ctx, w.Sleep/2)
			}
		}
		ops[n] = seq.Op{ID: id, Run: leave("done"), Rollback: leave("undone")}
		var verify bool
		if w.Chain && n > 0 {
			ops[n].DependsOn = []string{opID(n - 1)}
		}
		if w.Bare {
			ops[n].Rollback, ops[n].Run = nil, func(ctx context.Context) error { return pause(ctx, w.Sleep) }
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
	if w.Fails { // when all others are done
		for n := range w.Ops - 1 {
			ops[w.Ops-1].DependsOn = append(ops[w.Ops-1].DependsOn, opID(n))
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
	if w.Bare {
		options = []strategies.Option{strategies.Limit(2000)}
	}
	st := strategies.AllowedToFailBatch(options...)
	if w.Saga {
		st = strategies.DependencyGraph(append(options, strategies.Saga())...)
	}
	var fleetOptions []fleet.Option
	if w.Resend > 0 {
		fleetOptions = append(fleetOptions, fleet.ResendAfter(w.Resend))
	}
	return p.sequencer(w).Use(st, fleet.Middleware(fleet.River(p.pool, w.river()...), fleetOptions...))
}
