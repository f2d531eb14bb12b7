package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/migrate/internal/step"
)

// maxPause is the longest that LockTimeout waits between two attempts.
const maxPause = time.Minute

// LockTimeout limits how long a statement of a migration waits for a lock on Postgres, by
// lock_timeout, and calls a migration that did not get one, or that was ended as part of a deadlock
// (55P03, 40P01), up to attempts times in all. In between it waits for a random time below wait, which
// doubles with each attempt up to a minute, so that who queued behind the migration gets on. A
// Transactional migration begins anew, as nothing of it is there; one that is not goes on with the
// statement that did not get its lock. Undoing is treated the same. On SQLite nothing changes.
//
// Add it with Use. Without it a migration that waits for a long query makes everybody wait who wants
// the same table after it.
func LockTimeout(wait time.Duration, attempts int) middleware.Middleware {
	m := middleware.Middleware{Name: "lock timeout", Layer: middleware.LayerCall}
	if wait < time.Millisecond || attempts < 1 {
		m.Err = fmt.Errorf("lock timeout: wait %s, %d attempts: want at least 1ms and 1", wait, attempts)
		return m
	}
	m.Step = func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, call *middleware.Call) error {
			if call.Step.Kind != seq.Migration {
				return next(ctx, call)
			}
			ctx = step.WithLockTimeout(ctx, wait)
			for n := 1; ; n++ {
				err := next(ctx, call)
				if err == nil || n >= attempts || !step.LockedOut(err) || ctx.Err() != nil || errors.Is(err, seq.ErrTxBroken) || errors.Is(err, seq.ErrUnknownOutcome) {
					return err
				}
				pause, _ := middleware.Backoff(n+1, wait, maxPause)
				middleware.Retrying(ctx, err, pause)
				if clock.Sleep(ctx, call.Clock, pause) != nil {
					return err
				}
			}
		}
	}
	return m
}
