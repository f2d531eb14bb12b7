package seq

import (
	"context"
	"fmt"
)

// Resolution is what a person found when the ledger could not know.
type Resolution uint8

// The two findings.
const (
	Done    Resolution = iota // the op's effect is there
	NotDone                   // it is not
)

// Resolve tells the ledger what became of an op that it is in doubt about: one that is
// indeterminate, whose rollback is unfinished or failed, or whose attempts killed their processes.
// Done makes it succeeded; NotDone leaves it to the next run. The reason goes into the op's
// history; say who looked, and what they saw. The op need not be registered any more. For an op
// that is in no doubt the error matches [ErrInvalidOption]; options are as for Run.
func (s *Sequencer) Resolve(ctx context.Context, id string, found Resolution, reason string, opts ...RunOption) error {
	s, sel, err := s.with(opts)
	if err != nil {
		return err
	}
	if found > NotDone || reason == "" {
		return fmt.Errorf("%w: Resolve %s: want Done or NotDone, and a reason", ErrInvalidOption, quoted(id))
	}
	j := &journal{store: s.store, run: Run{ID: newRunID(), Owner: ThisProcess()}}
	ctx, drop, err := s.take(ctx, j, sel)
	if err != nil {
		return err
	}
	defer drop()
	entries, err := j.entries(ctx)
	if err != nil {
		return err
	}
	e := entries[id]
	if e == nil {
		return fmt.Errorf("%w: Resolve %s: the ledger does not know it", ErrInvalidOption, quoted(id))
	}
	to, ok := resolved(e, found)
	if !ok {
		return fmt.Errorf("%w: Resolve %s: it is %s, which nobody doubts", ErrInvalidOption, id, e.State)
	}
	return j.resolve(ctx, e, to, reason)
}

// resolved is what a finding makes of an entry; false if there is no doubt about it.
func resolved(e *Entry, found Resolution) (State, bool) {
	undoing := e.State == RollbackPending || e.State == RollbackFailed
	switch {
	case !undoing && e.State != Indeterminate && e.Crashes == 0:
		return e.State, false
	case found == Done:
		return Succeeded, true
	case undoing:
		return RolledBack, true
	default:
		return Pending, true
	}
}

// resolve writes a finding as an attempt of its own.
func (j *journal) resolve(ctx context.Context, e *Entry, to State, reason string) error {
	claim := Claim{
		ID: e.ID, Token: NewToken(), Direction: ByHand, Run: e.Run, Delivery: e.Delivery,
		Generation: e.Generation, Attempt: e.Attempt + 1, Owner: j.run.Owner,
	}
	refused, err := j.write(ctx, Batch{Claims: []Claim{claim}})
	if err == nil && len(refused) > 0 {
		err = ErrFenced
	}
	if err != nil {
		return fmt.Errorf("resolve %s: %w", e.ID, err)
	}
	out := Outcome{ID: e.ID, Token: claim.Token, State: to, Error: ErrorText(fmt.Errorf("resolved: %s", reason))}
	if e.Seq == 0 && (to == Succeeded || to == RolledBack) { // else it keeps its place
		out.Seq = j.seq.Add(1)
	}
	if err := j.settle(ctx, out, claim.Attempt); err != nil {
		return fmt.Errorf("resolve %s: %w", e.ID, err)
	}
	return nil
}
