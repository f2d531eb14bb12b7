// Package seqtest has what tests of operations, and of the parts of a sequencer, need: ready-made
// ops, a recorder that tells what happened in which order, assertions over it, a store that fails
// or crashes on demand, a clock that stands still, and the suites that hold a store, an executor
// or a planner to its contract.
package seqtest

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
)

// NewClock returns a clock that stands at now until the test moves it. Hand it to a sequencer
// with seq.WithClock.
func NewClock(now time.Time) *clock.Mock { return clock.NewMock(now) }

// ID makes an ID of a name, with the n-th minute of some day as its timestamp, so that IDs are
// in the order of n.
func ID(n int, name string) string {
	at := time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute)
	return at.Format("2006_01_02_150405_") + name
}

// Succeeds is an op that does nothing, and can be undone.
func Succeeds(id string, dependsOn ...string) seq.Op {
	return seq.Op{ID: id, DependsOn: dependsOn, Run: nothing, Rollback: nothing}
}

// Irreversible is an op that does nothing, and cannot be undone.
func Irreversible(id string, dependsOn ...string) seq.Op {
	return seq.Op{ID: id, DependsOn: dependsOn, Run: nothing}
}

// Fails is an op that returns err each time. A nil err means one that names the op.
func Fails(id string, err error, dependsOn ...string) seq.Op {
	if err == nil {
		err = fmt.Errorf("%s fails as it was told to", id)
	}
	op := Succeeds(id, dependsOn...)
	op.Run = func(context.Context) error { return err }
	return op
}

// Skips is an op that finds nothing to do: it returns seq.Skip with this reason each time.
func Skips(id, reason string, dependsOn ...string) seq.Op {
	op := Succeeds(id, dependsOn...)
	op.Run = func(context.Context) error { return seq.Skip(reason) }
	return op
}

// Takes is an op that takes d on the clock, and returns why if its context ends before: for time-outs on a
// clock that the test moves, or in testing/synctest.
func Takes(id string, c clock.Clock, d time.Duration, dependsOn ...string) seq.Op {
	op := Succeeds(id, dependsOn...)
	op.Run = func(ctx context.Context) error {
		if clock.Sleep(ctx, c, d) != nil {
			return context.Cause(ctx)
		}
		return nil
	}
	return op
}

// InEnvironments is op for these environments only.
func InEnvironments(op seq.Op, names ...string) seq.Op {
	op.Environments = names
	return op
}

// FailsTimes is an op that fails the first n times and then succeeds.
func FailsTimes(id string, n int, dependsOn ...string) seq.Op {
	op := Succeeds(id, dependsOn...)
	var calls atomic.Int64
	op.Run = func(context.Context) error {
		if c := calls.Add(1); c <= int64(n) {
			return fmt.Errorf("%s fails for the %d. time of %d", id, c, n)
		}
		return nil
	}
	return op
}

// Panics is an op that panics with v.
func Panics(id string, v any, dependsOn ...string) seq.Op {
	op := Succeeds(id, dependsOn...)
	op.Run = func(context.Context) error { panic(v) }
	return op
}

// Goexits is an op that ends its goroutine, as t.FailNow does.
func Goexits(id string, dependsOn ...string) seq.Op {
	op := Succeeds(id, dependsOn...)
	op.Run = func(context.Context) error { runtime.Goexit(); return nil }
	return op
}

// Blocks is an op that returns when its context ends, with the cause.
func Blocks(id string, dependsOn ...string) seq.Op {
	op := Succeeds(id, dependsOn...)
	op.Run = func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return op
}

// Meets are ops that each wait until all of them run: they succeed only side by side.
func Meets(ids ...string) []seq.Op {
	var here atomic.Int64
	all := make(chan struct{})
	ops := make([]seq.Op, len(ids))
	for i, id := range ids {
		ops[i] = Succeeds(id)
		ops[i].Run = func(ctx context.Context) error {
			if here.Add(1) == int64(len(ids)) {
				close(all)
			}
			select {
			case <-all:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return ops
}

// AsMigration is op as a migration.
func AsMigration(op seq.Op) seq.Op {
	op.Kind = seq.Migration
	return op
}

func nothing(context.Context) error { return nil }
