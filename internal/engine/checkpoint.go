package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// ErrNotResumable means that an op cannot have checkpoints. Package seq exports it.
var ErrNotResumable = errors.New("the op is not Resumable, or is being undone")

// resumed is what an attempt at a Resumable op knows of its checkpoints. The op may work on parts from
// several goroutines, so it has a lock of its own.
type resumed struct {
	mu      sync.Mutex
	control store.Control // as the last batch found it
	heard   int64         // the request that was acknowledged last
	note    string        // that the ledger has
	point   opctx.Point   // of the last checkpoint of this attempt
	commits int           // of this attempt
	ended   error         // why no batch begins any more: something was asked, or the ledger did not answer
	request bool          // it was asked
}

// asked is the request because of which no batch begins any more, nil if there is none.
func (r *resumed) asked() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.request {
		return nil
	}
	return r.ended
}

// progressed reports whether a checkpoint of this attempt was committed.
func (a *attempt) progressed() bool {
	if a.resumed == nil {
		return false
	}
	a.resumed.mu.Lock()
	defer a.resumed.mu.Unlock()
	return a.resumed.commits > 0
}

// unended is the error of an op that returned none although no batch could begin any more: it is not done.
func (a *attempt) unended(err error) error {
	if err != nil || a.resumed == nil {
		return err
	}
	a.resumed.mu.Lock()
	defer a.resumed.mu.Unlock()
	return a.resumed.ended
}

// Resumable implements opctx.Attempt.
func (a *attempt) Resumable() bool { return a.resumed != nil }

// Checkpoint implements opctx.Attempt. The transaction in which the batch runs carries what is asked of the
// op; if that keeps the batch from beginning, it is not called. The answer to a commit may be lost, also
// behind an error that does not say so: after a commit that failed no batch begins any more in this attempt.
// The next one reads from the ledger how far the op has come.
func (a *attempt) Checkpoint(ctx context.Context, batch func(context.Context) (opctx.Point, error)) error {
	r := a.resumed
	if r == nil || a.Direction != store.Forward {
		return ErrNotResumable
	}
	claim, err := a.opening(ctx)
	if err != nil {
		return err
	}
	var own error
	var point opctx.Point
	sent := false // the batch was made, and its commit was tried
	err = a.walk.session.Checkpoint(ctx, claim, func(tx context.Context) (store.Batch, error) {
		if own = r.hear(store.ControlOf(tx)); own != nil {
			return store.Batch{}, own
		}
		if point, own = batch(tx); own != nil {
			return store.Batch{}, own
		}
		sent = true
		return store.Batch{
			Saves:   []store.Snapshot{{ID: claim.ID, Token: claim.Token, Data: point.Saved}},
			Headway: []store.Headway{{ID: claim.ID, Token: claim.Token, Done: point.Done, Total: point.Total}},
		}, nil
	})
	if err != nil {
		if sent || errors.Is(err, store.ErrFenced) {
			r.end(err)
		}
		a.acknowledge(ctx, "")
		return err
	}
	a.setSaved(point.Saved)
	r.mu.Lock()
	r.commits++
	r.point = point
	r.mu.Unlock()
	a.acknowledge(ctx, "")
	a.moves("")
	return nil
}

// moves tells the watchers how far the op has come, and why it does not move, if it does not.
func (a *attempt) moves(why string) {
	a.resumed.mu.Lock()
	point := a.resumed.point
	a.resumed.mu.Unlock()
	pace, _ := point.Pace.(middleware.Pace)
	a.walk.announce(middleware.Event{
		Kind: middleware.EventProgress, ID: a.Step.ID, Direction: a.Direction, Attempt: a.Attempt,
		Done: point.Done, Total: point.Total, Pace: pace, Reason: why,
	})
}

// opening is the claim for the next batch, or why there is none.
func (a *attempt) opening(ctx context.Context) (store.Claim, error) {
	r := a.resumed
	r.mu.Lock()
	ended := r.ended
	r.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !a.running:
		return store.Claim{}, errReturned
	case ended != nil:
		return store.Claim{}, ended
	case ctx.Err() != nil:
		return store.Claim{}, context.Cause(ctx)
	}
	return store.Claim{ID: a.Step.ID, Token: a.token, Steered: true}, nil
}

// hear notes what is asked, and answers with the reason if it keeps a batch from beginning.
func (r *resumed) hear(c store.Control) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.control = c
	err := askedErr(&c)
	if err != nil {
		r.ended, r.request = err, true
	}
	return err
}

// end keeps batches from beginning.
func (r *resumed) end(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended == nil {
		r.ended = why
	}
}

// acknowledge tells the ledger which request was heard, and why the op does not move, if either is news. It
// reports whether the note is.
func (a *attempt) acknowledge(ctx context.Context, note string) (other bool) {
	r := a.resumed
	r.mu.Lock()
	seen := r.control.Number
	other = note != r.note
	news := seen > r.heard && seen > r.control.Heard || other
	r.heard, r.note = seen, note
	r.mu.Unlock()
	if news {
		a.walk.session.Answer(context.WithoutCancel(ctx), store.Answer{ID: a.Step.ID, Seen: seen, Note: note})
	}
	return other
}

// Asked implements opctx.Attempt.
func (a *attempt) Asked() (size int64, rest time.Duration) {
	if a.resumed == nil {
		return 0, 0
	}
	a.resumed.mu.Lock()
	defer a.resumed.mu.Unlock()
	return a.resumed.control.Size, a.resumed.control.Rest
}

// restPoll is how often an op that rests looks whether something is asked of it.
const restPoll = 500 * time.Millisecond

// Rest implements opctx.Attempt.
func (a *attempt) Rest(ctx context.Context, why string, d time.Duration) error {
	r := a.resumed
	if r == nil || a.Direction != store.Forward {
		return ErrNotResumable
	}
	note := store.ErrorText(textError(a.walk.redact.text(why)))
	if a.acknowledge(ctx, note) && note != "" {
		a.moves(note)
	}
	for left := d; ; left -= restPoll {
		if _, err := a.opening(ctx); err != nil {
			return err
		}
		if left <= 0 {
			return nil
		}
		if clock.Sleep(ctx, ledger.Wall, min(left, restPoll)) != nil {
			return context.Cause(ctx)
		}
		c, err := a.walk.session.Store().Control(ctx, a.Step.ID)
		if err != nil || a.token.IsZero() {
			continue // the next batch finds out
		}
		r.mu.Lock()
		before := r.control.Number
		r.mu.Unlock()
		if err := r.hear(c); err != nil {
			a.acknowledge(ctx, "")
			return err
		}
		if c.Number != before {
			return nil // its size or its rest is another one
		}
	}
}
