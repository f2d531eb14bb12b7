package sim

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// cursor is what an op in the background keeps: how many of its batches were committed.
type cursor struct {
	Batch int `json:"batch"`
}

// batches is the Run of an op in the background: it goes on from its cursor, a batch a checkpoint. What a
// batch does is done when its transaction commits.
func (r *replica) batches(ctx context.Context, spec *opSpec) error {
	w, b := r.world, spec.background
	if r.yield(stepOp, spec.id+" begins", nil, nil).dead {
		return errKilled
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c := w.audit.begins(r, spec, store.Forward, generationOf(ctx), 0)
	defer func() {
		r.yield(stepOp, spec.id+" is over", nil, nil)
		r.over(c)
	}()
	var from cursor
	if _, err := seq.Saved(ctx, &from); err != nil {
		return err
	}
	w.logf("r%d goes on with %s after batch %d", r.number, short(spec.id), from.Batch)
	if from.Batch > 0 {
		w.count(wentOn)
	}
	for n := from.Batch; ; n++ {
		if err := r.fails(spec, n, OpFails, OpPanics, OpExits); err != nil {
			return err
		}
		if n >= b.batches {
			return nil
		}
		if err := seq.Checkpoint(ctx, func(tx context.Context) (seq.Point, error) { return r.batch(tx, c, spec, n+1) }); err != nil {
			return err
		}
		if size, _ := seq.Asked(ctx); size > 0 {
			w.count(sizeHeard)
		}
		if b.rests > 0 {
			if err := seq.Rest(ctx, "it rests", b.rests); err != nil {
				return err
			}
			if r.yield(stepOp, spec.id+" has rested", nil, nil).dead {
				return errKilled
			}
		}
	}
}

// batch is one batch in its transaction.
func (r *replica) batch(ctx context.Context, c *called, spec *opSpec, n int) (seq.Point, error) {
	w := r.world
	tx, _ := ctx.Value(txKey{}).(*transaction)
	data := "data of " + w.audit.first(spec.id)
	step := func(what string, rows []string) error {
		switch {
		case r.yield(stepOp, fmt.Sprintf("%s batch %d %s", spec.id, n, what), rows, func() bool { return ctx.Err() == nil }).dead:
			return errKilled
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case tx.aborted:
			return errAborted
		}
		tx.touched = w.clock.Now()
		return nil
	}
	if err := step("begins", []string{data}); err != nil {
		return seq.Point{}, err
	}
	tx.row = data
	w.logf("r%d batch %d of %s", r.number, n, short(spec.id))
	r.sleep(ctx, spec)
	if err := step("has slept", nil); err != nil { // what wakes up by the clock moves when the scheduler lets it
		return seq.Point{}, err
	}
	if err := r.fails(spec, n, BatchFails); err != nil {
		return seq.Point{}, err
	}
	if err := step("ends", nil); err != nil {
		return seq.Point{}, err
	}
	tx.effects = append(tx.effects, func() { w.audit.batch(c, spec, n) })
	return seq.Point{Cursor: cursor{n}, Done: int64(n), Total: int64(spec.background.batches)}, nil
}

// fails makes the op fail at a batch, if it is to.
func (r *replica) fails(spec *opSpec, at int, which ...Fault) error {
	w, b := r.world, spec.background
	i := slices.IndexFunc(b.fails, func(f batchFailure) bool { return f.at == at && slices.Contains(which, f.fault) })
	if i < 0 || r.gone() {
		return nil
	}
	f := b.fails[i].fault
	b.fails = slices.Delete(b.fails, i, i+1)
	w.happens(f)
	w.logf("r%d %s at batch %d: %s", r.number, short(spec.id), at, f)
	switch f {
	case OpPanics:
		panic(errOp)
	case OpExits:
		runtime.Goexit()
	}
	return errOp
}
