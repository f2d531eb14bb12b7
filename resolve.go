package seq

import (
	"context"
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
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
	return s.byHand(ctx, sel, "Resolve "+quoted(id), id, "resolved: "+reason, func(e *store.Entry) (State, error) {
		if e.Attempt == 0 && e.State == Pending {
			return 0, errors.New("the ledger does not know it")
		}
		to, ok := resolved(e, found)
		if !ok {
			return 0, fmt.Errorf("it is %s, which nobody doubts", e.State)
		}
		return to, nil
	})
}

// Skip tells the ledger that an op need not run: it becomes waived, which counts as done. The
// reason goes into its history. It is refused for an op that is done, open, in doubt or being
// undone, with an error that matches [ErrInvalidOption]; options are as for Run.
func (s *Sequencer) Skip(ctx context.Context, id, reason string, opts ...RunOption) error {
	return s.decide(ctx, "Skip "+quoted(id), id, "waived: "+reason, reason, opts, func(e *store.Entry) (State, error) {
		switch e.State {
		case Pending, Scheduled, Skipped, Failed, Tolerated, RolledBack:
			return Waived, nil
		case Indeterminate, RollbackPending, RollbackFailed:
			return 0, fmt.Errorf("it is %s; say what happened with Resolve", e.State)
		default:
			return 0, fmt.Errorf("it is %s", e.State)
		}
	})
}

// Retry takes back a Skip, or tells the ledger that what made an op fail, or kill its process, is
// mended: it is pending again, for the next Run. The reason goes into its history. It is refused for
// an op that is done, in doubt or being undone, with an error that matches [ErrInvalidOption].
func (s *Sequencer) Retry(ctx context.Context, id, reason string, opts ...RunOption) error {
	return s.decide(ctx, "Retry "+quoted(id), id, "retried: "+reason, reason, opts, func(e *store.Entry) (State, error) {
		switch {
		case e.State == Waived, e.State == Failed, e.State == Tolerated, e.State == Skipped, e.State == Pending && e.Crashes > 0:
			return Pending, nil
		case e.State == Succeeded:
			return 0, errors.New("it has succeeded; to do it again, run it with Repeat, or call Rollback first")
		case e.State == Indeterminate, e.State == RollbackPending, e.State == RollbackFailed:
			return 0, fmt.Errorf("it is %s; say what happened with Resolve", e.State)
		default:
			return 0, fmt.Errorf("it is %s, and the next run takes it up anyway", e.State)
		}
	})
}

// decide is byHand for an op that the ledger may not know yet.
func (s *Sequencer) decide(ctx context.Context, doing, id, note, reason string, opts []RunOption, to func(*store.Entry) (State, error)) error {
	s, sel, err := s.with(opts)
	if err != nil {
		return err
	}
	if reason == "" {
		return fmt.Errorf("%w: %s: want a reason", ErrInvalidOption, doing)
	}
	return s.byHand(ctx, sel, doing, id, note, to)
}

// byHand writes what a person decided as an attempt of its own, in a state that to chooses.
func (s *Sequencer) byHand(ctx context.Context, sel *selection, doing, id, note string, to func(*store.Entry) (State, error)) error {
	defer s.announcer.flush()
	j := &journal{store: s.store, run: sel.newRun("")}
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
		c := s.catalog()
		if _, known := c.index[id]; !known {
			return fmt.Errorf("%w: %s: neither the code nor the ledger knows it%s", ErrInvalidOption, doing, c.didYouMean(id))
		}
		e = &store.Entry{ID: id}
	}
	state, err := to(e)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInvalidOption, doing, err)
	}
	return j.resolve(ctx, e, state, note)
}

// resolved is what a finding makes of an entry; false if there is no doubt about it.
func resolved(e *store.Entry, found Resolution) (State, bool) {
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
func (j *journal) resolve(ctx context.Context, e *store.Entry, to State, note string) error {
	c := &Call{Step: &Step{Op: &Op{ID: e.ID}}, Direction: ByHand, Attempt: e.Attempt + 1}
	c.write(store.Claim{
		ID: e.ID, Token: store.NewToken(), Direction: ByHand, Run: e.Run, Delivery: e.Delivery,
		Generation: e.Generation, Attempt: c.Attempt, Owner: j.run.Owner, Checksum: e.Checksum,
	})
	defer c.file()
	err := j.claim(ctx, c)
	if err == nil {
		c.paper.end[0] = store.Outcome{ID: e.ID, Token: c.token, State: to, Error: store.ErrorText(errors.New(note))}
		_, err = j.settle(ctx, c, nil)
	}
	if err != nil {
		return fmt.Errorf("resolve %s: %w", e.ID, err)
	}
	return nil
}
