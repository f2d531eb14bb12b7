package engine

import (
	"context"
	"fmt"

	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/store"
)

// controls are what is asked, by the IDs of ops and the names of leases.
func (e *Engine) controls(ctx context.Context) (map[string]*store.Control, error) {
	list, err := e.Store.Controls(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is asked: %w", err)
	}
	controls := make(map[string]*store.Control, len(list))
	for i := range list {
		controls[list[i].ID] = &list[i]
	}
	return controls, nil
}

// requests reads what is asked into a planning, and of an op that was rolled back, whether that is older: then
// it does not ask to have the op done again.
func (e *Engine) requests(ctx context.Context, p *Planning) (err error) {
	if p.controls, err = e.controls(ctx); err != nil {
		return err
	}
	for _, i := range p.catalog.renamed {
		t := p.catalog.tasks[i].task
		if c := askedOf(p.controls, t); c != nil {
			p.controls[t.ID] = c
		}
	}
	for i := range p.catalog.tasks {
		t := p.catalog.tasks[i].task
		entry, c := p.entries[t.ID], p.controls[t.ID]
		if !t.Background || entry == nil || entry.State != store.RolledBack || c == nil || c.Heard >= c.Number {
			continue
		}
		id := t.ID
		if old := p.before[id]; old != nil {
			id = old.ID
		}
		history, err := e.Store.History(ctx, id, store.Page{Limit: 1})
		if err != nil {
			return fmt.Errorf("read what is asked: %w", err)
		}
		if len(history) > 0 && c.Asked.Before(history[0].Finished) {
			if p.answered == nil {
				p.answered = map[string]bool{}
			}
			p.answered[t.ID] = true
		}
	}
	return nil
}

// askedErr is what keeps an op back that somebody asked for; nil if nobody did.
func askedErr(c *store.Control) error {
	if c == nil {
		return nil
	}
	switch c.Wanted {
	case store.WantCancel:
		return fmt.Errorf("%w by %s: %s", verdict.ErrCancelled, c.Actor, c.Reason)
	case store.WantPause:
		return fmt.Errorf("%w by %s: %s", verdict.ErrPaused, c.Actor, c.Reason)
	case store.UnknownWanted:
		return fmt.Errorf("%w: %s, of a newer version of this library", verdict.ErrPaused, c.Unknown)
	default:
		return nil
	}
}

// askedOf is what is asked of a task, nil if nothing is: under its ID, or as long as nothing was, under an
// earlier one. A cancellation counts under whatever ID.
func askedOf(controls map[string]*store.Control, t *Task) *store.Control {
	asked := controls[t.ID]
	for _, old := range t.RenamedFrom {
		c := controls[old]
		if c != nil && (asked == nil || asked.Number == 0 || c.Wanted == store.WantCancel) {
			asked = c
		}
	}
	return asked
}

// cancelled reports whether somebody ended a task for good.
func (p *Planning) cancelled(id string) bool {
	c := p.controls[id]
	return c != nil && c.Wanted == store.WantCancel
}
