package backfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// Retry is an op that does once more what the backfill of has put aside, one dead letter after another, by
// this definition, of which the source, the size and the parts do not matter. A row that succeeds leaves
// the table of dead letters in the transaction that did it; one that fails again stays there with what it
// failed with, and when all had their turn the op fails. Retried, it does those that are left.
func Retry(id, of string, by Definition) seq.Op {
	op := Op(id, by)
	op.Inspect, op.Connections, op.Background = nil, 0, false
	if op.Err == nil {
		t, _ := by.task()
		op.Run = func(ctx context.Context) error { return t.again(ctx, of) }
	}
	return op
}

// again does the dead letters of an op. It needs no cursor: what is done has left the table.
func (w *work[K]) again(ctx context.Context, of string) error {
	d := databaseOf(store.FromContext(ctx))
	table, err := openLetters(ctx, d)
	if err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	todo, err := d.letters(ctx, of)
	if err != nil {
		return fmt.Errorf("backfill: read the dead letters of %s: %w", of, err)
	}
	r := newRunner(w, d)
	var failed []error
	for n, l := range todo {
		point := seq.Point{Cursor: struct{}{}, Done: int64(n + 1), Total: int64(len(todo))}
		point.Pace.DeadLetters = int64(len(failed))
		var rng Range[K]
		if err := json.Unmarshal(l.Range, &rng); err != nil {
			return seq.Permanent(fmt.Errorf("backfill: dead letter %s of %s: %w", l.Key, of, err))
		}
		err := r.letter(ctx, &rng, point, func(ctx context.Context) error {
			_, err := bunstore.DB(ctx).ExecContext(ctx, table.ledger.Expand(deleteLetter), of, l.Key)
			return err
		})
		if err != nil && !ends(ctx, err) && !bunstore.Transient(err) {
			failed = append(failed, fmt.Errorf("rows %s: %w", l.Key, err))
			point.Pace.DeadLetters++
			why := err
			err = seq.Checkpoint(ctx, func(ctx context.Context) (seq.Point, error) {
				return point, table.put(ctx, of, l.Key, &rng, why)
			})
		}
		if err != nil {
			return fmt.Errorf("backfill: %w", err)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("backfill: %d of %d dead letters failed again: %w", len(failed), len(todo), errors.Join(failed...))
	}
	return nil
}

// letter does the range of a dead letter, and then forgets that, in one transaction.
func (r *runner[K]) letter(ctx context.Context, rng *Range[K], point seq.Point, forget func(context.Context) error) error {
	do, err := r.ask(ctx, *rng, r.key(ctx, rng))
	if err != nil {
		return err
	}
	_, err = r.patiently(ctx, func() (time.Duration, error) {
		return 0, seq.Checkpoint(ctx, func(ctx context.Context) (seq.Point, error) {
			err := r.limitLocks(ctx)
			if err == nil {
				err = do(ctx)
			}
			if err == nil {
				err = forget(ctx)
			}
			return point, err
		})
	})
	return err
}
