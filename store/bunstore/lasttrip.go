package bunstore

import (
	"context"
	"fmt"

	"github.com/sequencer-go/seq/internal/pipeline"
	"github.com/sequencer-go/seq/store"
)

// closesOnly reports whether a batch closes the attempt of the op and no other. It may claim more.
func (a *atomically) closesOnly(b *store.Batch) bool {
	return len(b.Outcomes) == 1 && b.Outcomes[0].ID == a.claim.ID && b.Outcomes[0].Token == a.claim.Token
}

// recordAndCommit closes the attempt and commits, in one trip where the driver knows how. The statement
// fails unless it closed the attempt in the transaction that was begun; then nothing is committed.
func (a *atomically) recordAndCommit(ctx context.Context, c *changes) error {
	last, commit := pipeline.WithCommit(ctx)
	err := c.together(last, a.number)
	switch {
	case err == nil:
		return a.tx.commit(ctx, c)
	case commit.Sent && !refusal(err):
		a.tx.end()
		return a.settle(ctx, c, err)
	default:
		return broken(err)
	}
}

// settle finds out what became of a last trip that was not answered, when its transaction is surely over:
// whether it was committed, and then whether by that trip, and which claims it opened.
func (a *atomically) settle(ctx context.Context, c *changes, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	unknown := func(serr error) error { return fmt.Errorf("%w: commit: %w (%w)", store.ErrUnknownOutcome, err, serr) }
	status, serr := a.store.awaitEnd(ctx, a.number)
	switch {
	case serr != nil:
		return unknown(serr)
	case status == "aborted":
		return fmt.Errorf("commit: %w", err)
	}
	c.conn = a.store.db
	closed, opened, serr := c.left(ctx)
	if c.current = len(opened) > 0; serr == nil && !c.current {
		serr = c.lead(ctx)
	}
	switch {
	case serr != nil:
		return unknown(serr)
	case len(closed) == 0 && status == "committed":
		return fmt.Errorf("%w: %w", store.ErrTxBroken, err)
	case len(closed) == 0:
		return fmt.Errorf("commit: %w", err)
	}
	c.note(closed, opened)
	return nil
}
