package seq_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/strategies"
)

func renamedOp(name string, from ...string) seq.Op {
	op := ok(name)
	op.RenamedFrom = ids(from...)
	return op
}

func TestARenamedOpDoesNotRunAgain(t *testing.T) {
	b := newBench(t, strategies.DependencyGraph(), ok("a"))
	b.mustRun()
	now := renamedOp("c", "a")
	now.RenamedFrom = append(now.RenamedFrom, id("a")+"_again")           // a name that this database never saw
	b.with(strategies.DependencyGraph(), now, ok("d", "a"), ok("e", "c")) // d still says a
	b.mustRun()
	seqtest.AssertRan(t, b.rec, ids("d", "e")...)
}

func TestARenamedOpIsUndoneWithWhatItSaved(t *testing.T) {
	op := ok("a")
	op.Run = func(ctx context.Context) error { return seq.Save(ctx, 7) }
	b := newBench(t, strategies.Sequential(), op)
	b.mustRun()
	now, got := renamedOp("c", "a"), 0
	now.Rollback = func(ctx context.Context) error { _, err := seq.Saved(ctx, &got); return err }
	b.with(strategies.Sequential(), now)
	r, err := b.seq.Rollback(t.Context())
	if err != nil || got != 7 || !slices.Equal(r.RolledBack(), ids("c")) {
		t.Fatalf("%v, saved %d\n%s", err, got, r)
	}
	b.mustRun() // anew, under its new name
	seqtest.AssertRan(t, b.rec, id("c"))
	b.state("c", seq.Succeeded)
}

func TestARenamedOpThatHasNotRunIsWaitedFor(t *testing.T) {
	b := newBench(t, strategies.Batch(), ok("b", "a"), renamedOp("c", "a"))
	b.mustRun()
	seqtest.AssertBefore(t, b.rec, id("c"), id("b"))
}

func TestARenamedOpKeepsItsDoubt(t *testing.T) {
	op := seqtest.Irreversible(id("a"))
	op.Delivery = seq.Once
	b, _ := died(t, strategies.Sequential(), op)
	op.ID, op.RenamedFrom = id("c"), ids("a")
	b.with(strategies.Sequential(), op)
	if _, err := b.run(); !errors.Is(err, seq.ErrIndeterminate) {
		t.Errorf("got %v", err)
	}
}

func TestNamesThatCollideAreRefused(t *testing.T) {
	for name, ops := range map[string][]seq.Op{
		"of another op": {ok("a"), renamedOp("b", "a")},
		"of two ops":    {renamedOp("b", "a"), renamedOp("c", "a")},
		"its own":       {renamedOp("a", "a")},
		"that is no ID": {{ID: id("a"), Run: nothing, RenamedFrom: []string{"old"}}},
	} {
		if _, err := runWith(t, strategies.Sequential(), ops...); !errors.Is(err, seq.ErrInvalidOp) && !errors.Is(err, seq.ErrInvalidID) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
