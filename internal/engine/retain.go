package engine

import (
	"context"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// retainBatches bounds how much one run removes: a ledger that is years old is not pruned at a deploy's
// expense, but over the next ones.
const retainBatches = 10

// retain removes what the retention lets go, after a run that did something and gave its lease back. It
// decides nothing about the run: that it could not is a finding.
func (e *Engine) retain(ctx context.Context, r *Result) {
	if e.Retention == nil || r.Run == "" {
		return
	}
	m, ok := store.As[store.Maintainer](e.Store)
	for more, batch := ok, 0; more && batch < retainBatches && ctx.Err() == nil; batch++ {
		done, err := m.Prune(ctx, *e.Retention)
		if err != nil && ctx.Err() == nil {
			r.Findings = append(r.Findings, plan.Finding{ID: "the ledger", Kind: "not pruned", Detail: err.Error()})
		}
		more = err == nil && done.More
	}
}
