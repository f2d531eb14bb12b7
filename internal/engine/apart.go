package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq/store"
)

// delivery is what the attempt under way promises.
func (a *attempt) delivery() store.Delivery {
	if a.apart {
		return store.Repeatable
	}
	return a.Step.Delivery
}

// kept is the promise as a claim has it.
func (a *attempt) kept() store.Delivery {
	if d := a.delivery(); d != store.Resumable {
		return d
	}
	return store.Transactional // what no checkpoint has committed is not there
}

// needsApart reports whether the op has to run without a transaction, going by what it answered.
func (a *attempt) needsApart(ctx context.Context, err error) bool {
	return errors.Is(err, ErrNotInTx) && !errors.Is(err, store.ErrTxBroken) && a.ledgerErr == nil && ctx.Err() == nil
}

// reopen closes the attempt, whose transaction is undone, and claims another one that is Repeatable.
// Between the two writes the op is what it was before. If one of them fails, it is as if the op had never
// been called.
func (a *attempt) reopen(ctx context.Context, why error) error {
	s, before := a.walk.session, *a.step.known()
	out := a.unmade()
	out.Error = errorDetail(why)
	a.phase, a.called = unclaimed, false
	refused, err := s.Write(store.Batch{Outcomes: []store.Outcome{out}})
	if err == nil && len(refused) > 0 {
		err = store.ErrFenced
	}
	if err != nil {
		a.step.deferOutcome(out)
		a.token = store.Token{}
		a.ledgerErr = fmt.Errorf("%w (%s, attempt %d): %w", ErrOutcomeUnrecorded, out.State, a.Attempt, err)
		return a.ledgerErr
	}
	before.ID, before.State, before.Attempt, before.Generation, before.Error = out.ID, out.State, a.Attempt, int(a.generation), out.Error
	a.step.entry, a.token, a.apart = &before, store.Token{}, true
	a.recycle()
	if err := a.claim(ctx); err != nil {
		return err
	}
	a.phase, a.called = called, true
	return nil
}
