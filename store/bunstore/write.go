package bunstore

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

// Write implements [store.Store].
func (s *Store) Write(ctx context.Context, lease store.Lease, batch store.Batch) (refused []string, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
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
	if err := s.awaitDead(ctx, batch); err != nil {
		return nil, err
	}
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

// awaitDead waits for the transactions that the dead may have left open, which can take a minute. It
// does so before the lease is locked, which nobody could renew meanwhile.
func (s *Store) awaitDead(ctx context.Context, batch *store.Batch) error {
	var ids []string
	for i := range batch.Outcomes {
		if batch.Outcomes[i].Lost {
			ids = append(ids, batch.Outcomes[i].ID)
		}
	}
	if len(ids) == 0 || s.dialect.await == "" {
		return nil
	}
	return s.exec(ctx, s.db, s.dialect.await, bun.List(ids))
}
