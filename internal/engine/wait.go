package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/plan"
)

// ErrNeedsPerson means that no run will do an op before somebody looks. Package seq exports it.
var ErrNeedsPerson = errors.New("somebody has to look")

// waitPause is how often Wait looks.
const waitPause = time.Second

// Wait returns when nothing that the request chooses is required any more. It calls no function of any
// op, and takes no lease. final reports whether an error is one that no waiting mends.
func (e *Engine) Wait(ctx context.Context, req *Request, final func(error) bool) error {
	var last error
	for {
		required, err := e.required(ctx, req)
		switch {
		case err == nil && required == "":
			return nil
		case err != nil && ctx.Err() == nil && (errors.Is(err, ErrNeedsPerson) || final(err)):
			return err
		case err != nil:
			last = err // the database, or its tables, may not be there yet
		default:
			last = fmt.Errorf("%s is required and not done", required)
		}
		if clock.Sleep(ctx, e.Clock, waitPause) != nil || ctx.Err() != nil {
			return fmt.Errorf("waiting: %w: %w", context.Cause(ctx), last)
		}
	}
}

// required is the first op that is required, "" if none is. It fails for what needs a person.
func (e *Engine) required(ctx context.Context, req *Request) (string, error) {
	p, err := e.Load(ctx, req, e.brief(req))
	if err == nil {
		err = errors.Join(p.catalog.err, p.unknownTargets())
	}
	if err != nil {
		return "", err
	}
	first := ""
	var errs []error
	for i, need := range p.needs() {
		t := p.catalog.tasks[i]
		switch {
		case !p.req.takes(t):
		case need == plan.NeedsPerson:
			errs = append(errs, fmt.Errorf("%w: %s: %w", ErrNeedsPerson, t.task.ID, p.limits.refusal(t.task, p.entries[t.task.ID])))
		case need == plan.Required && first == "":
			first = t.task.ID
		}
	}
	return first, errors.Join(errs...)
}
