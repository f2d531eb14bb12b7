package sim

import (
	"context"
	"fmt"
	"slices"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/role"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// byWorkers is what package fleet's Middleware is, with the simulation's transport.
func (w *World) byWorkers(r *replica) middleware.Middleware {
	f := w.scenario.fleet
	via := &engine.Remote{Carrier: outbox{r, w.mail}, Patience: f.patience, Resend: f.resend}
	return middleware.Middleware{Name: "fleet", Layer: middleware.LayerRecord, Role: role.NewRemote(via)}
}

// orders does a step of a leader. That its run is to end it hears in a step of its own, and it ends in one:
// else those that wait for workers would move side by side, and not as the seed says.
func (r *replica) orders(ctx context.Context, id string, do func(context.Context) error) error {
	own, stop := r.hearing(context.WithValue(ctx, stepKey{}, id), id)
	defer stop()
	err := do(own)
	if r.yield(stepDo, id+" is over", nil, nil).dead {
		return errKilled
	}
	return err
}

// hearing is a context that ends in a step of its own when ctx ends.
func (r *replica) hearing(ctx context.Context, id string) (own context.Context, stop func()) {
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		r.yield(stepHear, id, nil, nil)
		cancel(context.Cause(ctx))
	})
	return own, func() { unhook(); cancel(nil) }
}

// undoing is around the rollbacks of a leader, which end when its lease is lost.
func (r *replica) undoing() middleware.Middleware {
	return middleware.Middleware{Name: "undoing", Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, c *middleware.Call) error {
			if c.Direction != store.Rollback {
				return next(ctx, c)
			}
			own, stop := r.hearing(ctx, "undo "+c.Step.ID)
			defer stop()
			return next(own, c)
		}
	}}
}

// step tells the steps of a replica's goroutines apart, by what their context is of.
func (r *replica) step(ctx context.Context) string {
	if r.world.mail == nil {
		return ""
	}
	if of, ok := ctx.Value(stepKey{}).(string); ok {
		return " of " + of
	}
	if info, ok := seq.Info(ctx); ok {
		return fmt.Sprintf(" of %s %s", info.ID, info.Direction)
	}
	return ""
}

// attemptOf is the number of the attempt that an op is called in; 0 where there is no fleet.
func (r *replica) attemptOf(ctx context.Context) int {
	if r.world.mail == nil {
		return 0
	}
	info, _ := seq.Info(ctx)
	return info.Attempt
}

// writeInFleet is Write: a worker's claim ends its look at an order, and a leader that is told of its own claim
// believes that the order is void.
func (r *replica) writeInFleet(ctx context.Context, lease store.Lease, said store.Batch) ([]string, error) {
	w := r.world
	b := r.mutate(said)
	what, rows := describe(b)
	switch {
	case slices.ContainsFunc(b.Outcomes, func(o store.Outcome) bool { return o.Lost }):
		what = closes + what
	case len(b.Claims) > 0:
		r.looking = false
	}
	refused, err := call(ctx, r, stepWrite, fmt.Sprintf("%s under %s %d", what, r.leaseID(lease.Name), lease.Epoch), rows,
		func() ([]string, error) { return w.write(r, lease, b) })
	if r.leads && err == nil {
		for i := range said.Claims {
			w.audit.recalled(r, &said.Claims[i], !slices.Contains(refused, said.Claims[i].ID))
		}
	}
	return refused, err
}

// closes is how the name of a write begins that closes attempts as lost.
const closes = "close "
