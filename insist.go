package seq

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

// patience is how long to wait between tries of a write that cannot be given up lightly.
var patience = []time.Duration{50 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// insist tries until it works, somebody else turns out to have the say, or patience ends. again
// is set from the second try on: the first may have been committed, and only its answer lost. From
// then on try's context has no end.
func insist(ctx context.Context, try func(ctx context.Context, again bool) error) error {
	err := try(ctx, false)
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	for _, pause := range patience {
		if errors.Is(err, ErrFenced) || errors.Is(err, ErrLeaseLost) {
			return err
		}
		_ = clock.Sleep(ctx, wall, pause)
		if err = try(ctx, true); err == nil {
			return nil
		}
	}
	return err
}

// settle writes the outcome of an attempt, and the claim that goes with it if there is one, because
// the op has run: a lost outcome is the one thing that cannot be repaired from here. It fails with
// ErrFenced if somebody else closed the attempt. claimed is whether the claim was taken.
func (j *journal) settle(ctx context.Context, c *Call, ahead *stepState) (claimed bool, err error) {
	b := store.Batch{Outcomes: c.paper.end[:], Claims: ahead.proposed()}
	err = insist(ctx, func(ctx context.Context, again bool) error {
		refused, err := j.write(b)
		written := !slices.Contains(refused, c.Step.Op.ID)
		claimed = err == nil && written && ahead != nil && !slices.Contains(refused, ahead.step.Op.ID)
		switch {
		case !written && again && j.told(ctx, &c.paper.end[0], c.Attempt):
			claimed = ahead != nil && j.owns(ctx, ahead.call.token, ahead.step.Op.ID)
			return nil
		case !written:
			return ErrFenced
		case errors.Is(err, ErrLeaseLost): // a true report counts, also from a former holder
			return nil
		}
		return err
	})
	return claimed, err
}

// told reports whether the ledger has this outcome of an attempt already.
func (j *journal) told(ctx context.Context, out *store.Outcome, attempt int) bool {
	history, err := j.store.History(ctx, out.ID, store.Page{Before: int64(attempt) + 1, Limit: 1})
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

// claim writes ahead that an attempt begins. One to do an op is written once: if that fails, the
// run does. One to undo is owed.
func (j *journal) claim(ctx context.Context, c *Call) error {
	try := func(ctx context.Context, again bool) error {
		refused, err := j.write(store.Batch{Claims: c.paper.claim[:]})
		switch {
		case err == nil && len(refused) == 0:
			return nil
		case errors.Is(err, ErrLeaseLost), err == nil && !again:
			return cmp.Or(err, ErrFenced)
		case j.owns(ctx, c.token, c.Step.Op.ID): // it was committed, and only the answer was lost
			return nil
		}
		return cmp.Or(err, ErrFenced)
	}
	if c.Direction == Forward {
		return try(ctx, false)
	}
	return insist(ctx, try)
}

// owns reports whether a claim whose answer was lost is in the ledger.
func (j *journal) owns(ctx context.Context, token store.Token, id string) bool {
	entries, err := byName(j.store.Load(context.WithoutCancel(ctx)))
	return err == nil && entries[id] != nil && entries[id].Token == token
}

// decide writes that a run turns back, and what is to be undone. It may be written twice: the
// second time it changes nothing.
func (j *journal) decide(ctx context.Context, targets []*stepState) error {
	run := j.run
	run.State = RunRollingBack
	batch := store.Batch{Run: &run}
	for _, s := range targets {
		batch.Marks = append(batch.Marks, store.Mark{
			ID: s.step.Op.ID, Attempt: s.entry.Attempt, State: RollbackPending, Run: run.ID, NotBefore: s.entry.NotBefore,
		})
	}
	return insist(ctx, func(ctx context.Context, _ bool) error {
		refused, err := j.write(batch)
		if err == nil && len(refused) > 0 {
			err = fmt.Errorf("%w: %v", ErrFenced, refused)
		}
		return err
	})
}
