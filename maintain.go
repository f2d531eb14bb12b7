package seq

import (
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq/store"
)

type retentionPart store.Retention

// SequencerPart implements [Part].
func (retentionPart) SequencerPart() {}

// WithRetention has each run that did something remove afterwards what [Sequencer.Prune] would remove
// with keep, at most ten batches of it, when it has given the lease back. An error of that changes nothing
// about the run: it is among the findings of the report. Without it nothing is ever removed. A retention
// with neither an age nor a number of runs, a negative one, and a store that cannot be pruned are refused
// by Run and Preview.
func WithRetention(keep store.Retention) Part { return retentionPart(keep) }

// Prune removes runs and attempts that nobody needs any more, in small transactions, beside whatever
// else goes on, and returns how many it removed; see [store.Retention] for what stays whatever its age.
// If it fails, or ctx ends, what was removed so far stays removed. A retention with neither an age nor a
// number of runs is refused, and so is a negative one, with an error that matches [ErrInvalidOption]. For
// a store that is no [store.Maintainer] the error matches errors.ErrUnsupported.
func (s *Sequencer) Prune(ctx context.Context, keep store.Retention) (store.Pruned, error) {
	m, err := s.maintainer("Prune")
	err = errors.Join(errors.Join(s.errs...), err, validRetention("Prune", keep))
	var all store.Pruned
	for more := err == nil; more; {
		var done store.Pruned
		if done, err = m.Prune(ctx, keep); err == nil {
			err = ctx.Err()
		}
		all.Attempts, all.Runs, all.Lives = all.Attempts+done.Attempts, all.Runs+done.Runs, all.Lives+done.Lives
		more = done.More && err == nil
	}
	return all, err
}

// RenewIdentity gives the ledger an identity of its own, for a database that is a copy of another: until
// then both give their ops the same [IdempotencyKey]. It must be called before the copy runs anything
// that talks to others; an op of the copy that is in doubt has another key from then on. If any process
// holds a lease it fails with an error that matches [ErrLeaseHeld], and for a store that is no
// [store.Maintainer] with one that matches errors.ErrUnsupported.
func (s *Sequencer) RenewIdentity(ctx context.Context) error {
	m, err := s.maintainer("RenewIdentity")
	if err := errors.Join(errors.Join(s.errs...), err); err != nil {
		return err
	}
	lease, err := s.ledger.Acquire(ctx, store.RunLease, store.ThisProcess())
	if err != nil {
		return fmt.Errorf("renew the identity of the ledger: %w", err)
	}
	_, err = m.RenewIdentity(ctx, lease)
	return errors.Join(err, s.ledger.Release(context.WithoutCancel(ctx), lease))
}

// maintainer is what looks after the ledger.
func (s *Sequencer) maintainer(call string) (store.Maintainer, error) {
	m, ok := store.As[store.Maintainer](s.ledger)
	if !ok {
		return nil, fmt.Errorf("%s: %w: %T is no store.Maintainer", call, errors.ErrUnsupported, s.ledger)
	}
	return m, nil
}

func validRetention(call string, keep store.Retention) error {
	switch {
	case keep.Age < 0 || keep.Runs < 0 || keep.Limit < 0:
		return fmt.Errorf("%w: %s: the retention %+v: want no negative number", ErrInvalidOption, call, keep)
	case keep.Age == 0 && keep.Runs == 0:
		return fmt.Errorf("%w: %s: the retention keeps nothing; say an age, a number of runs, or both", ErrInvalidOption, call)
	}
	return nil
}
