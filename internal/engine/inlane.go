package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// background works on one op, as one process, until it is done or has to stop.
func (e *Engine) background(ctx context.Context, req *Request, t *Task, known *store.Entry) (end ending) {
	end.id = t.ID
	run := req.run(WorkName)
	run.Selection = (&Request{Only: []string{t.ID}}).selection() // whoever goes on with the op goes on with its run, and with no other of the lane
	result, err := e.underLanes(ctx, req, t, known, run)
	end.busy = errors.Is(err, store.ErrLeaseHeld)
	end.rest = result == nil || result.State != store.RunSucceeded
	end.same = result == nil || result.State != store.RunWaiting
	if result == nil && err != nil && !end.busy && ctx.Err() == nil { // of a run its own events tell
		e.Watchers.Send(middleware.Event{
			Kind: middleware.EventWaiting, Time: e.Clock.Now(), Run: run.ID, Strategy: WorkName, ID: t.ID, Err: redactor(e.Redact).error(err), Reason: "tries again",
		})
	}
	return end
}

// underLanes works on one op, if its lanes are free. The result is nil if it came to no run.
func (e *Engine) underLanes(ctx context.Context, req *Request, t *Task, known *store.Entry, run store.Run) (*Result, error) {
	if known != nil && known.State.Open() && known.Lease == store.RunLease {
		if err := e.closeInRun(ctx, run); err != nil {
			return nil, err
		}
	}
	held, s, giveBack, err := e.openLanes(ctx, t, known, run, ledger.Fail)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return e.inLane(held, s, req, t)
}

// closeInRun closes what dead processes left open under the lease of runs: an op that was no background's
// then, or what a person was about to say of it.
func (e *Engine) closeInRun(ctx context.Context, run store.Run) error {
	ctx, s, err := e.open(ctx, run, ledger.Fail)
	if err != nil {
		return err
	}
	defer s.Close(ctx)
	_, err = s.Entries(ctx)
	return err
}

// inLane works on one op under the lease of its lane. The result is nil if there was nothing to do.
func (e *Engine) inLane(ctx context.Context, s *ledger.Session, req *Request, t *Task) (*Result, error) {
	one := *req
	one.Only, one.Tags, one.From = []string{t.ID}, nil, nil
	p, err := e.Load(ctx, &one, underLease(s))
	if err != nil {
		return nil, err
	}
	over, err := e.overRuns(ctx)
	if err == nil {
		err = e.requests(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	if !p.inBackground(t) || p.waitsInBackground(p.catalog.index[t.ID], over) != "" {
		if c := p.controls[t.ID]; askedErr(c) != nil && c.Heard < c.Number { // the process that should have heard is dead
			s.Answer(ctx, store.Answer{ID: t.ID, Seen: c.Number, Note: c.Note})
		}
		return nil, nil //nolint:nilnil // another process did it, or somebody asked for something
	}
	back := *e
	back.Strategy.Name = WorkName
	back.Strategy.Chain = slices.DeleteFunc(slices.Clone(e.Strategy.Chain), func(m middleware.Middleware) bool { return m.Run != nil && m.Step == nil })
	made := &planned{Plan: &plan.Plan{Strategy: WorkName, Steps: make([]plan.Step, 1)}}
	t.describe(&made.Steps[0])
	if err := p.inspect(ctx, made.Steps); err != nil {
		return nil, err
	}
	w := back.newWalk(s, made, p)
	w.background = true
	w.announce(middleware.Event{Kind: middleware.EventPlanned, Plan: made.Plan})
	if err := w.begin(ctx, p, true); err != nil {
		return nil, err
	}
	began := e.Clock.Now()
	w.announceStart()
	w.ctx = ctx
	err = w.Do(ctx, 0)
	w.pool.Close()
	return back.finish(ctx, w, err, began)
}

// left is the state that a run in the background has when it ends without being over: its op is pending,
// and whoever takes it up goes on with the run.
func (w *Walk) left() bool {
	s := &w.steps[0]
	return s.status.Load() != settled || s.state == store.Pending
}
