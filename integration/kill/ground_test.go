package kill_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store/bunstore"
)

// grounds makes empty ground on one kind of database.
type grounds struct {
	kind     string
	dsn, log string // of Postgres databases, or of a folder
	last     atomic.Int64
}

// eachKind runs a test on SQLite and on Postgres.
func eachKind(t *testing.T, test func(t *testing.T, all *grounds)) {
	t.Run("sqlite", func(t *testing.T) { test(t, onSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, onPostgres(t)) })
}

// onSQLite keeps its files in memory if it can: a kill is no power failure, and a busy disk
// would lose leases of a second.
func onSQLite(t *testing.T) *grounds {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "seq-kill-") //nolint:usetesting // t.TempDir is on the disk
	if err != nil {
		return &grounds{kind: "sqlite", dsn: t.TempDir()}
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return &grounds{kind: "sqlite", dsn: dir}
}

// onPostgres makes two databases on the tests' own server, else on that of package pgtest.
func onPostgres(t *testing.T) *grounds {
	t.Helper()
	if own == nil {
		return &grounds{kind: "postgres", dsn: pgtest.DSN(t), log: pgtest.DSN(t)}
	}
	name := strings.ToLower("seq_" + rand.Text())
	return &grounds{kind: "postgres", dsn: own.database(t, name), log: own.database(t, name+"_log")}
}

// A ground is where one fleet runs: a database for the ledger and what is Transactional, and
// another for every other effect.
type ground struct {
	kind     string
	dsn, log string
	ttl      time.Duration // of those who die here
	ledger   *bunstore.Store
	effects  *bunstore.Store
}

func (a *grounds) fresh(ctx context.Context) (*ground, error) {
	name := fmt.Sprintf("ground%d", a.last.Add(1))
	g := &ground{kind: a.kind, ttl: *ttl}
	if a.kind == "sqlite" {
		dir := filepath.Join(a.dsn, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
		g.dsn, g.log = filepath.Join(dir, "seq.db"), filepath.Join(dir, "log.db")
	} else {
		g.dsn, g.log = with(a.dsn, "search_path", name), with(a.log, "search_path", name)
		if path, isFile := strings.CutSuffix(a.log, ".db"); isFile {
			g.log = path + name + ".db"
		}
	}
	var err error
	if g.ledger, err = fresh(ctx, g.dsn, name); err != nil {
		return nil, err
	}
	if g.effects, err = fresh(ctx, g.log, name); err != nil {
		return nil, errors.Join(err, g.ledger.Close())
	}
	return g, nil
}

// fresh makes the table of effects in a database, or in a schema of its own there.
func fresh(ctx context.Context, dsn, schema string) (*bunstore.Store, error) {
	s, err := connect(dsn)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(dsn, ".db") {
		_, err = s.DB().ExecContext(ctx, "CREATE SCHEMA "+schema)
	}
	if err == nil {
		_, err = s.DB().ExecContext(ctx, effectsTable)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (g *ground) close() { _ = errors.Join(g.ledger.Close(), g.effects.Close()) }

// with adds a setting to a DSN, in either of its two forms.
func with(dsn, key, value string) string {
	if !strings.HasPrefix(dsn, "postgres") {
		return dsn + " " + key + "=" + value
	}
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// order is what a child on this ground is told.
func (g *ground) order(s Scenario) order {
	return order{Scenario: s, DSN: g.dsn, Log: g.log, TTL: g.ttl}
}

// traces are what an op has left, in either database.
type traces []trace

type trace struct {
	Op, What, Key, Host string
	PID                 int
}

func (g *ground) traces(ctx context.Context, op string) (all traces, err error) {
	for _, db := range []*bun.DB{g.ledger.DB(), g.effects.DB()} {
		var some traces
		if err := db.NewSelect().Table("effects").Column("*").Where("op = ?", op).Scan(ctx, &some); err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// in are the traces of one generation and kind.
func (ts traces) in(generation int, what string) (some traces) {
	direction := map[string]seq.Direction{done: seq.Forward, undone: seq.Rollback}[what]
	for _, t := range ts {
		if t.What == what && strings.HasSuffix(t.Key, fmt.Sprintf("/%s/%d/%s", t.Op, generation, direction)) {
			some = append(some, t)
		}
	}
	return some
}
