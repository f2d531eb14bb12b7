package kill_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// audit compares what the ops did with what the ledger says of them, when all is quiet.
// Duplicates are counted where they are allowed: in what is Repeatable, in rollbacks outside of
// the database, and, if a process slept through its lease, in a Once op that has a Verify.
func (g *ground) audit(ctx context.Context, s Scenario, slept bool) error {
	entries, err := g.ledger.Load(ctx)
	if err != nil {
		return err
	}
	byID := map[string]*store.Entry{}
	for i := range entries {
		byID[entries[i].ID] = &entries[i]
	}
	var errs []error
	ops := (&site{}).ops()
	for i := range ops {
		a := &audit{op: &ops[i], entry: byID[ops[i].ID], slept: slept, undone: s.Fails, fails: s.Fails && i == len(ops)-1}
		if a.entry == nil {
			errs = append(errs, fmt.Errorf("%s is not in the ledger", a.op.ID))
			continue
		}
		if a.history, err = g.ledger.History(ctx, a.op.ID, store.Page{Limit: 1000}); err != nil {
			return err
		}
		slices.Reverse(a.history)
		if a.traces, err = g.traces(ctx, a.op.ID); err != nil {
			return err
		}
		errs = append(errs, a.check())
	}
	errs = append(errs, g.auditRuns(ctx, s), g.auditLease(ctx))
	score.audits.Add(1)
	return errors.Join(errs...)
}

// auditRuns checks that every run has an end. One that died when all was done, with nothing left to
// do but to say so, stays as it is until there is something to do again; after one that fails there
// always is. One that was told to stop says so, and if it was a saga a later one ends it.
func (g *ground) auditRuns(ctx context.Context, s Scenario) error {
	runs, err := g.ledger.Runs(ctx, store.Page{Limit: 1000})
	if err != nil {
		return err
	}
	for i, r := range runs {
		switch {
		case r.State.Final(), r.State == seq.RunInterrupted && !r.Saga:
		case i == 0 && r.State == seq.RunStarted && !s.Fails:
			score.count("died when all was done, and stays started", 1)
		default:
			return fmt.Errorf("run %s is %s for ever: %+v", r.ID, r.State, runs)
		}
	}
	return nil
}

// auditLease checks that nobody is left with the lease: that somebody who asks for it gets it,
// at the latest when that of a dead process, whose work nobody had to go on with, has expired.
func (g *ground) auditLease(ctx context.Context) error {
	for late := time.Now().Add(patience); ; {
		lease, err := g.ledger.Acquire(ctx, store.RunLease, store.ThisProcess())
		if err == nil {
			return g.ledger.Release(ctx, lease)
		}
		held, is := errors.AsType[*store.LeaseError](err)
		if !is || held.Expires > g.ttl || time.Now().After(late) {
			return fmt.Errorf("somebody holds the lease: %w", err)
		}
		if err := clock.Sleep(ctx, clock.Wall(), held.Expires); err != nil {
			return err
		}
	}
}
