package seq

import (
	"context"
	"fmt"
	"github.com/sequencer-go/seq/store"
	"time"
)

// Progress tells how far an op has come: done of total, in whatever unit; total 0 means that nobody
// knows. Watchers hear of it at once, and the ledger about once a second, so that other hosts can see
// it; not of a Transactional op, whose entry is locked until it commits. Call it as often as you
// like; it never fails the op. Outside of an op the error matches [ErrNotInOp].
func Progress(ctx context.Context, done, total int64) error {
	c := callOf(ctx)
	if c == nil {
		return fmt.Errorf("progress: %w", ErrNotInOp)
	}
	c.walk.announce(Event{
		Kind: EventProgress, ID: c.Step.Op.ID, Direction: c.Direction, Attempt: c.Attempt, Done: done, Total: total,
	})
	j, now := c.walk.journal, wall.Now().UnixNano()
	if c.Step.Op.Delivery == Transactional {
		return nil // its entry is locked until it commits: the write would wait for the op, and the op for the write
	}
	if j == nil || c.token.IsZero() || done < total && now-c.told.Load() < int64(time.Second) {
		return nil
	}
	c.told.Store(now)
	_, _ = j.write(store.Batch{Headway: []store.Headway{{ID: c.Step.Op.ID, Token: c.token, Done: done, Total: total}}})
	return nil
}
