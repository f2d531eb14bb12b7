// Package bunstore is the ledger in a database that bun speaks to: SQLite 3.35 or later, or
// PostgreSQL 12 or later. Packages store/sqlite and store/postgres open one for you; with New you
// bring your own *bun.DB, over any driver of these two.
//
// The ledger lives in six tables, seq_meta, seq_leases, seq_controls, seq_runs, seq_ops and seq_attempts (and, on
// Postgres, a sequence), which the first Acquire creates; [Store.DDL] is how. The current attempt of an
// op is in its row of seq_ops, those before are in seq_attempts. Times in them are milliseconds since 1970, by the database's clock.
//
// An op reaches the same database by its context: by [DB], or in the transaction of a Transactional op by
// [Tx] for bun, [SQLTx] for database/sql, sqlc and gorm, and postgres.PgxTx for pgx.
//
// The database should have a connection to spare for the ledger while ops run: with a pool of
// one, a Transactional op on Postgres keeps the lease from being renewed, and an op that saves while it
// has the connection gets an error that matches [store.ErrPoolTooSmall].
//
// On Postgres the ledger is in the schema that [Schema] names, or else in the first schema of
// search_path that exists. Ops of the kind Migration that are Transactional run in sessions that are
// reset in their transactions, and closed when the run gives the lease back, so that nobody else meets
// what they did to them.
package bunstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/sequencer-go/seq/store"
)

// A Store is a ledger in a database. It is safe for concurrent use, by any number of processes.
type Store struct {
	db      *bun.DB
	owned   bool   // Close closes db
	schema  string // "": what the search path says
	prefix  string
	ttl     time.Duration
	dialect *dialect
	gen     schema.QueryGen   // writes values into texts
	expand  *strings.Replacer // writes fragments into texts
	turn    *turn             // nil if the database has any number of writers
	err     error             // why the store cannot be used
	closed  atomic.Bool
	size    atomic.Int64 // entries there were at the last read, and claims since
	owner   atomic.Pointer[lastOwner]

	compiled  sync.Map // *statement to *compiled
	preparing preparing
	sessions  sessions
	atomics   atomic.Int32 // calls of Atomic under way
}

var (
	_ store.Store      = (*Store)(nil)
	_ store.Briefer    = (*Store)(nil)
	_ store.Selector   = (*Store)(nil)
	_ store.Maintainer = (*Store)(nil)
	_ store.Pooled     = (*Store)(nil)
)

// New returns the ledger in db, which stays the caller's. It does not touch the database; what
// is wrong with the options or with db is the error of each method.
func New(db *bun.DB, opts ...Option) *Store {
	o, err := optionsOf(opts)
	s := &Store{db: db, owned: o.owned, schema: o.schema, prefix: o.prefix, ttl: o.ttl, preparing: preparing{how: o.preparing}}
	if db == nil {
		s.err = errors.Join(err, errors.New("bunstore.New: the database is nil"))
		return s
	}
	s.dialect = dialects[db.Dialect().Name()]
	if s.dialect == nil {
		s.err = errors.Join(err, fmt.Errorf("bunstore.New: no ledger for the dialect %s, only for PostgreSQL and SQLite", db.Dialect().Name()))
		return s
	}
	s.err = err
	s.gen = schema.NewQueryGen(db.Dialect())
	s.expand = s.dialect.expander(db.Dialect(), o)
	if s.dialect.oneWriter {
		if o.schema != "" {
			s.err = errors.Join(err, fmt.Errorf("%w: bunstore.Schema(%q): SQLite has no schemas; use Prefix", store.ErrInvalidOption, o.schema))
		}
		s.turn = newTurn()
	}
	return s
}

// DB is the database of the ledger, for queries of your own. Inside a Transactional op use [Tx].
func (s *Store) DB() *bun.DB { return s.db }

// MaxConnections implements [store.Pooled].
func (s *Store) MaxConnections() int {
	if s.db == nil {
		return 0
	}
	return s.db.Stats().MaxOpenConnections
}

// Close makes every later call fail with [store.ErrClosed]. It closes the database if the store
// opened it, as those of sqlite.Open and postgres.Open do.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.endSessions()
	if !s.owned || s.db == nil {
		return nil
	}
	return s.db.Close()
}

// enter says why a call cannot even begin.
func (s *Store) enter(ctx context.Context) error {
	switch {
	case s.err != nil:
		return s.err
	case s.closed.Load():
		return store.ErrClosed
	default:
		return context.Cause(ctx)
	}
}

// table is the full name of a table, for people.
func (s *Store) table(name string) string {
	if s.schema != "" {
		return s.schema + "." + s.prefix + name
	}
	return s.prefix + name
}
