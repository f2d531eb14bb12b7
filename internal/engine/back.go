package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/graph"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// planBack plans the undoing of steps, which stand in the order of undoing, the latest first. Without a
// planner they are undone in that order, one after another. With one they are planned as if they were to be
// done, in the order in which they completed, and that plan is turned around: what may be done side by side
// is undone side by side. A planner that fails, which err says, must not keep what was decided from being undone:
// that is done one after another then. origin is the step that each of the plan's stands for.
func (c *Catalog) planBack(ctx context.Context, planner plan.Planner, steps []*step) (back *plan.Plan, origin []int, err error) {
	in := plan.Input{Steps: make([]plan.Step, len(steps))}
	for k := range in.Steps {
		steps[len(steps)-1-k].task.describe(&in.Steps[k])
		in.Steps[k].Index = k
	}
	forward, err := plan.Chronological().Plan(ctx, in) // by completion, here
	if err == nil && planner != nil {
		c.relate(in)
		var made *planned
		if made, err = askPlanner(ctx, planner, in); err == nil {
			forward = made.Plan
		}
	}
	back = turnAround(forward)
	origin = make([]int, len(steps))
	for i := range back.Steps {
		origin[i] = len(steps) - 1 - back.Steps[i].Index
	}
	return back, origin, err
}

// turnAround is a plan read from its end: what waited for a step is waited for now.
func turnAround(p *plan.Plan) *plan.Plan {
	n, last := len(p.Steps), 0
	back := &plan.Plan{Strategy: RollbackName, Direction: store.Rollback, Steps: make([]plan.Step, n)}
	for i := range p.Steps {
		last = max(last, p.Steps[i].Wave)
	}
	for i := range p.Steps {
		s := &back.Steps[n-1-i]
		*s = p.Steps[i]
		s.Wave, s.After = last-s.Wave, nil
	}
	for i := range slices.Backward(p.Steps) {
		for _, j := range p.Steps[i].After {
			back.Steps[n-1-j].After = append(back.Steps[n-1-j].After, n-1-i)
		}
	}
	return back
}

// relate says in After which of the steps, which stand in the order in which they completed, must not be
// undone before which: a step is behind what it depends on, directly or not, and behind the last migration
// before it, and a migration behind all since the last one. Of two that belong together the one that completed first
// stays first, whichever depends on the other. See behind.
func (c *Catalog) relate(in plan.Input) {
	place := make([]int, len(c.tasks)) // of each task among the steps, counted from 1
	for k := range in.Steps {
		if i, known := c.index[in.Steps[k].ID]; known {
			place[i] = k + 1
		}
	}
	order := graph.Order(len(c.tasks), func(i int) []int { return c.deps[i] }, nil)
	nearest := c.nearest(order, place)
	migration := -1 // the last one so far
	for k := range in.Steps {
		s := &in.Steps[k]
		if s.Kind == plan.Migration {
			for j := max(migration, 0); j < k; j++ {
				s.After = append(s.After, j)
			}
			migration = k
		} else if migration >= 0 {
			s.After = append(s.After, migration)
		}
	}
	taskAt := make([]int, len(in.Steps))
	for i, at := range place {
		if at > 0 {
			taskAt[at-1] = i
		}
	}
	loose := make([][]int, len(in.Steps)) // what each depends on and completed after it: it leads nobody there
	for _, i := range order {
		mine := place[i] - 1
		if mine < 0 {
			continue
		}
		reach := slices.Clone(nearest[i])
		left := slices.Clone(reach)
		also := func(places []int) {
			for _, on := range places {
				if !slices.Contains(reach, on) {
					reach, left = append(reach, on), append(left, on)
				}
			}
		}
		for len(left) > 0 {
			on := left[0]
			left = left[1:]
			later, earlier := max(mine, on), min(mine, on)
			in.Steps[later].After = append(in.Steps[later].After, earlier)
			also(loose[on])
			if on > mine {
				loose[mine] = append(loose[mine], on)
				also(nearest[taskAt[on]])
			}
		}
	}
	for k := range in.Steps {
		slices.Sort(in.Steps[k].After)
		in.Steps[k].After = slices.Compact(in.Steps[k].After)
	}
}

// nearest lists, for each task, the places of those that it depends on, directly or through tasks that have
// no place. The order has what a task depends on before it.
func (c *Catalog) nearest(order, place []int) [][]int {
	nearest := make([][]int, len(c.tasks))
	for _, i := range order {
		for _, j := range c.deps[i] {
			if place[j] > 0 {
				nearest[i] = append(nearest[i], place[j]-1)
			} else {
				nearest[i] = append(nearest[i], nearest[j]...)
			}
		}
		slices.Sort(nearest[i])
		nearest[i] = slices.Compact(nearest[i])
	}
	return nearest
}

// wayBack is the way of a run back through what is to be undone, as an executor sees it. Its steps always
// settle without an error: one that cannot be undone keeps only those behind it from being undone.
type wayBack struct {
	walk   *Walk
	plan   *plan.Plan
	steps  []*step // by their place in the plan
	status []atomic.Uint32
}

var _ exec.Walk = (*wayBack)(nil)

// goBack undoes steps, which stand in the order of undoing. What an executor leaves is undone all the same.
func (w *Walk) goBack(ctx context.Context, steps []*step) error {
	made, origin, err := w.catalog.planBack(ctx, w.planner, steps)
	b := &wayBack{walk: w, plan: made, steps: make([]*step, len(steps)), status: make([]atomic.Uint32, len(steps))}
	for i, from := range origin {
		b.steps[i] = steps[from]
	}
	if w.planner != nil {
		err = errors.Join(err, w.walkBack(ctx, b))
	}
	if err != nil {
		w.fail(w.redact.error(fmt.Errorf("the way back: %w; undone one after another", err)))
	}
	for i := range b.steps {
		if err := b.Do(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// walkBack sends the strategy's executor back. It may heed the end of the caller's context, which ends no
// rollback.
func (w *Walk) walkBack(ctx context.Context, b *wayBack) error {
	var mistake error
	err := w.contain(exec.Func(func(ctx context.Context, walk exec.Walk) error {
		mistake = w.executor.Execute(ctx, walk)
		return mistake
	})).Execute(context.WithoutCancel(ctx), b)
	if errors.Is(err, exec.ErrPanic) {
		return err
	}
	return mistake
}

// Plan implements exec.Walk.
func (b *wayBack) Plan() *plan.Plan { return b.plan }

// Clock implements exec.Walk.
func (b *wayBack) Clock() clock.Clock { return b.walk.clock }

// Do implements exec.Walk.
func (b *wayBack) Do(ctx context.Context, i int) error {
	if i < 0 || i >= len(b.steps) {
		return fmt.Errorf("%w: the executor asks for step %d of %d", plan.ErrInvalid, i, len(b.steps))
	}
	for _, j := range b.plan.Steps[i].After {
		if b.status[j].Load() != settled {
			return fmt.Errorf("%w: the executor undoes %s before %s", plan.ErrInvalid, b.plan.Steps[i].ID, b.plan.Steps[j].ID)
		}
	}
	if !b.status[i].CompareAndSwap(idle, busy) {
		if b.status[i].Load() == settled {
			return nil
		}
		return fmt.Errorf("%w: the executor undoes %s twice at a time", plan.ErrInvalid, b.plan.Steps[i].ID)
	}
	b.walk.running.add()
	defer b.walk.running.done()
	b.walk.undo(ctx, b.steps[i])
	b.status[i].Store(settled)
	return nil
}

// DoThen implements exec.Walk. No rollback is claimed ahead.
func (b *wayBack) DoThen(ctx context.Context, i int, _ func() int) error { return b.Do(ctx, i) }

// KeepGoing implements exec.Walk: it always does.
func (b *wayBack) KeepGoing() {}

// Err implements exec.Walk.
func (b *wayBack) Err() error { return nil }

// Interrupted implements exec.Walk: nothing interrupts it but the loss of the lease.
func (b *wayBack) Interrupted() bool { return false }

// Rollback implements exec.Walk.
func (b *wayBack) Rollback(context.Context) error {
	return fmt.Errorf("%w: what is being undone cannot be undone", plan.ErrInvalid)
}
