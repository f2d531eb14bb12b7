package seq

import (
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/ident"
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
// that is in no doubt the error matches [ErrInvalidOption].
func (s *Sequencer) Resolve(ctx context.Context, id string, found Resolution, reason string, opts ...RunOption) error {
	if found > NotDone {
		return fmt.Errorf("%w: Resolve %s: want Done or NotDone", ErrInvalidOption, ident.Quoted(id))
	}
	return s.decide(ctx, "Resolve", id, "resolved: ", reason, opts, func(e *store.Entry) (State, error) {
		if e.Attempt == 0 && e.State == Pending {
			return 0, errors.New("the ledger does not know it")
		}
		to, doubted := resolved(e, found)
		if !doubted {
			return 0, fmt.Errorf("it is %s, which nobody doubts", e.State)
		}
		return to, nil
	})
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

// Skip tells the ledger that an op need not run: it becomes waived, which counts as done. The
// reason goes into its history. It is refused for an op that is done, open, in doubt or being
// undone, with an error that matches [ErrInvalidOption].
func (s *Sequencer) Skip(ctx context.Context, id, reason string, opts ...RunOption) error {
	return s.decide(ctx, "Skip", id, "waived: ", reason, opts, func(e *store.Entry) (State, error) {
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
	return s.decide(ctx, "Retry", id, "retried: ", reason, opts, func(e *store.Entry) (State, error) {
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

// decide writes what a person says, with the reason behind the note.
func (s *Sequencer) decide(ctx context.Context, name, id, note, reason string, opts []RunOption, to func(*store.Entry) (State, error)) error {
	e, c, err := s.engine(ctx, decideCall, opts)
	if err != nil {
		return err
	}
	if reason == "" {
		return fmt.Errorf("%w: %s %s: want a reason", ErrInvalidOption, name, ident.Quoted(id))
	}
	return e.Decide(ctx, &c.Request, engine.Decision{Call: name, ID: id, Note: note + reason, To: to})
}

// An Import is what another tool's ledger says has been done already.
type Import struct {
	// Origin names the tool and where it keeps its record, as "goose: table goose_db_version". It
	// becomes the strategy of the run that the ops belong to from then on.
	Origin string
	// IDs are the ops, in the order in which they were done. They must be registered, because what
	// is imported may be rolled back.
	IDs []string
}

// Import records ops as succeeded without calling them, in one transaction, and returns the IDs of
// those it recorded: an op that the ledger knows already stays as it is, unless it failed, so
// importing twice changes nothing. An ID that is not registered is an error that matches
// [ErrInvalidOption], and then nothing is recorded. With [DryRun] it writes nothing and returns what it
// would record.
func (s *Sequencer) Import(ctx context.Context, in Import, opts ...RunOption) ([]string, error) {
	e, c, err := s.engine(ctx, importCall, opts)
	if err != nil {
		return nil, err
	}
	return e.Import(ctx, &c.Request, engine.Import{Origin: in.Origin, IDs: in.IDs, DryRun: c.dryRun})
}
