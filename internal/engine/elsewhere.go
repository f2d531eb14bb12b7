package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/store"
)

// work is a fingerprint of what a run is to do: two runs of the same strategy and selection, of the same
// ops, by the same binary, have the same.
func (e *Engine) work(req *Request) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %q %q\n", e.Strategy.Name, req.selection(), store.ThisProcess().Binary)
	var line []byte // fmt would look at each op by reflection
	for i := range e.Catalog.tasks {
		t := e.Catalog.tasks[i].task
		line = strconv.AppendQuote(line[:0], t.ID)
		line = strconv.AppendInt(append(line, ' '), int64(t.Kind), 10)
		line = strconv.AppendInt(append(line, ' '), int64(t.Delivery), 10)
		for _, d := range t.DependsOn {
			line = strconv.AppendQuote(append(line, ' '), d)
		}
		line = append(strconv.AppendQuote(append(line, ' ', '/'), t.Checksum), '\n')
		_, _ = h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// failedElsewhere returns the failure of the last run that ended while this process waited for the lease,
// if it was of the same work and failed because an op did: this process would only repeat it. held is who
// held the lease when the wait began, and before the latest run at that time: if that was over by then, and
// its process died before it gave the lease back, its failure is older than this process's wait.
func (e *Engine) failedElsewhere(ctx context.Context, s *ledger.Session, held *store.LeaseError, before *store.Run) (*Result, error) {
	r := e.latestRun(ctx)
	if r == nil || before != nil && before.ID == r.ID && before.State.Final() {
		return nil, nil // then it is tried here
	}
	switch r.State {
	case store.RunFailed, store.RunRolledBack, store.RunRollbackFailed:
	default:
		return nil, nil
	}
	if r.Work == "" || r.Work != s.Run.Work || r.Finished.Before(held.Since) {
		return nil, nil
	}
	result := &Result{Run: r.ID, Strategy: r.Strategy, State: r.State, Started: r.Started, Finished: r.Finished}
	errs := []error{fmt.Errorf("%w: run %s of %s: %s", ErrFailedElsewhere, r.ID, r.Owner, r.Error)}
	for after := (store.Position{}); ; {
		attempts, err := e.Store.RunAttempts(ctx, r.ID, after, attemptsPage)
		if err != nil {
			return nil, nil //nolint:nilerr // then it is tried here
		}
		for i := range attempts {
			a := &attempts[i]
			after = store.Position{ID: a.ID, Number: a.Number}
			if a.State == store.Failed || a.State == store.Indeterminate || a.State == store.RollbackFailed {
				own := e.OpError(a.ID, a.Direction, e.effectOfAttempt(a), errors.New(a.Error))
				errs = append(errs, own)
				result.elsewhere = append(result.elsewhere, StepResult{ID: a.ID, State: a.State, Failed: true, Attempt: a.Number, Reason: "in another process", Err: own})
			}
		}
		if len(attempts) < attemptsPage {
			return result, &RunError{Errs: errs}
		}
	}
}

// latestRun is the latest run of the ledger that was no work in the background, nil if there is none among
// the newest, or it cannot be read.
func (e *Engine) latestRun(ctx context.Context) *store.Run {
	runs, err := e.Store.Runs(ctx, store.Page{Limit: attemptsPage})
	if err != nil {
		return nil
	}
	for i := range runs {
		if runs[i].Lease == "" || runs[i].Lease == store.RunLease {
			return &runs[i]
		}
	}
	return nil
}

// attemptsPage is how many attempts are read at a time.
const attemptsPage = 100

// effectOfAttempt is what a failed attempt of another process means for the data, as far as its op tells.
func (e *Engine) effectOfAttempt(a *store.Attempt) store.Effect {
	if t := e.Catalog.find(a.ID); t != nil && t.Delivery == store.Transactional && t.Inspect == nil && a.State == store.Failed {
		return store.EffectNone
	}
	return store.EffectUnknown
}
