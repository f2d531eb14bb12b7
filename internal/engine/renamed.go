package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/store"
)

// adopt hands what the ledger knows of earlier IDs to the tasks that have them now, unless it knows
// something of their own. From then on the planning knows IDs of today only.
func (p *Planning) adopt() error {
	var errs []error
	for _, i := range p.catalog.renamed {
		t := p.catalog.tasks[i].task
		err := p.adoptReplaced(t)
		errs = append(errs, cmp.Or(err, p.adoptRenamed(t)))
		p.keepKey(t)
		for _, old := range slices.Concat(t.RenamedFrom, t.Replaces) {
			delete(p.entries, old)
		}
	}
	p.adoptVersions()
	return errors.Join(errs...)
}

func (p *Planning) adoptRenamed(t *Task) error {
	var known []string
	for _, old := range t.RenamedFrom {
		if p.entries[old] != nil {
			known = append(known, old)
		}
	}
	if own := p.entries[t.ID]; own != nil || len(known) == 0 {
		if own != nil && len(known) > 0 {
			inheritSaved(own, p.entries[known[len(known)-1]])
		}
		return nil
	}
	if len(known) > 1 || len(known) < len(t.RenamedFrom) && !oneTime(t.RenamedFrom) {
		return fmt.Errorf("%w %s: RenamedFrom %s, of which the ledger knows %s: if the op takes the place of all of them, say Replaces; "+
			"if it had these names one after the other, name only the one that it had last here",
			ErrInvalidOp, t.ID, strings.Join(t.RenamedFrom, ", "), strings.Join(known, ", "))
	}
	p.adoptFrom(t, p.entries[known[0]])
	return nil
}

// inheritSaved hands on what an op saved under an earlier ID, if it has saved nothing under its own yet: its
// process may have died between the claim under the new ID and the first word of it.
func inheritSaved(own, old *store.Entry) {
	if own.Saved == nil && own.Generation == old.Generation && own.Seq == 0 {
		own.Saved = old.Saved
	}
}

// adoptFrom hands what the ledger knows of an earlier ID to the task that has it now.
func (p *Planning) adoptFrom(t *Task, old *store.Entry) {
	if p.before == nil {
		p.before = map[string]*store.Entry{}
	}
	p.before[t.ID] = old
	now := *old
	now.ID, now.Attempt = t.ID, 0 // its own attempts are still to come
	p.entries[t.ID] = &now
}

// keepKey notes the ID under which the present generation of an op began: its idempotency key has that,
// so that a rename between two attempts does not make the outside world see two keys.
func (p *Planning) keepKey(t *Task) {
	e := p.entries[t.ID]
	if e == nil || e.Generation == 0 {
		return
	}
	for _, old := range t.RenamedFrom {
		if was := p.entries[old]; was != nil && was.Generation == e.Generation {
			if p.keys == nil {
				p.keys = map[string]string{}
			}
			p.keys[t.ID] = old
			return
		}
	}
}

// oneTime reports whether all IDs have the same timestamp: then they are names of one op.
func oneTime(ids []string) bool {
	first, _, _ := ident.Parse(ids[0])
	return !slices.ContainsFunc(ids, func(id string) bool {
		at, _, _ := ident.Parse(id)
		return !at.Equal(first)
	})
}

func (p *Planning) adoptReplaced(t *Task) error {
	if p.entries[t.ID] != nil || len(t.Replaces) == 0 {
		return nil
	}
	var done, open []string
	known := false
	for _, old := range t.Replaces {
		known = known || p.entries[old] != nil
		if p.done(old) {
			done = append(done, old)
		} else {
			open = append(open, old)
		}
	}
	switch {
	case !known:
		return nil
	case len(open) > 0:
		return fmt.Errorf("%w %s: it replaces %s, which are not done here, while the ledger knows the others (done: %s): "+
			"deploy the release that has them first, or say with Resolve or Skip what became of them",
			ErrInvalidOp, t.ID, strings.Join(open, ", "), cmp.Or(strings.Join(done, ", "), "none"))
	}
	p.entries[t.ID] = &store.Entry{ID: t.ID, State: store.Succeeded}
	return nil
}

// names are all IDs by which the ledger may know the op that has or had this one, its present one first.
func (c *Catalog) names(id string) []string {
	t := c.find(id)
	if t == nil || slices.Contains(t.Replaces, id) {
		return []string{id}
	}
	return append([]string{t.ID}, t.RenamedFrom...)
}

// entry is what the ledger knows of an op by any of its names; nil if it knows nothing.
func (c *Catalog) entry(entries map[string]*store.Entry, id string) *store.Entry {
	for _, name := range c.names(id) {
		if e := entries[name]; e != nil {
			return e
		}
	}
	return nil
}
