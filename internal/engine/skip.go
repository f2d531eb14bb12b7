package engine

import (
	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/store"
)

// skipped reports whether the attempt ended because the op, or a middleware that did not call it, asked
// for the step to be skipped. To undo is never skipped: what was done would be taken for undone.
func (a *attempt) skipped(err error) bool {
	if err == nil || a.Direction != store.Forward || a.ledgerErr != nil || a.reached && !a.saidSkip {
		return false
	}
	_, skips := verdict.SkipReason(err)
	return skips
}

// skipOutcome is what the ledger is told of a skip. What it knew of the op from earlier holds if that is
// more: that it failed, or nobody knows, stays if the op was not called; that it succeeded stays in any
// case, because then it was to be repeated.
func (a *attempt) skipOutcome(err error) store.Outcome {
	out := a.unmade()
	if called := a.reached && out.State != store.Succeeded; called || out.State == store.Pending {
		out.State, out.Withdrawn = store.Skipped, !called
	}
	reason, _ := verdict.SkipReason(err)
	out.Error = store.ErrorText(textError(a.walk.redact.text(reason)))
	return out
}

type textError string

func (e textError) Error() string { return string(e) }
