package sim

import (
	"context"
	"errors"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
)

// execute lets a real executor walk, but each step that it starts is let go by the scheduler, so
// that what workers do side by side is the seed's choice. The executor walks a shadow of the
// plan, whose steps do those of the real one.
func (r *replica) execute(ctx context.Context, inner seq.Executor, walk *seq.Walk) error {
	planned := walk.Plan()
	r.plan = planned
	shadow := &seq.Plan{Strategy: planned.Strategy, Steps: make([]seq.Step, len(planned.Steps))}
	index := make(map[string]int, len(planned.Steps))
	for i := range planned.Steps {
		s := &planned.Steps[i]
		shadow.Steps[i] = seq.Step{Op: &seq.Op{ID: s.Op.ID}, After: s.After, Wave: s.Wave}
		index[s.Op.ID] = i
	}
	failed := make(chan error, len(planned.Steps))
	whole := func() error {
		return inner.Execute(ctx, seq.NewWalk(shadow, func(_ context.Context, c *seq.Call) error {
			id := c.Step.Op.ID
			if r.yield(stepDo, id, nil, nil).dead {
				return errKilled
			}
			err := walk.Do(ctx, index[id])
			if err != nil {
				failed <- err
			}
			return err
		}))
	}
	if !r.world.is(NoDrain) {
		return whole()
	}
	r.rest = make(chan error, 1)
	go func() { r.rest <- whole(); close(r.rest) }()
	select {
	case err := <-failed:
		return err
	case err := <-r.rest:
		return err
	}
}

// spoil puts the mutants into a chain of middleware that are mistakes of middleware.
func (w *World) spoil(r *replica, chain []seq.Middleware) []seq.Middleware {
	out := make([]seq.Middleware, 0, len(chain)+1)
	for _, m := range chain {
		if m.Layer == seq.LayerSaga {
			switch w.mutant {
			case NoDrain:
				m = hastySaga(r)
			case UndoForward:
				m = forwardSaga()
			}
		}
		out = append(out, m)
	}
	if w.is(RetriesOnce) {
		out = append(out, seq.Middleware{Name: "retries", Layer: seq.LayerCall, Step: func(next seq.Handler) seq.Handler {
			return func(ctx context.Context, c *seq.Call) error {
				if err := next(ctx, c); err == nil || r.gone() {
					return err
				}
				return next(ctx, c)
			}
		}})
	}
	return out
}

// hastySaga turns back at the first failure and does not wait for what is under way.
func hastySaga(r *replica) seq.Middleware {
	return seq.Middleware{Name: "hasty saga", Layer: seq.LayerSaga, Run: func(next seq.Executor) seq.Executor {
		return seq.ExecutorFunc(func(ctx context.Context, walk *seq.Walk) error {
			err := next.Execute(ctx, walk)
			if err == nil {
				return nil
			}
			err = errors.Join(err, undo(ctx, walk, false))
			for range r.rest { // so that nothing outlives the run
			}
			return err
		})
	}}
}

func forwardSaga() seq.Middleware {
	return seq.Middleware{Name: "forward saga", Layer: seq.LayerSaga, Run: func(next seq.Executor) seq.Executor {
		return seq.ExecutorFunc(func(ctx context.Context, walk *seq.Walk) error {
			err := next.Execute(ctx, walk)
			if err == nil {
				return nil
			}
			return errors.Join(err, undo(ctx, walk, true))
		})
	}}
}

// undo is the second half of a saga.
func undo(ctx context.Context, walk *seq.Walk, forward bool) error {
	ids, err := walk.Reverse(ctx)
	errs := []error{err}
	for i := range ids {
		if forward {
			i = len(ids) - 1 - i
		}
		errs = append(errs, walk.Undo(ctx, ids[i]))
	}
	return errors.Join(errs...)
}

// fast is a clock that runs ahead.
type fast struct{ clock.Clock }

func (f fast) Now() time.Time { return f.Clock.Now().Add(5 * time.Second) }
