package kill_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sequencer-go/seq"
)

// settle runs healthy children until one has no more to do, as the next deploys would, and has a
// person look where the ledger says that only a person can. It returns the first of them.
func (g *ground) settle(ctx context.Context, o order) (first *process, err error) {
	o.Point, o.TTL = "", healthy
	for range 6 {
		p, err := start(ctx, o)
		if err != nil {
			return first, err
		}
		if first == nil {
			first = p
		}
		if err := p.wait(); err != nil {
			return first, err
		}
		switch failed := p.failed(); {
		case p.cmd.ProcessState.Success() && !o.Fails:
			return first, nil
		case o.Fails && slices.Equal(failed, []string{"boom"}):
			return first, nil
		case slices.Contains(failed, "rollback failed"):
			if err := g.rollback(ctx, o); err != nil {
				return first, err
			}
			continue
		case !slices.Contains(failed, "indeterminate") && !slices.Contains(failed, "poisoned"):
			return first, fmt.Errorf("a healthy %s", p)
		}
		if err := g.resolve(ctx, o); err != nil {
			return first, err
		}
	}
	return first, errors.New("healthy children do not come to an end")
}

// rollback is the person who calls Rollback again when one has failed.
func (g *ground) rollback(ctx context.Context, o order) error {
	strategy, err := o.strategy()
	if err != nil {
		return err
	}
	at := &site{log: g.effects.DB(), trap: &trap{seen: map[string]int{}}, fails: o.Fails}
	if _, err := seq.New(g.ledger, at.ops()...).Use(strategy).Rollback(ctx); err != nil {
		return fmt.Errorf("%s: %w", o.Scenario, err)
	}
	score.count("calls of Rollback by a person", 1)
	return nil
}

// resolve is the person: they look at the effects, and tell the ledger.
func (g *ground) resolve(ctx context.Context, o order) error {
	entries, err := g.ledger.Load(ctx)
	if err != nil {
		return err
	}
	sequencer := seq.New(g.ledger, (&site{log: g.effects.DB()}).ops()...)
	for _, e := range entries {
		if e.State != seq.Indeterminate && e.Crashes < 3 {
			continue
		}
		traces, err := g.traces(ctx, e.ID)
		if err != nil {
			return err
		}
		found := seq.NotDone
		if len(traces.in(e.Generation, done)) > len(traces.in(e.Generation, undone)) {
			found = seq.Done
		}
		if err := sequencer.Resolve(ctx, e.ID, found, "counted its effects"); err != nil {
			return fmt.Errorf("%s: %w", o.Scenario, err)
		}
		score.persons.Add(1)
	}
	return nil
}
