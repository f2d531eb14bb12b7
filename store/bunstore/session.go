package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/internal/dbsession"
	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/store"
)

// A session is a connection that migrations have for themselves: what a script leaves in it reaches
// nobody else. It comes from the pool and is not given back to it, but closed.
type session struct {
	conn  bun.Conn
	state *dbsession.State
	used  bool // by a migration before
	memo  sync.Map
}

// sessions holds those that no migration uses at the moment, from one migration of a run to the next.
type sessions struct {
	mu   sync.Mutex
	idle []*session
}

// spare is how many connections of a pool are not for sessions that wait for the next migration: one is
// for the ledger, and two for an op that saves while it reads.
const spare = 3

// mostIdle is how many sessions wait where the pool has no limit: as many migrations may run side by side.
const mostIdle = 16

// checkout is a session that is free, or else a new one.
func (s *Store) checkout(ctx context.Context) (*session, error) {
	s.sessions.mu.Lock()
	if n := len(s.sessions.idle); n > 0 {
		one := s.sessions.idle[n-1]
		s.sessions.idle = s.sessions.idle[:n-1]
		s.sessions.mu.Unlock()
		one.used = true
		return one, nil
	}
	s.sessions.mu.Unlock()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	state, err := dbsession.Of(ctx, conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &session{conn: conn, state: state}, nil
}

// checkin takes back a session, in no transaction. One that is not clean is closed.
func (s *Store) checkin(ctx context.Context, one *session, clean bool) {
	room := mostIdle
	if most := s.db.Stats().MaxOpenConnections; most > 0 {
		room = min(room, most-spare)
	}
	if clean && !one.state.Keep() && !s.closed.Load() {
		s.sessions.mu.Lock()
		kept := len(s.sessions.idle) < room
		if kept {
			s.sessions.idle = append(s.sessions.idle, one)
		}
		s.sessions.mu.Unlock()
		if kept {
			return
		}
	}
	_ = one.state.Discard(ctx, one.conn)
}

// endSessions closes the sessions that are free: the run is over.
func (s *Store) endSessions() {
	s.sessions.mu.Lock()
	idle := s.sessions.idle
	s.sessions.idle = nil
	s.sessions.mu.Unlock()
	for _, one := range idle {
		dbsession.Close(one.conn)
	}
}

// Reset gives the session of a migration's transaction back its role and its settings, for those who
// write in the transaction after the script. The store does the same before it writes the record. It
// does nothing where ctx is not that of a Transactional migration.
func Reset(ctx context.Context) error {
	a, ok := ctx.Value(opctx.TxKey{}).(*atomically)
	if !ok || a.own == nil || a.wasReset {
		return nil
	}
	return a.reset(ctx)
}

// reset is Reset, and notes whether the session can be used again.
func (a *atomically) reset(ctx context.Context) error {
	left, err := a.own.state.Within(ctx, a.tx)
	a.dirty, a.wasReset = a.dirty || left, err == nil
	return err
}

// ResetText implements [dbsession.Migration].
func (a *atomically) ResetText(extra string, plain bool) string {
	return a.own.state.Text(extra, plain)
}

// WasReset implements [dbsession.Migration].
func (a *atomically) WasReset(res sql.Result) {
	a.dirty, a.wasReset = a.dirty || dbsession.Left(res), true
}

// Memo implements [dbsession.Migration].
func (a *atomically) Memo() *sync.Map { return &a.own.memo }

// Restart ends the transaction of a Transactional op, of which nothing is kept, and begins another
// one whose first statement is first: what sets the transaction's isolation must come before any
// query, and the store makes some before the op is called. From then on [Tx] is that transaction.
//
// In it the store does not claim the next op, because the lease may have been renewed since its
// snapshot was taken.
func Restart(ctx context.Context, first string) error {
	a, ok := ctx.Value(opctx.TxKey{}).(*atomically)
	if !ok {
		return ErrNoTx
	}
	before := a.tx
	before.over = true
	if err := before.Rollback(); err != nil {
		return err
	}
	tx, err := a.store.beginOn(a.during, before.conn, before.giveUp)
	if err != nil {
		before.giveUp = nil // it has been
		return err
	}
	a.tx, a.isolated = tx, true
	if first != "" {
		if _, err := tx.ExecContext(ctx, "?", bun.Safe(first)); err != nil {
			return err
		}
	}
	return a.guard(ctx)
}

// dropClaims takes the claims out of a batch, as refused.
func dropClaims(batch *store.Batch) (refused []string) {
	for i := range batch.Claims {
		refused = append(refused, batch.Claims[i].ID)
	}
	batch.Claims = nil
	return refused
}
