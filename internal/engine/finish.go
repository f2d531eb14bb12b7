package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/store"
)

// finish closes a run whose walk ended with err, and says what became of it.
func (e *Engine) finish(ctx context.Context, w *Walk, err error, began time.Time) (*Result, error) {
	state, errs := w.endState(ctx, err)
	if endErr := w.recordEnd(state, errs...); endErr != nil {
		errs = append(errs, fmt.Errorf("close the run: %w", endErr))
		if state == store.RunSucceeded {
			state = store.RunFailed
		}
	}
	result := w.result(state, began)
	w.announceEnd(result)
	if len(errs) == 0 {
		return result, nil
	}
	return result, &RunError{Errs: errs}
}

// A RunError is every error of a run that did not succeed: those of its ops first, forward before
// rollback. Package seq turns it into its own RunError, which says more.
type RunError struct{ Errs []error }

func (e *RunError) Error() string { return errors.Join(e.Errs...).Error() }

// Unwrap is the list of the errors.
func (e *RunError) Unwrap() []error { return e.Errs }

// endState is the state that the run ends in, and its errors: those of its ops first, then what else
// kept it from going on. err is what the middleware of the run and the executor returned.
func (w *Walk) endState(ctx context.Context, err error) (store.RunState, []error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	errs := slices.Concat(w.failures, w.interrupted)
	unsettled := w.unsettled()
	stopped := ctx.Err() != nil && (err != nil || unsettled != nil)
	switch {
	case stopped:
		errs = append(errs, w.redact.error(interruption(ctx)))
	case err != nil && len(errs) == 0:
		errs = append(errs, w.redact.error(err))
	case err == nil && len(errs) == 0 && unsettled != nil:
		errs = append(errs, unsettled)
	}
	switch {
	case w.suspended, w.background && w.left():
		return store.RunWaiting, errs
	case w.rollback != nil:
		return w.rollback.state, errs
	case stopped && len(w.failures) == 0:
		return store.RunInterrupted, errs
	case len(errs) > 0:
		return store.RunFailed, errs
	default:
		return store.RunSucceeded, nil
	}
}

// interruption is why the context ended, and that it did.
func interruption(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("interrupted: %w (%w)", cause, ctx.Err())
	}
	return fmt.Errorf("interrupted: %w", ctx.Err())
}

// recordEnd records what never ran, what the ledger has not heard, and the end of the run, with the first
// of its errors. A run that gave its lease back, or could not record that it turns back, stays as it is
// for the next one. Of a run that lost its lease only the outcomes are written: the next owner says what
// became of it.
func (w *Walk) recordEnd(state store.RunState, errs ...error) error {
	if w.suspended || w.rollback != nil && w.rollback.undecided {
		return nil
	}
	outcomes := w.unrecorded()
	if w.session.Lost() != nil {
		if len(outcomes) > 0 {
			_, _ = w.session.Write(store.Batch{Outcomes: outcomes})
		}
		return nil
	}
	run := w.session.Run
	run.State = state
	if len(errs) > 0 {
		run.Error, _, _ = strings.Cut(store.ErrorText(errs[0]), "\n")
	}
	if w.ledgerErr != nil || len(w.failures) == 0 {
		run.Work = "" // whoever waited for it cannot say that the work itself fails
	}
	_, err := w.session.Write(store.Batch{Run: &run, Outcomes: outcomes, Marks: w.skips()})
	return err
}

// skips are the marks of the steps that settled without running. Those that ran in an earlier run keep
// what the ledger says of it.
func (w *Walk) skips() []store.Mark {
	var marks []store.Mark
	for i := range w.steps {
		s := &w.steps[i]
		e := s.known()
		if s.status.Load() != settled || s.state != store.Skipped || s.number > 0 || e.State != store.Pending && e.State != store.Skipped && e.State != store.Scheduled {
			continue
		}
		if e.State == store.Skipped && e.Error == s.reason() || isBehind(s.reason()) {
			continue
		}
		marks = append(marks, store.Mark{
			ID: s.plan.ID, Attempt: e.Attempt, State: store.Skipped, Run: w.session.Run.ID,
			NotBefore: e.NotBefore, Reason: store.ErrorText(errors.New(s.reason())),
		})
	}
	return marks
}
