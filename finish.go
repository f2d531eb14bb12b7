package seq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/store"
	"slices"
)

// walkPlan executes a walk to its end, and closes the run.
func (s *Sequencer) walkPlan(ctx context.Context, w *Walk) (*Report, error) {
	began := s.clock.Now()
	w.announce(Event{Kind: EventRunStarted, Total: int64(len(w.steps))})
	err := contain(func() error { return s.executor().Execute(ctx, w) })
	w.hands.close()
	state, errs := w.verdict(ctx, err)
	if cerr := w.conclude(state); cerr != nil {
		errs = append(errs, fmt.Errorf("close the run: %w", cerr))
		if state == RunSucceeded {
			state = RunFailed
		}
	}
	report := w.report(state, began)
	w.announce(Event{Kind: EventRunFinished, RunState: state})
	if len(errs) == 0 {
		return report, nil
	}
	return report, &RunError{Run: report.Run, Strategy: w.strategy, State: state, NotUndone: report.NotUndone, Errs: errs}
}

// verdict is the state that the run ends in, and its errors: those of its ops first, then what
// else kept it from going on.
func (w *Walk) verdict(ctx context.Context, err error) (RunState, []error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	errs := slices.Clone(w.failures)
	slices.SortStableFunc(errs, func(a, b error) int { return cmp.Compare(direction(a), direction(b)) })
	switch interrupted := ctx.Err() != nil && err != nil; {
	case interrupted:
		errs = append(errs, interruption(ctx))
	case err != nil && len(errs) == 0:
		errs = append(errs, err)
	case err == nil && len(errs) == 0:
		if err := w.complain(); err != nil {
			errs = append(errs, err)
		}
	}
	switch {
	case w.suspended:
		return RunWaiting, errs
	case w.reversal != nil:
		return w.reversal.run, errs
	case len(errs) > 0:
		return RunFailed, errs
	default:
		return RunSucceeded, nil
	}
}

// interruption is why the context ended, and that it did.
func interruption(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("interrupted: %w (%w)", cause, ctx.Err())
	}
	return fmt.Errorf("interrupted: %w", ctx.Err())
}

// complain names the first step that the executor did not do; nil if there is none.
func (w *Walk) complain() error {
	for i := range w.steps {
		if w.steps[i].status.Load() != settled {
			return fmt.Errorf("%w: the executor returned before %s had settled", ErrInvalidPlan, w.plan.Steps[i].Op.ID)
		}
	}
	return nil
}

// direction orders errors: forward before rollback before the rest.
func direction(err error) int {
	if e, ok := err.(*OpError); ok { //nolint:errorlint // it is the walk's own, never wrapped
		return int(e.Direction)
	}
	return int(Rollback) + 1
}

// conclude records what never ran, what the ledger has not heard, and the end of the run.
func (w *Walk) conclude(state RunState) error {
	j := w.journal
	if j == nil || w.suspended || w.left {
		return nil
	}
	run := j.run
	run.State = state
	_, err := j.write(store.Batch{Run: &run, Outcomes: w.owed(), Marks: w.skips()})
	return err
}

// skips are the marks of the steps that settled without running. Those that ran in an earlier
// run keep what the ledger says of it.
func (w *Walk) skips() []store.Mark {
	var marks []store.Mark
	for i := range w.steps {
		s := &w.steps[i]
		e := s.known()
		if s.status.Load() != settled || s.state != Skipped || e.State != Pending && e.State != Skipped && e.State != Scheduled {
			continue
		}
		if e.State == Skipped && e.Error == s.reason() {
			continue
		}
		marks = append(marks, store.Mark{
			ID: s.step.Op.ID, Attempt: e.Attempt, State: Skipped, Run: w.journal.run.ID,
			NotBefore: e.NotBefore, Reason: store.ErrorText(errors.New(s.reason())),
		})
	}
	return marks
}
