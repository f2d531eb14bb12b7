package step

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

type lockKey struct{}

// WithLockTimeout makes the statements of a step wait so long for a lock on Postgres, and no longer.
func WithLockTimeout(ctx context.Context, wait time.Duration) context.Context {
	return context.WithValue(ctx, lockKey{}, wait)
}

// limitsLocks reports whether WithLockTimeout was called.
func limitsLocks(ctx context.Context) bool { return ctx.Value(lockKey{}) != nil }

// limitLocks tells the database what WithLockTimeout said: until the transaction ends, or for the
// session where there is none.
func limitLocks(ctx context.Context, db bun.IDB) error {
	wait, ok := ctx.Value(lockKey{}).(time.Duration)
	if !ok || db.Dialect().Name() != dialect.PG {
		return nil
	}
	scope := "SESSION"
	if _, inTx := db.(bun.Tx); inTx {
		scope = "LOCAL"
	}
	// Not by a query: what the script says of its transaction must come before the first.
	_, err := db.ExecContext(ctx, fmt.Sprintf("SET %s lock_timeout = %d", scope, max(1, wait.Milliseconds())))
	if err != nil {
		return fmt.Errorf("set lock_timeout: %w", err)
	}
	return nil
}

// LockedOut reports whether a statement failed because it did not get a lock in time, or because it
// was chosen to end a deadlock: nothing is wrong with it, and it may be tried again.
func LockedOut(err error) bool {
	code := sqlState(err)
	return code == "55P03" || code == "40P01"
}
