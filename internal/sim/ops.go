package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

var errOp = errors.New("sim: the op failed")

// op is what a replica knows of an op, nil if it does not know it.
func (r *replica) op(id string) *opSpec {
	for _, o := range r.ops {
		if o.id == id {
			return o
		}
	}
	return nil
}

// list is the replica's ops as the engine gets them.
func (r *replica) list() []seq.Op {
	w := r.world
	ops := make([]seq.Op, 0, len(r.ops))
	for _, spec := range r.ops {
		op := seq.Op{
			ID: spec.id, Kind: spec.kind, Delivery: spec.delivery, AllowedToFail: spec.allowed,
			RollbackOnFailure: spec.undoFailed, DependsOn: spec.deps,
			Run: func(ctx context.Context) error { return r.body(ctx, spec, store.Forward, &spec.script.run) },
		}
		if r.life.odd {
			op.Checksum, op.Delivery = spec.odd(len(ops))
		}
		if w.is(NoDependencies) {
			op.DependsOn = nil
		}
		if b := spec.background; b != nil {
			op.Background, op.Lane = true, b.lane
			op.Run = func(ctx context.Context) error { return r.batches(ctx, spec) }
			if b.renamed != "" {
				op.RenamedFrom = []string{b.renamed}
			}
		}
		if spec.rollback {
			op.Rollback = func(ctx context.Context) error { return r.body(ctx, spec, store.Rollback, &spec.script.undo) }
		}
		if spec.due > 0 {
			op.ExecuteAt = func(time.Time) time.Time { return w.began.Add(spec.due) }
		}
		if spec.verify {
			op.Verify = func(context.Context) (bool, error) {
				if r.yield(stepOp, spec.id+" verify", nil, nil).dead {
					return false, errKilled
				}
				w.count(verified)
				return w.audit.of(spec.id).net > 0, nil
			}
		}
		ops = append(ops, op)
	}
	return ops
}

// body is an op's Run or Rollback: it begins, takes its time, acts, and ends, and at each step
// somebody else may come first.
func (r *replica) body(ctx context.Context, spec *opSpec, dir store.Direction, fails *[]Fault) error {
	w := r.world
	name := fmt.Sprintf("%s %s", spec.id, dir)
	tx, _ := ctx.Value(txKey{}).(*transaction)
	step := func(what string) error {
		switch {
		case r.yield(stepOp, name+" "+what, nil, nil).dead:
			return errKilled
		case spec.heeds && ctx.Err() != nil:
			return context.Cause(ctx)
		case tx != nil && tx.aborted:
			return errAborted
		}
		if tx != nil {
			tx.touched = w.clock.Now()
		}
		return nil
	}
	if err := step("begins"); err != nil {
		return err
	}
	if spec.slow > 0 {
		w.happens(SlowOp)
	}
	if !spec.heeds && ctx.Err() != nil {
		w.happens(DeafOp)
	}
	c := w.audit.begins(r, spec, dir, generationOf(ctx), r.attemptOf(ctx))
	r.sleep(ctx, spec)
	if err := step("acts"); err != nil {
		r.over(c)
		return err
	}
	var trouble Fault
	if len(*fails) > 0 {
		trouble = (*fails)[0]
		*fails = (*fails)[1:]
		w.happens(trouble)
		w.logf("r%d %s %s: %s", r.number, short(spec.id), dir, trouble)
	}
	if trouble == "" || trouble == OpFailsHalf {
		act := func() { w.audit.effect(c, spec) }
		if tx != nil {
			tx.effects = append(tx.effects, act)
		} else {
			act()
		}
	}
	if err := step("ends"); err != nil {
		r.over(c)
		return err
	}
	r.over(c)
	switch trouble {
	case "":
		return nil
	case OpPanics:
		panic(errOp)
	case OpExits:
		runtime.Goexit()
	}
	return errOp
}

// over notes that a call has ended, unless its process is dead: then that is noted already.
func (r *replica) over(c *called) {
	if !r.gone() {
		r.world.audit.ends(c)
	}
}

// sleep is the time that an op takes.
func (r *replica) sleep(ctx context.Context, spec *opSpec) {
	if spec.slow == 0 {
		return
	}
	woken := make(chan struct{})
	stop := r.world.clock.AfterFunc(spec.slow, func() { close(woken) })
	defer stop()
	ended := ctx.Done()
	if !spec.heeds {
		ended = r.world.base.Done()
	}
	select {
	case <-woken:
	case <-r.died:
	case <-ended:
	}
}

// generationOf reads the op's generation out of its idempotency key.
func generationOf(ctx context.Context) int {
	key := strings.Split(seq.IdempotencyKey(ctx), "/")
	n, err := strconv.Atoi(key[len(key)-2])
	if err != nil {
		panic(err)
	}
	return n
}
