package sim

import (
	"context"
	"slices"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
)

// execute lets a real executor walk, but each step that it starts is let go by the scheduler, so
// that what workers do side by side is the seed's choice. The executor walks a shadow of the
// plan, whose steps do those of the real one.
func (r *replica) execute(ctx context.Context, inner exec.Executor, walk exec.Walk) error {
	planned := walk.Plan()
	if planned.Direction == store.Forward { // workers undo side by side
		r.plan = planned
	}
	shadow := &plan.Plan{Strategy: planned.Strategy, Steps: make([]plan.Step, len(planned.Steps))}
	index := make(map[string]int, len(planned.Steps))
	for i := range planned.Steps {
		s := &planned.Steps[i]
		shadow.Steps[i] = plan.Step{ID: s.ID, After: s.After, Wave: s.Wave}
		index[s.ID] = i
	}
	return inner.Execute(ctx, seqtest.NewWalk(shadow, func(_ context.Context, c *middleware.Call) error {
		id := c.Step.ID
		if r.yield(stepDo, id, nil, nil).dead {
			return errKilled
		}
		if r.leads {
			return r.orders(ctx, id, func(ctx context.Context) error { return walk.Do(ctx, index[id]) })
		}
		return walk.Do(ctx, index[id])
	}))
}

// spoil puts the mutants into a chain of middleware that are mistakes of middleware.
func (w *World) spoil(r *replica, chain []middleware.Middleware) []middleware.Middleware {
	out := slices.Clone(chain)
	if w.is(RetriesOnce) {
		out = append(out, middleware.Middleware{Name: "retries", Layer: middleware.LayerCall, Step: func(next middleware.Handler) middleware.Handler {
			return func(ctx context.Context, c *middleware.Call) error {
				if err := next(ctx, c); err == nil || r.gone() {
					return err
				}
				return next(ctx, c)
			}
		}})
	}
	return out
}

// fast is a clock that runs ahead.
type fast struct{ clock.Clock }

func (f fast) Now() time.Time { return f.Clock.Now().Add(5 * time.Second) }
