package engine

import (
	"fmt"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// roomy is an error if a step of the plan needs more connections than there are beside the ledger's.
func roomy(ledger store.Store, made *plan.Plan) error {
	most := poolOf(ledger)
	for i := range made.Steps {
		s := &made.Steps[i]
		if err := fits(s.ID, s.Connections, most); err != nil && s.Skip == "" {
			return err
		}
	}
	return nil
}

// roomyBack is roomy for ops that are to be undone.
func (p *Planning) roomyBack(targets []*store.Entry) error {
	most := poolOf(p.store)
	for _, e := range targets {
		if t := p.catalog.find(e.ID); t != nil {
			if err := fits(t.ID, t.Connections, most); err != nil {
				return err
			}
		}
	}
	return nil
}

// poolOf is how many connections a store may have open at a time; 0 means any number.
func poolOf(s store.Store) int {
	if pool, is := s.(store.Pooled); is {
		return pool.MaxConnections()
	}
	return 0
}

// fits is an error if an op needs more connections than a pool has.
func fits(id string, connections, most int) error {
	need := connections + 1
	if most == 0 || connections <= 0 || need <= most {
		return nil
	}
	return fmt.Errorf("%w: %s needs %d connections at a time, one of them for the ledger, and the pool has %d; call SetMaxOpenConns(%d) or more on the database, or 0 for no limit",
		store.ErrPoolTooSmall, id, need, most, need)
}
