package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq/internal/safecall"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// inspect asks the tasks that are to be done, and writes what they find into their steps.
func (p *Planning) inspect(ctx context.Context, steps []plan.Step) error {
	var errs []error
	var memo map[any]any
	for i := range steps {
		t := p.catalog.find(steps[i].ID)
		if t.Inspect == nil {
			continue
		}
		if memo == nil {
			memo = map[any]any{}
		}
		found, err := p.ask(ctx, t, memo)
		switch {
		case err != nil:
			err = fmt.Errorf("%w: %s: %w", ErrNotReady, t.ID, err)
		case found.Delivery > store.Resumable:
			err = fmt.Errorf("%w %s: Inspect finds the delivery %d", ErrInvalidOp, t.ID, found.Delivery)
		case found.Delivery != store.Repeatable && !recorded(p.strategy.Chain):
			err = fmt.Errorf("%w: %s is %s, which nothing can keep without record", ErrInvalidStrategy, t.ID, found.Delivery)
		default:
			detail(&steps[i], &found)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (p *Planning) ask(ctx context.Context, t *Task, memo map[any]any) (found plan.Details, err error) {
	err = safecall.Do(func() (err error) {
		found, err = t.Inspect(ctx, plan.Inspection{Store: p.store, Recorded: p.entries[t.ID], Memo: memo})
		return err
	})
	return found, err
}

// inspectBack writes what a task that is to be undone finds into its step, nothing if it finds nothing.
func (p *Planning) inspectBack(ctx context.Context, t *Task, s *plan.Step) {
	if t.Inspect == nil {
		return
	}
	if found, err := p.ask(ctx, t, map[any]any{}); err == nil && found.Delivery <= store.Resumable {
		detail(s, &found)
	}
}

func detail(s *plan.Step, found *plan.Details) {
	s.Delivery, s.DeliveryNote, s.Connections, s.Notes = found.Delivery, found.DeliveryNote, found.Connections, found.Notes
}
