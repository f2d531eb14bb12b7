package seq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
)

// MaxSavedBytes is how much an op can save.
const MaxSavedBytes = 64 << 10

// ErrNotInOp means that a function was called outside of an op's Run or Rollback, or with
// another context than theirs.
var ErrNotInOp = errors.New("not called with the context of an op")

// Save keeps a value for the op's Rollback, which may run in another process, and for the next
// attempt. Call it in Run, as often as you like: the last value counts. It is stored as JSON, at
// most [MaxSavedBytes] of it. In a Transactional op it is committed with the op; in any other,
// it is committed when Save returns.
func Save(ctx context.Context, v any) error {
	c := callOf(ctx)
	if c == nil {
		return fmt.Errorf("save: %w", ErrNotInOp)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("save: %w", err)
	}
	if len(data) > MaxSavedBytes {
		return fmt.Errorf("save: %d bytes of JSON, at most %d allowed", len(data), MaxSavedBytes)
	}
	if j := c.walk.journal; j != nil && c.Step.Op.Delivery != Transactional {
		refused, err := j.write(store.Batch{Saves: []store.Snapshot{{ID: c.Step.Op.ID, Token: c.token, Data: data}}})
		if err == nil && len(refused) > 0 {
			err = ErrFenced
		}
		if err != nil {
			return fmt.Errorf("save: %w", err)
		}
	}
	c.saved = data
	return nil
}

// Saved reads what the op saved last into v, a pointer as for json.Unmarshal. It reports false
// if nothing was ever saved.
func Saved(ctx context.Context, v any) (bool, error) {
	c := callOf(ctx)
	if c == nil {
		return false, fmt.Errorf("saved: %w", ErrNotInOp)
	}
	if c.saved == nil {
		return false, nil
	}
	if err := json.Unmarshal(c.saved, v); err != nil {
		return false, fmt.Errorf("saved: %w", err)
	}
	return true, nil
}

// StoreOf is the store that records the run an op's context belongs to, nil if there is none.
// Stores use it to hand an op their database, see bunstore.DB.
func StoreOf(ctx context.Context) store.Store {
	if c := callOf(ctx); c != nil && c.walk.journal != nil {
		return c.walk.journal.store
	}
	return nil
}

// IdempotencyKey is a key for the outside world: the same for every attempt at doing the op
// once, another for undoing it, and another when the op is done anew after a rollback or by
// [Repeat]. It is "" if ctx is not that of an op.
func IdempotencyKey(ctx context.Context) string {
	c := callOf(ctx)
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s/%d/%s", c.Step.Op.ID, c.nth, c.Direction)
}
