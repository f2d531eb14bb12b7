package seq

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sequencer-go/seq/internal/opctx"
)

// MaxSavedBytes is how much an op can save.
const MaxSavedBytes = 64 << 10

// Save keeps a value for the op's Rollback, which may run in another process, and for the next
// attempt. Call it in Run, as often as you like and from any goroutine: the last value counts. It is
// stored as JSON, at most [MaxSavedBytes] of it. In a Transactional op it is committed with the op; in
// any other, it is committed when Save returns. A [Resumable] op keeps its cursor with [Checkpoint]
// instead, and Save is an error. Outside of an op, or when the op has returned, it is
// an error and nothing is kept.
func Save(ctx context.Context, v any) error {
	a := opctx.Of(ctx)
	if a == nil {
		return fmt.Errorf("save: %w", ErrNotInOp)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("save: %w", err)
	}
	if len(data) > MaxSavedBytes {
		return fmt.Errorf("save: %d bytes of JSON, at most %d allowed", len(data), MaxSavedBytes)
	}
	if err := a.Save(data); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return nil
}

// Saved reads what the op saved last into v, or the Cursor of its last [Checkpoint] if it is [Resumable], a pointer as for json.Unmarshal. It reports false
// if nothing was ever saved. It may be called from any goroutine.
func Saved(ctx context.Context, v any) (bool, error) {
	a := opctx.Of(ctx)
	if a == nil {
		return false, fmt.Errorf("saved: %w", ErrNotInOp)
	}
	data := a.Saved()
	if data != nil && a.Resumable() {
		data = cursorOf(data)
	}
	if data == nil {
		return false, nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("saved: %w", err)
	}
	return true, nil
}

// Progress tells how far an op has come: done of total, in whatever unit; a total below 1 means that
// nobody knows. Watchers hear of it at once, and the ledger about once a second, so that other hosts
// can see it; not of a Transactional op, whose entry is locked until it commits. Call it as often as
// you like, from any goroutine; it never fails the op. Outside of an op the error matches [ErrNotInOp].
func Progress(ctx context.Context, done, total int64) error {
	a := opctx.Of(ctx)
	if a == nil {
		return fmt.Errorf("progress: %w", ErrNotInOp)
	}
	a.Progress(done, total)
	return nil
}

// IdempotencyKey is a key for the outside world: the same for every attempt at doing the op
// once, also if the op was renamed in between; another for undoing it, and another when the op is done
// anew after a rollback or by [Repeat]. No two ledgers use one key, whatever their ops are called: it
// has the identity of the ledger, which is random and made with it. A copy of a database copies that as
// well; store.Maintainer has RenewIdentity for it. It is "" if ctx is not that of an op.
func IdempotencyKey(ctx context.Context) string {
	a := opctx.Of(ctx)
	if a == nil {
		return ""
	}
	return a.Key()
}

// RefusedInTx reports whether the op is Transactional and is called without a transaction, because
// the database refused it in one: see [ErrNotInTx].
func RefusedInTx(ctx context.Context) bool {
	a := opctx.Of(ctx)
	return a != nil && a.RefusedInTx()
}
