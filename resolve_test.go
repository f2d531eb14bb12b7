package seq_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sequencer-go/seq/store"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/strategies"
)

func TestResolveEndsDoubt(t *testing.T) {
	for found, want := range map[seq.Resolution]seq.State{seq.Done: seq.Succeeded, seq.NotDone: seq.Pending} {
		synctest.Test(t, func(t *testing.T) {
			op := seqtest.Irreversible(id("a"))
			op.Delivery = seq.Once
			b, calls := died(t, strategies.Sequential(), op)
			if _, err := b.run(); !errors.Is(err, seq.ErrIndeterminate) || !strings.Contains(err.Error(), "Resolve") {
				t.Fatal(err)
			}
			if err := b.seq.Resolve(t.Context(), id("a"), found, "ann looked"); err != nil {
				t.Fatal(err)
			}
			b.state("a", want)
			history, err := b.store.History(t.Context(), id("a"), store.Page{Limit: 1000})
			if last := history[0]; err != nil || last.Direction != seq.ByHand || !strings.Contains(last.Error, "ann looked") || last.State != want {
				t.Errorf("the history ends with %+v, %v", last, err)
			}
			b.mustRun()
			b.state("a", seq.Succeeded)
			if n := calls.Load(); n != 1+int64(found) {
				t.Errorf("%d: called %d times", found, n)
			}
		})
	}
}

func TestResolveAFailedRollback(t *testing.T) {
	for found, want := range map[seq.Resolution]seq.State{seq.Done: seq.Succeeded, seq.NotDone: seq.RolledBack} {
		bad := ok("a")
		bad.Rollback = seqFails(errBoom)
		b := newBench(t, strategies.TransactionalBatch(), bad, fail("b", "a"))
		if _, err := b.run(); !errors.Is(err, seq.ErrRollbackFailed) {
			t.Fatal(err)
		}
		if err := b.seq.Resolve(t.Context(), id("a"), found, "ann looked"); err != nil {
			t.Fatal(err)
		}
		b.state("a", want)
		b.with(strategies.TransactionalBatch(), ok("a"), ok("b", "a"))
		b.mustRun()
	}
}

func TestResolveRefuses(t *testing.T) {
	b := newBench(t, strategies.Sequential(), ok("a"))
	b.mustRun()
	for name, err := range map[string]error{
		"no doubt":  b.seq.Resolve(t.Context(), id("a"), seq.NotDone, "why not"),
		"unknown":   b.seq.Resolve(t.Context(), id("z"), seq.Done, "why not"),
		"no reason": b.seq.Resolve(t.Context(), id("a"), seq.Done, ""),
		"no answer": b.seq.Resolve(t.Context(), id("a"), seq.Resolution(7), "why not"),
	} {
		if !errors.Is(err, seq.ErrInvalidOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.state("a", seq.Succeeded)
}

// A Verify that cannot answer leaves the doubt: a Once op is not called because of it.
func TestAVerifyThatFailsLeavesTheDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := ok("a")
		op.Delivery = seq.Once
		broken := true
		op.Verify = func(context.Context) (bool, error) {
			if broken {
				return false, errBoom
			}
			return true, nil
		}
		b, calls := died(t, strategies.Sequential(), op)
		for range 2 {
			if _, err := b.run(); !errors.Is(err, errBoom) || !strings.Contains(err.Error(), "effect unknown") {
				t.Fatal(err)
			}
			b.state("a", seq.Indeterminate)
		}
		broken = false
		b.mustRun()
		if calls.Load() != 1 {
			t.Errorf("called %d times", calls.Load())
		}
	})
}
