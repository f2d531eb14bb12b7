package seq

import (
	"context"
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
	"maps"
	"slices"
	"time"
)

// planning is everything that a plan is made from.
type planning struct {
	catalog  *catalog
	entries  map[string]*store.Entry
	sel      *selection
	policy   Drift
	strategy *Strategy
	now      time.Time

	// While the plan is made: the entry of each op of the catalog, nil if the ledger has none, and how
	// many others there are.
	of     []*store.Entry
	others int
}

// plan makes the plan: what is left to do, shaped by the strategy's planner, and checked.
func (p *planning) plan(ctx context.Context) (*Plan, error) {
	defer func() { p.of = nil }()
	in, err := p.input()
	if err != nil {
		return nil, err
	}
	if len(in.Steps) == 0 {
		empty := &Plan{Strategy: p.strategy.Name}
		p.foresee(empty)
		return empty, nil
	}
	var plan *Plan
	err = contain(func() (err error) {
		plan, err = p.strategy.Planner.Plan(ctx, in)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", p.strategy.Name, err)
	}
	if err := complete(plan, in); err != nil {
		return nil, fmt.Errorf("plan %s: %w", p.strategy.Name, err)
	}
	plan.Strategy = p.strategy.Name
	p.foresee(plan)
	return plan, nil
}

// foresee notes what is known to go wrong, or to come first, whatever the planner.
func (p *planning) foresee(plan *Plan) {
	plan.Findings = p.drift()
	saga := has(p.strategy.Middleware, LayerSaga)
	for i := range plan.Steps {
		s := &plan.Steps[i]
		s.Irreversible = saga && s.Op.Rollback == nil
		if e := p.entries[s.Op.ID]; e != nil {
			if err := doubt(s.Op, e); err != nil && e.State != RollbackPending && !e.State.Open() {
				s.Refused = err.Error()
			}
		}
	}
	for _, e := range p.unfinished() {
		plan.Undo = append(plan.Undo, e.ID)
	}
}

// input chooses the ops that are left to do and resolves their schedule and dependencies. All
// that is wrong comes back as one error.
func (p *planning) input() (Input, error) {
	in := Input{Now: p.now}
	errs := []error{p.catalog.err, p.unknown()}
	for _, id := range p.sel.only {
		if _, known := p.catalog.index[id]; !known {
			errs = append(errs, p.notRegistered(id))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return in, err
	}
	place := make([]int, len(p.catalog.ops)) // counted from 1
	p.of, p.others = make([]*store.Entry, len(p.catalog.ops)), len(p.entries)
	steps, edges := 0, 0
	for i := range p.catalog.ops {
		if p.of[i] = p.entries[p.catalog.ops[i].op.ID]; p.of[i] != nil {
			p.others--
		}
		if p.chosen(i) {
			steps++
			place[i] = steps
			edges += len(p.catalog.deps[i])
		}
	}
	in.Steps = make([]Step, steps)
	flat := make([]int, 0, edges)
	for i := range p.catalog.ops {
		if place[i] == 0 {
			continue
		}
		step, from := &in.Steps[place[i]-1], len(flat)
		step.Op, step.input = p.catalog.ops[i].op, place[i]-1
		for _, j := range p.catalog.deps[i] {
			switch {
			case place[j] > 0:
				flat = append(flat, place[j]-1)
			case !p.done(p.catalog.ops[j].op.ID):
				step.Skip = fmt.Sprintf("depends on %s, which this run leaves out", p.catalog.ops[j].op.ID)
			}
		}
		if e := p.of[i]; e != nil && e.State == store.UnknownState {
			step.Skip = notKnown(e)
		}
		step.After = flat[from:len(flat):len(flat)]
		var err error
		if step.NotBefore, err = p.due(step.Op); err != nil {
			errs = append(errs, err)
		}
	}
	return in, errors.Join(errs...)
}

// strangers are all entries if some of them are not of the catalog, else none.
func (p *planning) strangers() map[string]*store.Entry {
	if p.others == 0 {
		return nil
	}
	return p.entries
}

// sameAs reports whether a plan that was made from other entries would be made from these too: they
// are equal in all that counts, and time does not. Of what is done, the first look saw little.
func (p *planning) sameAs(other *planning, plan *Plan) bool {
	timed := func(s Step) bool { return !s.NotBefore.IsZero() }
	return !slices.ContainsFunc(plan.Steps, timed) && maps.EqualFunc(p.entries, other.entries, func(a, b *store.Entry) bool {
		if a.State.Done() && !p.sel.repeat {
			return a.State == b.State && a.Checksum == b.Checksum
		}
		return a.State == b.State && a.Attempt == b.Attempt && a.Seq == b.Seq && a.Crashes == b.Crashes && a.Run == b.Run &&
			a.Delivery == b.Delivery && a.Checksum == b.Checksum && a.Error == b.Error && a.NotBefore.Equal(b.NotBefore)
	})
}

// chosen reports whether an op is left to do and the options let it through.
func (p *planning) chosen(i int) bool {
	e := p.of[i]
	if p.sel.due {
		return e != nil && !e.NotBefore.IsZero() && !e.NotBefore.After(p.now) &&
			(e.State == Scheduled || e.State == Pending || e.State == Indeterminate)
	}
	return (p.sel.repeat || !isDone(e)) && p.sel.takes(&p.catalog.ops[i])
}

// done reports whether an op succeeded in an earlier run, or was waived.
func (p *planning) done(id string) bool {
	return isDone(p.entries[id])
}

// done is false for nil: the ledger knows nothing of the op.
func isDone(e *store.Entry) bool { return e != nil && e.State.Done() }

// due is when an op is due: as stored, or as its schedule says now.
func (p *planning) due(op *Op) (at time.Time, err error) {
	if op.ExecuteAt == nil {
		return at, nil
	}
	switch e := p.entries[op.ID]; {
	case e == nil:
	case e.State.Done():
		return at, nil // repeated because somebody asked for it now
	case !e.NotBefore.IsZero() && e.State != RolledBack:
		return e.NotBefore, nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w %s: ExecuteAt panics: %v", ErrInvalidOp, op.ID, v)
		}
	}()
	if at = op.ExecuteAt(p.now); at.IsZero() {
		return at, nil
	}
	return at.UTC().Truncate(time.Millisecond), nil
}

// notRegistered is the error for a name in Only.
func (p *planning) notRegistered(id string) error {
	return fmt.Errorf("%w: Only: %s is not registered%s", ErrInvalidOption, quoted(id), p.catalog.didYouMean(id))
}

// unknown lists the dependencies that neither the catalog nor the ledger knows as done.
func (p *planning) unknown() error {
	var errs []error
	for _, f := range p.catalog.foreign {
		if p.done(f.id) {
			continue
		}
		op, id := p.catalog.ops[f.op].op.ID, quoted(f.id)
		if e := p.entries[f.id]; e != nil {
			errs = append(errs, fmt.Errorf("%w: %s depends on %s, which is %s in the ledger and is not registered any more: "+
				"register it again, or say with Resolve or Skip that it is done", ErrUnknownDependency, op, id, e.State))
			continue
		}
		errs = append(errs, fmt.Errorf("%w: %s depends on %s, which is not registered%s", ErrUnknownDependency, op, id, p.catalog.didYouMean(f.id)))
	}
	return errors.Join(errs...)
}

func (c *catalog) didYouMean(id string) string {
	ids := make([]string, len(c.ops))
	for i := range c.ops {
		ids[i] = c.ops[i].op.ID
	}
	if best := Nearest(id, ids); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}
