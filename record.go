package seq

import (
	"context"
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
)

// record writes ahead that an attempt begins, and afterwards what came of it. Without a ledger
// it passes through.
func record(next Handler) Handler {
	return func(ctx context.Context, c *Call) error {
		if err := c.open(ctx); err != nil {
			return err
		}
		return c.close(ctx, next(ctx, c))
	}
}

// open claims an attempt, unless that is done: it is in the ledger before the op is called. No op is
// called that might not have the time to stop before another process takes over.
func (c *Call) open(ctx context.Context) error {
	j := c.walk.journal
	if j == nil {
		return nil
	}
	var err error
	if c.token.IsZero() { // else it was claimed ahead
		c.propose()
		err = j.claim(ctx, c)
	}
	if err == nil {
		err = j.late()
	}
	if err != nil {
		c.state.owe(c.unmade())
		c.token = store.Token{} // the op is not called
		c.broken = fmt.Errorf("claim: %w", err)
		return c.broken
	}
	return nil
}

// propose makes the claim that opens the attempt.
func (c *Call) propose() {
	e, j := c.state.known(), c.walk.journal
	claim := store.Claim{
		ID: c.Step.Op.ID, Token: store.NewToken(), Direction: c.Direction, Run: j.run.ID, Delivery: c.Step.Op.Delivery,
		Generation: e.Generation, Attempt: e.Attempt + 1, Owner: j.run.Owner, Checksum: c.Step.Op.Checksum,
	}
	if c.Direction == Forward && (e.Attempt == 0 || e.Seq > 0) {
		claim.Generation++ // for the first time, or after it was done or undone
		c.saved = nil      // it belongs to what was done then
	}
	c.Attempt = claim.Attempt
	c.write(claim)
}

// close writes what came of the attempt, unless that is committed already. It answers with the
// op's own error, or with why the ledger could not be told.
func (c *Call) close(ctx context.Context, own error) error {
	j := c.walk.journal
	if j == nil || c.token.IsZero() {
		return own
	}
	if c.broken != nil {
		c.state.owe(c.unmade())
		return own
	}
	out := &c.paper.end[0]
	*out = c.outcome(own)
	if !c.closed {
		var ahead *stepState
		if own == nil {
			ahead = c.reserve()
		}
		taken, err := j.settle(ctx, c, ahead)
		ahead.reserved(taken)
		if err != nil {
			c.state.owe(*out)
			c.broken = fmt.Errorf("%w (%s, attempt %d): %w", ErrOutcomeUnrecorded, out.State, c.Attempt, err)
			return errors.Join(own, c.broken)
		}
		c.closed = true
	}
	c.became = out.State
	return own
}

// outcome is what the ledger is told of an attempt that ended with err.
func (c *Call) outcome(err error) store.Outcome {
	out := store.Outcome{ID: c.Step.Op.ID, Token: c.token, Error: errorDetail(err), Saved: c.saved}
	switch {
	case c.Direction == Rollback && err == nil:
		out.State = RolledBack
	case c.Direction == Rollback && (c.untouched || c.walk.journal.held.Err() != nil):
		out.State = RollbackPending // cut off, as if its process had died
	case c.Direction == Rollback:
		out.State = RollbackFailed
	case err == nil:
		out.State = Succeeded
	case unverified(err):
		out.State = Indeterminate
	case c.tolerable():
		out.State = Tolerated
	default:
		out.State = Failed
	}
	return out
}

// unmade is the outcome of an attempt that had no effect: it was not called, or its transaction
// is gone. The op is what it was before.
func (c *Call) unmade() store.Outcome {
	e := c.state.known()
	out := store.Outcome{ID: c.Step.Op.ID, Token: c.token, State: e.State, Error: "it was not called", Withdrawn: true}
	switch out.State {
	case Failed, Tolerated, Indeterminate, RollbackPending:
	case Succeeded: // it was to be repeated
		out.Saved = e.Saved
	default:
		out.State = Pending
	}
	return out
}

// unverified reports whether an op in doubt could not say what became of it: the doubt stays.
func unverified(err error) bool {
	if err == nil {
		return false
	}
	var p *phaseError
	return errors.As(err, &p) && p.phase == verifying
}

// tolerable reports whether a failure of this call is a note only.
func (c *Call) tolerable() bool {
	return c.Direction == Forward && c.Step.Op.AllowedToFail && c.walk.tolerates
}

// effect is what a failed call, or one that was not made (nil), means for the data.
func (c *Call) effect(before State, err error) Effect {
	var phase *phaseError
	switch {
	case c == nil && (before == Indeterminate || before == RollbackFailed):
		return EffectUnknown
	case c == nil:
		return EffectNone
	case unverified(err):
		return EffectUnknown
	case c.token.IsZero() && c.walk.journal != nil, errors.As(err, &phase):
		return EffectNone
	case c.broken != nil:
		if c.closed {
			return EffectApplied
		}
		return EffectUnknown
	case c.Step.Op.Delivery == Transactional && c.walk.journal != nil && !errors.Is(err, ErrTxBroken):
		return EffectNone
	default:
		return EffectUnknown
	}
}

// errorDetail is the text that history keeps of an error: with the stack, if it panicked.
func errorDetail(err error) string {
	if err == nil {
		return ""
	}
	var p *PanicError
	if errors.As(err, &p) && p.Stack != "" {
		return store.ErrorText(fmt.Errorf("%w\n\n%s", err, p.Stack))
	}
	return store.ErrorText(err)
}
