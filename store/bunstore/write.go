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
