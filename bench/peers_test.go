package bench

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// A peer gets n steps that do nothing done and recorded, once, in one database.
type peer interface {
	// up does what is left to do. It makes everything anew that a new process would, but for
	// the connection, which is there.
	up(ctx context.Context) error
	// status asks which steps are done, and counts them.
	status(ctx context.Context) (done int, err error)
	// calls is how many steps were called so far.
	calls() int
	// recorded is the query that counts the steps in the database.
	recorded() string
}

// peers make a peer for n steps.
var peers = map[string]func(tb testing.TB, p product, address string, n int) peer{
	"goose": newGoose,
	"bun":   newBunMigrate,
	"seq-transactional": func(tb testing.TB, p product, address string, n int) peer {
		return newSeq(tb, p, address, n, seq.Transactional, strategies.Sequential())
	},
	"seq-repeatable": func(tb testing.TB, p product, address string, n int) peer {
		return newSeq(tb, p, address, n, seq.Repeatable, strategies.Sequential())
	},
	"seq-batch": func(tb testing.TB, p product, address string, n int) peer {
		return newSeq(tb, p, address, n, seq.Repeatable, strategies.Batch(strategies.Limit(32)))
	},
}

type seqPeer struct {
	store    store.Store
	ops      []seq.Op
	strategy seq.Strategy
	called   *atomic.Int64
}

func newSeq(tb testing.TB, p product, address string, n int, delivery seq.Delivery, strategy seq.Strategy) peer {
	tb.Helper()
	store, err := p.ledger(address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	if err := store.DB().PingContext(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	s := &seqPeer{store: store, ops: make([]seq.Op, n), strategy: strategy, called: new(atomic.Int64)}
	for i := range s.ops {
		s.ops[i] = seq.Op{ID: seqtest.ID(i, "step"), Delivery: delivery, Run: func(context.Context) error {
			s.called.Add(1)
			return nil
		}}
	}
	return s
}

func (s *seqPeer) up(ctx context.Context) error {
	_, err := seq.New(s.store, s.ops...).Use(s.strategy).Run(ctx)
	return err
}

func (s *seqPeer) status(ctx context.Context) (int, error) {
	entries, err := s.store.Load(ctx)
	if err != nil {
		return 0, err
	}
	state := make(map[string]seq.State, len(entries))
	for i := range entries {
		state[entries[i].ID] = entries[i].State
	}
	done := 0
	for i := range s.ops {
		if state[s.ops[i].ID] == seq.Succeeded {
			done++
		}
	}
	return done, nil
}

func (s *seqPeer) calls() int       { return int(s.called.Load()) }
func (s *seqPeer) recorded() string { return `SELECT count(*) FROM seq_ops WHERE state = 'succeeded'` }

type goosePeer struct {
	db         *sql.DB
	dialect    goose.Dialect
	migrations []*goose.Migration
	called     *atomic.Int64
}

func newGoose(tb testing.TB, p product, address string, n int) peer {
	tb.Helper()
	g := &goosePeer{db: p.open(tb, address), dialect: p.goose, called: new(atomic.Int64)}
	for i := range n {
		g.migrations = append(g.migrations, goose.NewGoMigration(int64(i+1), &goose.GoFunc{
			RunTx: func(context.Context, *sql.Tx) error { g.called.Add(1); return nil },
		}, nil))
	}
	return g
}

func (g *goosePeer) provider() (*goose.Provider, error) {
	return goose.NewProvider(g.dialect, g.db, nil, goose.WithGoMigrations(g.migrations...), goose.WithDisableGlobalRegistry(true))
}

func (g *goosePeer) up(ctx context.Context) error {
	p, err := g.provider()
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

func (g *goosePeer) status(ctx context.Context) (done int, err error) {
	p, err := g.provider()
	if err != nil {
		return 0, err
	}
	list, err := p.Status(ctx)
	for _, m := range list {
		if m.State == goose.StateApplied {
			done++
		}
	}
	return done, err
}

func (g *goosePeer) calls() int { return int(g.called.Load()) }
func (g *goosePeer) recorded() string {
	return `SELECT count(*) FROM goose_db_version WHERE version_id > 0`
}

type bunPeer struct {
	db         *bun.DB
	migrations *migrate.Migrations
	called     *atomic.Int64
}

func newBunMigrate(tb testing.TB, p product, address string, n int) peer {
	tb.Helper()
	b := &bunPeer{db: bun.NewDB(p.open(tb, address), p.dialect()), migrations: migrate.NewMigrations(), called: new(atomic.Int64)}
	for i := range n {
		b.migrations.Add(migrate.Migration{
			Name: time.Date(2024, 1, 1, 0, i, 0, 0, time.UTC).Format("20060102150405"), Comment: "step",
			Up: func(context.Context, *migrate.Migrator, *migrate.Migration) error { b.called.Add(1); return nil },
		})
	}
	return b
}

func (b *bunPeer) up(ctx context.Context) error {
	m := migrate.NewMigrator(b.db, b.migrations)
	if err := m.Init(ctx); err != nil {
		return err
	}
	_, err := m.Migrate(ctx)
	return err
}

func (b *bunPeer) status(ctx context.Context) (int, error) {
	list, err := migrate.NewMigrator(b.db, b.migrations).MigrationsWithStatus(ctx)
	return len(list.Applied()), err
}

func (b *bunPeer) calls() int       { return int(b.called.Load()) }
func (b *bunPeer) recorded() string { return `SELECT count(*) FROM bun_migrations` }

// verify says what is wrong with the work of a peer, by its own word and by that of the database.
func verify(ctx context.Context, db *sql.DB, p peer, n int) error {
	rows, err := count(ctx, db, p.recorded())
	if err != nil {
		return err
	}
	done, err := p.status(ctx)
	if err != nil || rows != n || done != n || p.calls() != n {
		return fmt.Errorf("of %d steps %d were called, %d are recorded and %d done: %w", n, p.calls(), rows, done, err)
	}
	return nil
}
