package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/internal/timelimit"
	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// checkPolicy is what is wrong with what a task says of its calls and its environments.
func (t *Task) checkPolicy() error {
	if err := t.Retry.Err(); err != nil {
		return fmt.Errorf("%w %s: %w", ErrInvalidOp, t.ID, err)
	}
	if t.Timeout < 0 {
		return fmt.Errorf("%w %s: a time-out of %s", ErrInvalidOp, t.ID, t.Timeout)
	}
	for i, name := range t.Environments {
		if strings.TrimSpace(name) != name || name == "" || slices.Contains(t.Environments[:i], name) {
			return fmt.Errorf("%w %s: environment %s: want names without space around them, each once", ErrInvalidOp, t.ID, ident.Quoted(name))
		}
	}
	return nil
}

// environmentKnown is an error if a task is for certain environments, and nobody said which one this is.
// That every task is asked, also one that is done, makes the answer the same at each start.
func (p *Planning) environmentKnown() error {
	if p.environment != "" {
		return nil
	}
	var errs []error
	for i := range p.catalog.tasks {
		if t := p.catalog.tasks[i].task; len(t.Environments) > 0 {
			errs = append(errs, fmt.Errorf("%w: %s is for %s only; say where this is with seq.InEnvironment",
				ErrNoEnvironment, t.ID, strings.Join(t.Environments, ", ")))
		}
	}
	return errors.Join(errs...)
}

// elsewhere reports whether a task is for other environments only.
func (p *Planning) elsewhere(t *Task) bool {
	return len(t.Environments) > 0 && !slices.Contains(t.Environments, p.environment)
}

// exclude reports whether a task is left out of the plan, and notes it there with the reason.
func (p *Planning) exclude(t *Task) bool {
	if !p.elsewhere(t) {
		return false
	}
	p.excluded = append(p.excluded, plan.Exclusion{ID: t.ID, Reason: p.whyElsewhere(t)})
	return true
}

func (p *Planning) whyElsewhere(t *Task) string {
	return fmt.Sprintf("for %s, and this is %s", strings.Join(t.Environments, ", "), p.environment)
}

// withinTimeout keeps the time-out that a task has of its own: it is the innermost of all, so that it
// bounds each call.
func withinTimeout(next middleware.Handler) middleware.Handler {
	return func(ctx context.Context, c *middleware.Call) error {
		if c.Step.Timeout <= 0 {
			return next(ctx, c)
		}
		return timelimit.Within(ctx, c.Clock, c.Step.Timeout, func(ctx context.Context) error { return next(ctx, c) })
	}
}

// opRetry keeps the retry policies of tasks where no middleware.Retry does. Without such a policy it makes
// one call.
func opRetry(next middleware.Handler) middleware.Handler {
	return middleware.Retry(1, plan.DefaultRetryBase).Step(next)
}

// accountable holds a middleware to what it answers. One that returns nil says that the step succeeded, so
// it must have called next, which nobody can know better than the call itself. One that skips a step must
// not have called it, unless it hands on what the op said.
func accountable(name string, h middleware.Handler) middleware.Handler {
	return func(ctx context.Context, c *middleware.Call) error {
		err := h(ctx, c)
		reason, skips := verdict.SkipReason(err)
		if err != nil && !skips {
			return err
		}
		a, broken := attemptOf(ctx, c)
		switch {
		case broken != nil:
			return broken
		case err == nil && !a.reached:
			return fmt.Errorf("%w: middleware %s returns nil and has not called next, so that %s was not called; to leave it out, return seq.Skip with a reason",
				ErrInvalidStrategy, name, c.Step.ID)
		case skips && a.reached && !a.saidSkip && c.Direction == store.Forward:
			return fmt.Errorf("%w: middleware %s skips %s, which was called already (%s)", ErrInvalidStrategy, name, c.Step.ID, reason)
		}
		return err
	}
}
