package engine

import (
	"errors"
	"fmt"

	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/store"
)

// state is what an op is after its forward attempt ended with err. A Once op that was called and failed
// is in doubt, unless its error says that nothing happened: it must not be called again by anybody who
// does not know more.
func (a *attempt) state(err error) store.State {
	switch {
	case a.abroad && a.phase == committed:
		return a.outcome
	case a.ledgerErr != nil && a.phase == unclaimed:
		return store.Failed // it was never called
	case a.ledgerErr != nil, unverified(err), err != nil && a.once:
		return store.Indeterminate
	case err == nil:
		return store.Succeeded
	case a.skipped(err):
		return store.Skipped
	case a.interrupted(err) && (a.kept() == store.Transactional || !a.called || a.denied):
		return store.Pending // nothing of it is there, or it goes on from its checkpoint
	case a.walk.background && a.progressed() && !verdict.IsPermanent(err):
		return store.Pending // it tries again, from its checkpoint
	case a.interrupted(err):
		return store.Indeterminate // as after a crash
	case a.tolerable():
		return store.Tolerated
	default:
		return store.Failed
	}
}

// outcomeOf is what the ledger is told of an attempt that ended with err.
func (a *attempt) outcomeOf(err error) store.Outcome {
	if a.skipped(err) {
		return a.skipOutcome(err)
	}
	out := store.Outcome{ID: a.Step.ID, Token: a.token, Error: a.walk.redact.text(errorDetail(err)), Saved: a.Saved()}
	if a.resumed != nil {
		out.Saved = nil // checkpoints alone keep it: the answer to the last may have been lost
	}
	out.Interrupted = a.Direction == store.Forward && a.interrupted(err)
	out.Permanent = a.Direction == store.Forward && !out.Interrupted && verdict.IsPermanent(err)
	switch {
	case a.Direction == store.Rollback && err == nil:
		out.State = store.RolledBack
	case a.Direction == store.Rollback && (a.phase == aborted || a.walk.session.Lost() != nil):
		out.State = store.RollbackPending // cut off, as if its process had died
	case a.Direction == store.Rollback:
		out.State = store.RollbackFailed
	default:
		out.State = a.state(err)
	}
	return out
}

// unmade is the outcome of an attempt that had no effect: it was not called, or its transaction is
// gone. The op is what it was before.
func (a *attempt) unmade() store.Outcome {
	e := a.step.known()
	out := store.Outcome{ID: a.Step.ID, Token: a.token, State: e.State, Error: "it was not called", Withdrawn: true}
	switch out.State {
	case store.Failed, store.Tolerated, store.Indeterminate, store.RollbackPending:
	case store.Succeeded: // it was to be repeated
		out.Saved = e.Saved
	default:
		out.State = store.Pending
	}
	return out
}

// interrupted reports whether the run had been told to stop when the op returned err, and err says neither
// that trying again is useless nor that nothing happened: then it tells nothing of the op. If a worker was stopped, and
// not the run, an op that had no effect by the word of its Verify has not failed either: the run goes on with it.
func (a *attempt) interrupted(err error) bool {
	if a.resumed != nil && a.resumed.asked() != nil {
		return err != nil
	}
	if a.abroad && verdict.IsAsked(err) {
		return true
	}
	return err != nil && a.walk.stopped() && !verdict.IsPermanent(err) && (!verdict.IsNotApplied(err) || a.denied && a.walk.session.Life() != "")
}

// tolerable reports whether a failure of this attempt is a note only.
func (a *attempt) tolerable() bool {
	return a.Direction == store.Forward && a.Step.AllowedToFail && a.walk.tolerates
}

// effectOf is what an error means for the data. It is a function of how far the attempt came; nil is a
// step that was not attempted, because of what the ledger says of it (before) or of its condition.
func effectOf(a *attempt, before store.State, err error) store.Effect {
	var q *questionError
	switch {
	case a == nil && (before == store.Indeterminate || before == store.RollbackFailed), unverified(err),
		a != nil && a.denied && a.phase == lost: // Verify may have seen what another process has undone since
		return store.EffectUnknown
	case a == nil, errors.As(err, &q), verdict.IsNotApplied(err), !a.reached && a.phase != unclaimed:
		return store.EffectNone
	}
	switch a.phase {
	case unclaimed, claimed, aborted:
		if !a.abroad || !a.called { // else a worker called it in an attempt that came to no end
			return store.EffectNone
		}
	case committed: // a middleware failed after the transaction of the op was committed
		if a.outcome == store.Succeeded || a.outcome == store.RolledBack {
			return store.EffectApplied
		}
	case lost:
		return store.EffectUnknown
	}
	if a.delivery() == store.Transactional && (!a.token.IsZero() || a.abroad && (a.phase == committed || a.phase == unclaimed && a.step.known().Delivery == store.Transactional)) && !errors.Is(err, store.ErrTxBroken) {
		return store.EffectNone
	}
	if a.resumed != nil && a.Direction == store.Forward && a.Saved() == nil {
		return store.EffectNone // nothing was ever committed
	}
	return store.EffectUnknown
}

// errorDetail is the text that history keeps of an error: with the stack, if it panicked.
func errorDetail(err error) string {
	if err == nil {
		return ""
	}
	var p *exec.PanicError
	if errors.As(err, &p) && p.Stack != "" {
		return store.ErrorText(fmt.Errorf("%w\n\n%s", err, p.Stack))
	}
	return store.ErrorText(err)
}
