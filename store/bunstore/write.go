package bunstore

import (
	"context"
	"fmt"

	"github.com/sequencer-go/seq/store"
)

// Write implements [store.Store].
func (s *Store) Write(ctx context.Context, lease store.Lease, batch store.Batch) (refused []string, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	if err := s.room(ctx, &batch); err != nil {
		return nil, fmt.Errorf("write the ledger: %w", err)
	}
	s.preparing.learn(ctx, s)
	if err := s.turn.take(ctx); err != nil {
		return nil, fmt.Errorf("write the ledger: %w", err)
	}
	defer s.turn.pass()
	var done *changes
	err = s.again(ctx, func() error {
		done, err = s.write(ctx, lease, &batch)
		return err
	})
	switch {
	case err == nil:
		return done.refused, done.verdict()
	case s.absent(ctx, err): // nothing is open and nobody holds the lease
		done = &changes{batch: &batch}
		done.refuseAll()
		return done.refused, done.verdict()
	default:
		return nil, s.explain(ctx, "write the ledger", err)
	}
}

func (s *Store) write(ctx context.Context, lease store.Lease, batch *store.Batch) (*changes, error) {
	c := &changes{store: s, lease: lease, batch: batch}
	if c.fitsOne() {
		return c, s.writeTogether(ctx, c)
	}
	tx, err := s.begin(ctx, ctx)
	if err != nil {
		return nil, err
	}
	defer tx.end()
	c.conn = tx
	if err := c.apply(ctx); err != nil {
		return nil, err
	}
	return c, tx.commit(ctx, c)
}

// room is an error if an op saves and all connections of the pool stay in use, by the op itself as it
// seems: it would wait for itself until the lease is lost. While a Transactional op runs, whose
// connection comes back by itself, nobody is suspected.
func (s *Store) room(ctx context.Context, batch *store.Batch) error {
	stats := s.db.Stats()
	most := stats.MaxOpenConnections
	if len(batch.Saves) == 0 || most == 0 || stats.InUse < most || s.atomics.Load() > 0 {
		return nil
	}
	try, cancel := context.WithTimeout(ctx, s.ttl/4)
	defer cancel()
	conn, err := s.db.Conn(try)
	switch {
	case err == nil:
		return conn.Close()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case try.Err() == nil:
		return err
	}
	return fmt.Errorf("%w: all of its %d connections are in use; an op that saves while it reads rows or has a transaction open needs one more: call SetMaxOpenConns(%d) or more on the database, or 0 for no limit",
		store.ErrPoolTooSmall, most, most+1)
}
