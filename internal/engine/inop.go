package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

var _ opctx.Attempt = (*attempt)(nil)

// errReturned is what an op gets that uses its context after it has returned.
var errReturned = errors.New("the op has returned already")

// progressPause is how often the ledger hears of the progress of an attempt.
const progressPause = time.Second

// Save implements opctx.Attempt. What a Transactional op saves is committed with it; what any other
// saves is committed when Save returns.
func (a *attempt) Save(data []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.running {
		return errReturned
	}
	if a.resumed != nil && a.Direction == store.Forward {
		return errors.New("a Resumable op keeps what it needs with Checkpoint")
	}
	if !a.token.IsZero() && a.delivery() != store.Transactional {
		refused, err := a.walk.session.Write(store.Batch{Saves: []store.Snapshot{{ID: a.Step.ID, Token: a.token, Data: data}}})
		if err == nil && len(refused) > 0 {
			err = store.ErrFenced
		}
		if err != nil {
			return err
		}
	}
	a.saved = data
	return nil
}

// Saved implements opctx.Attempt.
func (a *attempt) Saved() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.saved
}

func (a *attempt) setSaved(data []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.saved = data
}

// setRunning says whether the function of the op is being called.
func (a *attempt) setRunning(is bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = is
	if is {
		a.calls++
	}
}

// Progress implements opctx.Attempt. Watchers are told each time. The ledger is told once in
// progressPause, and when the end is reached; not of a Transactional op: its entry is locked until it
// commits, so that the write would wait for the op, and the op for the write.
func (a *attempt) Progress(done, total int64) {
	w := a.walk
	w.announce(middleware.Event{
		Kind: middleware.EventProgress, ID: a.Step.ID, Direction: a.Direction, Attempt: a.Attempt, Done: done, Total: total,
	})
	if a.kept() == store.Transactional || a.token.IsZero() {
		return
	}
	now := ledger.Wall.Now()
	a.mu.Lock()
	if a.progress == nil {
		a.progress = &progress{}
	}
	end := total > 0 && done >= total && !a.progress.ended
	tell := a.running && (end || now.Sub(a.progress.at) >= progressPause)
	if tell {
		a.progress.at, a.progress.ended = now, a.progress.ended || end
	}
	a.mu.Unlock()
	if tell {
		_, _ = w.session.Write(store.Batch{Headway: []store.Headway{{ID: a.Step.ID, Token: a.token, Done: done, Total: total}}})
	}
}

// Key implements opctx.Attempt. The identity of the ledger is part of it, so that two tenants do not use
// one key.
func (a *attempt) Key() string {
	return fmt.Sprintf("%s/%s/%d/%s", a.walk.session.Identity(), a.keyID, a.generation, a.Direction)
}

// Retrying implements opctx.Attempt.
func (a *attempt) Retrying(err error, delay time.Duration) {
	a.retries++
	a.walk.announce(middleware.Event{
		Kind: middleware.EventRetrying, ID: a.Step.ID, Direction: a.Direction, Attempt: a.Attempt, Err: a.walk.redact.error(err), Delay: delay,
	})
}

// RefusedInTx implements opctx.Attempt.
func (a *attempt) RefusedInTx() bool { return a.apart }

// AtCall implements opctx.Attempt.
func (a *attempt) AtCall(f func()) {
	if before := a.atCall; before != nil {
		a.atCall = func() { before(); f() }
		return
	}
	a.atCall = f
}
