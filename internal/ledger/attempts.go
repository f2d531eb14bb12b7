package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// retryDelays are the pauses between tries of a write that must not be lost.
var retryDelays = []time.Duration{50 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// Retry calls try until it succeeds, another process turns out to own the attempt or the lease, or
// retryDelays are used up. again is false for the first call only: from the second on, the call
// before may have been committed and only its answer lost. The contexts of later calls do not end.
func Retry(ctx context.Context, try func(ctx context.Context, again bool) error) error {
	err := try(ctx, false)
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	for _, pause := range retryDelays {
		if errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrLeaseLost) {
			return err
		}
		_ = clock.Sleep(ctx, Wall, pause)
		if err = try(ctx, true); err == nil {
			return nil
		}
	}
	return err
}

// Records is the memory of what one attempt writes, in the shape that a batch wants.
type Records struct {
	Claim   [1]store.Claim
	Outcome [1]store.Outcome
}

// Claim writes that an attempt begins. A forward claim is written once: if that fails the step
// fails, and nothing was called. One to undo is tried again, because a rollback must go on. It fails
// with store.ErrFenced if another process has touched the op.
func (s *Session) Claim(ctx context.Context, r *Records) error {
	claim := &r.Claim[0]
	try := func(ctx context.Context, again bool) error {
		refused, err := s.write(store.Batch{Claims: r.Claim[:]})
		switch {
		case err == nil && len(refused) == 0:
			return nil
		case errors.Is(err, store.ErrLeaseLost), err == nil && !again:
			return cmp.Or(err, store.ErrFenced)
		case s.owns(ctx, claim.Token, claim.ID): // it was committed, and only the answer was lost
			return nil
		}
		return cmp.Or(err, store.ErrFenced)
	}
	if claim.Direction == store.Forward {
		return try(ctx, false)
	}
	return Retry(ctx, try)
}

// Ready is an error if an op must not be called under a claim that was just made: there might not be
// the time to stop it before another process takes over.
func (s *Session) Ready() error { return s.expired() }

// Settle writes the outcome of an attempt, together with the claim of the next step if there is one.
// It is tried again, because the op has run, and nobody else can know its outcome. It fails with
// store.ErrFenced if another process closed the attempt. claimed is whether next was claimed.
func (s *Session) Settle(ctx context.Context, r *Records, next []store.Claim) (claimed bool, err error) {
	out, attempt := &r.Outcome[0], r.Claim[0].Attempt
	b := store.Batch{Outcomes: r.Outcome[:], Claims: next}
	err = Retry(ctx, func(ctx context.Context, again bool) error {
		refused, err := s.write(b)
		written := !slices.Contains(refused, out.ID)
		claimed = err == nil && written && len(next) > 0 && !slices.Contains(refused, next[0].ID)
		switch {
		case !written && again && s.recorded(ctx, out, attempt):
			claimed = len(next) > 0 && s.owns(ctx, next[0].Token, next[0].ID)
			return nil
		case !written:
			return store.ErrFenced
		case errors.Is(err, store.ErrLeaseLost): // a true report counts, also from a former holder
			return nil
		}
		return err
	})
	return claimed, err
}

// Atomic calls fn in a transaction of the store; see [store.Store].
func (s *Session) Atomic(ctx context.Context, r *Records, fn func(context.Context) (store.Batch, error)) (refused []string, err error) {
	refused, err = s.store.Atomic(ctx, s.current(), r.Claim[0], fn)
	s.noteAnswer()
	return refused, err
}

// Checkpoint calls fn in a transaction of the store that leaves the attempt open; see [store.Store] Atomic.
func (s *Session) Checkpoint(ctx context.Context, claim store.Claim, fn func(context.Context) (store.Batch, error)) error {
	refused, err := s.store.Atomic(ctx, s.current(), claim, fn)
	s.noteAnswer()
	if err == nil && len(refused) > 0 {
		err = store.ErrFenced
	}
	return err
}

// Answer acknowledges what was asked of an op. It is for people, so a failure is only that.
func (s *Session) Answer(ctx context.Context, a store.Answer) {
	_ = s.store.Answer(ctx, s.current(), a)
}

// Write writes a batch, once.
func (s *Session) Write(b store.Batch) (refused []string, err error) { return s.write(b) }

// recorded reports whether the ledger has this outcome of an attempt already.
func (s *Session) recorded(ctx context.Context, out *store.Outcome, attempt int) bool {
	history, err := s.store.History(ctx, out.ID, store.Page{Before: int64(attempt) + 1, Limit: 1})
	if err != nil {
		return false
	}
	for _, a := range history {
		if a.Number == attempt {
			return a.State == out.State && !a.Lost
		}
	}
	return false
}

// owns reports whether a claim whose answer was lost is in the ledger.
func (s *Session) owns(ctx context.Context, token store.Token, id string) bool {
	entries, err := ByID(s.store.Load(context.WithoutCancel(ctx)))
	return err == nil && entries[id] != nil && entries[id].Token == token
}

// BeginRollback writes that the run turns back, and marks what is to be undone. It may be written
// twice: the second time it changes nothing.
func (s *Session) BeginRollback(ctx context.Context, marks []store.Mark) error {
	run := s.Run
	run.State = store.RunRollingBack
	return Retry(ctx, func(ctx context.Context, _ bool) error {
		refused, err := s.write(store.Batch{Run: &run, Marks: marks})
		if err == nil && len(refused) > 0 {
			err = fmt.Errorf("%w: %v", store.ErrFenced, refused)
		}
		return err
	})
}

// attemptsPage is how many attempts are read at a time.
const attemptsPage = 100

// Doubtful reports whether an earlier attempt of the same run, before the last one, ended and nobody
// knows how: that the last one failed does not say that the others did.
func (s *Session) Doubtful(ctx context.Context, e *store.Entry) (doubt bool, err error) {
	err = Retry(context.WithoutCancel(ctx), func(ctx context.Context, _ bool) error {
		doubt = false
		for after := (store.Position{ID: e.ID}); ; {
			attempts, err := s.store.RunAttempts(ctx, e.Run, after, attemptsPage)
			for _, a := range attempts {
				switch {
				case a.ID != e.ID:
					return nil
				case a.Direction != store.Forward: // undone, or a person has looked
					doubt = false
				case a.State == store.Indeterminate:
					doubt = true
				}
				after.Number = a.Number
			}
			if err != nil || len(attempts) < attemptsPage {
				return err
			}
		}
	})
	return doubt, err
}
