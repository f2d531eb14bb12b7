package kill_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
	"github.com/sequencer-go/seq/store/sqlite"
	"github.com/sequencer-go/seq/strategies"
)

// childEnv makes this test binary one process of the fleet: it holds an order as JSON.
const childEnv = "SEQ_KILL_CHILD"

func TestMain(m *testing.M) {
	backfillWorker()
	if text := os.Getenv(childEnv); text != "" {
		var o order
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			panic(err)
		}
		os.Exit(o.obey())
	}
	pgtest.Main(m)
}

// An order says what a child does, and where it dies.
type order struct {
	Scenario
	DSN, Log string
	Point    string
	Nth      int
	Signal   syscall.Signal
	Pace     time.Duration
	TTL      time.Duration
	Cut      time.Duration // how long a transaction outlives a process that is cut off; 0: a minute
}

// A Scenario is what a fleet does together.
type Scenario struct {
	Strategy string
	Fails    bool // the last op fails, and the run is undone
}

func (s Scenario) String() string {
	if s.Fails {
		return s.Strategy + ", undone"
	}
	return s.Strategy
}

// healthy is how long the leases last of those who do not die, and give them back: the default, or
// longer on a slow machine.
var healthy = 15 * time.Second

func connect(dsn string) (*bunstore.Store, error) { return connectFor(dsn, healthy) }

func connectFor(dsn string, ttl time.Duration) (*bunstore.Store, error) {
	open := postgres.Open
	if strings.HasSuffix(dsn, ".db") {
		open = sqlite.Open
	}
	s, err := open(dsn, bunstore.LeaseTTL(ttl))
	if err == nil {
		s.DB().SetMaxOpenConns(6) // a server takes a hundred
		s.DB().SetMaxIdleConns(1)
	}
	return s, err
}

// obey returns the exit code of a child: 0 if its run succeeded.
func (o *order) obey() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	t := &trap{point: o.Point, nth: o.Nth, signal: o.Signal, seen: map[string]int{}}
	err := o.run(ctx, t)
	seen, jerr := json.Marshal(t.seen)
	if jerr != nil {
		panic(jerr)
	}
	say("seen", string(seen))
	if err == nil {
		return 0
	}
	say("failed", strings.Join(kindsOf(err), ","))
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func (o *order) run(ctx context.Context, t *trap) error {
	ledger, err := connectFor(o.DSN, o.TTL)
	if err != nil {
		return err
	}
	log, err := connect(o.Log)
	if err != nil {
		return err
	}
	at := &site{log: log.DB(), trap: t, pace: o.Pace, cut: o.Cut, fails: o.Fails}
	strategy, err := o.strategy()
	if err != nil {
		return err
	}
	_, err = seq.New(&trapped{Store: ledger, trap: t}, at.ops()...).Use(strategy).Run(ctx)
	return errors.Join(err, ledger.Close(), log.Close())
}

func (s Scenario) strategy() (seq.Strategy, error) {
	if s.Fails {
		return strategies.Named(s.Strategy, strategies.Saga())
	}
	return strategies.Named(s.Strategy)
}

// kinds are the errors that a parent wants to know of.
var kinds = map[string]error{
	"boom": errBoom, "indeterminate": seq.ErrIndeterminate, "poisoned": seq.ErrPoisoned,
	"lease lost": seq.ErrLeaseLost, "fenced": seq.ErrFenced, "unrecorded": seq.ErrOutcomeUnrecorded,
	"unknown outcome": seq.ErrUnknownOutcome, "interrupted": context.Canceled,
	"rollback failed": seq.ErrRollbackFailed,
}

func kindsOf(err error) (names []string) {
	for name, kind := range kinds {
		if errors.Is(err, kind) {
			names = append(names, name)
		}
	}
	return names
}

// say tells the parent. One write is one line, whoever else writes.
func say(what, value string) { _, _ = os.Stdout.WriteString(what + " " + value + "\n") }
