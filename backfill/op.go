package backfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// A Definition is what an op is made of: a [Job], or [Calls].
type Definition interface {
	task() (task, error)
}

// A task is the work, whatever its keys are.
type task struct {
	run     func(ctx context.Context) error
	again   func(ctx context.Context, letters string) error // see Retry
	inspect func(ctx context.Context, on seq.Inspection) ([]string, error)
	workers int
}

// Op is the op of a backfill: Resumable, and in the background. Its other fields are the caller's, as
// DependsOn, Lane, Rollback, or Background, which is false for one that a deploy is to wait for. What is
// wrong with the definition is its Err.
func Op(id string, of Definition) seq.Op {
	op := seq.Op{ID: id, Delivery: seq.Resumable, Background: true}
	if of == nil {
		of = Job[int64]{}
	}
	t, err := of.task()
	if op.Run = t.run; err != nil {
		op.Err = fmt.Errorf("%w %s: %w", seq.ErrInvalidOp, id, err)
	}
	if t.workers > 1 {
		op.Connections = t.workers
	}
	connections := op.Connections
	op.Inspect = func(ctx context.Context, on seq.Inspection) (seq.Details, error) {
		notes, err := t.inspect(ctx, on)
		return seq.Details{Delivery: seq.Resumable, Connections: connections, Notes: notes}, err
	}
	return op
}

func (j Job[K]) task() (task, error) {
	err := j.check()
	if j.Do == nil {
		err = errors.Join(err, errors.New("backfill: the job has no Do"))
	}
	w := &work[K]{Job: j, ask: func(_ context.Context, r Range[K], _ string) (func(context.Context) error, error) {
		return func(ctx context.Context) error { return j.Do(ctx, r) }, nil
	}}
	return w.task(), err
}

// work is what Job and Calls come down to.
type work[K any] struct {
	Job[K]
	// ask is called with a range and its idempotency key outside of any transaction, and answers with what
	// is to be done in that of the batch.
	ask func(ctx context.Context, r Range[K], key string) (func(ctx context.Context) error, error)
	// ahead says that a range must be in the ledger before it is asked about.
	ahead bool
}

func (w *work[K]) task() task {
	return task{run: w.run, again: w.again, inspect: w.inspect, workers: w.workers()}
}

// workers is how many parts are worked on at a time.
func (w *work[K]) workers() int {
	if w.Workers == 0 {
		return max(w.Parts, 1)
	}
	return w.Workers
}

// inspect notes what stands in the way. None of it keeps a deploy from running: the table may be made by
// a migration of the same deploy.
func (w *work[K]) inspect(ctx context.Context, on seq.Inspection) (notes []string, err error) {
	d := databaseOf(on.Store)
	notes, err = w.From.check(ctx, d)
	if err == nil {
		err = w.checkGates(d)
	}
	if err != nil {
		notes = append(notes, err.Error()+", as it is now")
	}
	var saved struct {
		Cursor struct{ Source string }
	}
	if e := on.Recorded; e != nil && !e.State.Done() && e.State != store.RolledBack && json.Unmarshal(e.Saved, &saved) == nil {
		if was := saved.Cursor.Source; was != "" && was != w.From.name() {
			notes = append(notes, changed(was, w.From.name()).Error())
		}
	}
	return notes, nil
}

func (w *work[K]) checkGates(d *database) error {
	for i := range w.Gates {
		if w.Gates[i].postgres && !d.postgres() {
			return fmt.Errorf("gate %q: %w", w.Gates[i].Name, errNotPostgres)
		}
	}
	return nil
}

var errNotPostgres = errors.New("it is for Postgres, and the ledger is in another database")

func changed(was, is string) error {
	return fmt.Errorf("%w: the cursor is of %s, the code has %s; put it back, give the backfill another ID, or undo it first so that it begins anew", ErrChanged, was, is)
}

func (w *work[K]) run(ctx context.Context) error {
	d := databaseOf(store.FromContext(ctx))
	r := newRunner(w, d)
	if err := r.open(ctx); err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	if err := r.all(ctx); err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	return nil
}
