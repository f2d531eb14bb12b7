package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// WorkName is the strategy of a run in the background.
const WorkName = "work"

const (
	workPoll  = time.Second            // how often Work reads the ledger while an op in the background is left
	lanePoll  = 250 * time.Millisecond // how often it asks for a lane that another process holds
	workPause = 30 * time.Second       // how often it reads the ledger when nothing is left
	workShare = 20                     // it rests so many times as long as reading took

	firstBackoff = time.Second     // before an op that failed is tried again
	lastBackoff  = 5 * time.Minute // the longest of these pauses; each is twice the one before
)

// work is one call of Work.
type work struct {
	engine *Engine
	req    *Request
	most   int // ops at a time

	ended   chan ending
	running map[string]bool
	resting map[string]rests // ops that ended without being done
	group   sync.WaitGroup
}

// rests says when an op that ended without being done is tried again.
type rests struct {
	until time.Time
	pause time.Duration // the last one
}

// ending is what became of one op that was worked on.
type ending struct {
	id   string
	busy bool // another process has its lane
	rest bool // it is to rest before it is tried again
	same bool // it got no further than before
}

// Work takes up the ops in the background that are ready, most at a time, until ctx ends and all that it
// started has ended; it then returns the cause. final reports whether an error is one that no waiting
// mends.
//
// It reads the ledger once a second as long as such an op is left. For each that is ready it asks for the
// lease of its lane, and works on it in a goroutine of its own. While it works it holds a life, so that
// others can see that somebody does.
func (e *Engine) Work(ctx context.Context, req *Request, most int, final func(error) bool) error {
	defer e.Watchers.Flush()
	if err := e.Catalog.err; err != nil {
		return err
	}
	e = e.here()
	present, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	w := &work{engine: e, req: req, most: most, ended: make(chan ending), running: map[string]bool{}, resting: map[string]rests{}}
	w.group.Go(func() { e.present(present, req) })
	err := w.loop(ctx, final)
	for len(w.running) > 0 {
		w.note(<-w.ended)
	}
	stop()
	w.group.Wait()
	return err
}

// present holds a life until ctx ends, another one when it is lost.
func (e *Engine) present(ctx context.Context, req *Request) {
	owner := req.run(WorkName).Owner
	for ctx.Err() == nil {
		life, err := ledger.OpenLife(ctx, e.Store, store.WorkerPrefix+store.NewToken().String(), owner, noWatcher{})
		if err != nil {
			_ = clock.Sleep(ctx, ledger.Wall, workPause) // the ledger is of a newer library: Work says so
			continue
		}
		select {
		case <-ctx.Done():
		case <-life.Held().Done():
		}
		life.Close(ctx)
	}
}

// noWatcher hears of nothing.
type noWatcher struct{}

func (noWatcher) LeaseHeld(*store.LeaseError)      {}
func (noWatcher) Unreachable(error, time.Duration) {}
func (noWatcher) Acquired()                        {}
func (noWatcher) Lost(error)                       {}
func (noWatcher) Recovered(store.Outcome)          {}

// loop starts what is ready until ctx ends. It reads the ledger when nextLook has come, and in between asks
// again for the lanes that others hold.
func (w *work) loop(ctx context.Context, final func(error) bool) error {
	var ready []*Task
	var entries map[string]*store.Entry
	var nextLook time.Time
	for ctx.Err() == nil {
		if began := ledger.Wall.Now(); !began.Before(nextLook) {
			p, left, err := w.look(ctx)
			now := ledger.Wall.Now()
			pause := max(workPoll, workShare*now.Sub(began))
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil && final(err):
				return err
			case err != nil:
				w.engine.Watchers.Send(middleware.Event{
					Kind: middleware.EventWaiting, Time: w.engine.Clock.Now(), Strategy: WorkName, Err: err, Delay: pause, Reason: "tries again",
				})
				ready = nil
			default:
				ready, entries = left.ready, p.entries
				maps.DeleteFunc(w.resting, func(id string, _ rests) bool { // it was kept back meanwhile, by a person perhaps
					return !slices.ContainsFunc(ready, func(t *Task) bool { return t.ID == id })
				})
				if !left.any && len(w.running) == 0 {
					pause = workPause
				}
			}
			nextLook = now.Add(pause)
		}
		wake := w.start(ctx, ready, entries, nextLook)
		due := make(chan struct{})
		stop := ledger.Wall.AfterFunc(wake.Sub(ledger.Wall.Now()), func() { close(due) })
		select {
		case <-due:
		case end := <-w.ended:
			if w.note(end); !end.busy {
				nextLook = time.Time{} // what it was in the way of may be ready
			}
		case <-ctx.Done():
		}
		stop()
	}
	return context.Cause(ctx)
}

// start begins with what is ready, as far as there is room, and says when there may be more to begin with.
func (w *work) start(ctx context.Context, ready []*Task, entries map[string]*store.Entry, wake time.Time) time.Time {
	now := ledger.Wall.Now()
	for _, t := range ready {
		switch until := w.resting[t.ID].until; {
		case w.running[t.ID] || len(w.running) >= w.most:
		case now.Before(until):
			if until.Before(wake) {
				wake = until
			}
		default:
			w.running[t.ID] = true
			go func() { w.ended <- w.engine.background(ctx, w.req, t, entries[t.ID]) }()
		}
	}
	return wake
}

// note takes in what became of an op.
func (w *work) note(end ending) {
	delete(w.running, end.id)
	before, now := w.resting[end.id], ledger.Wall.Now()
	switch {
	case end.busy:
		w.resting[end.id] = rests{now.Add(lanePoll), before.pause}
	case !end.rest:
		delete(w.resting, end.id)
	default:
		pause := firstBackoff
		if end.same {
			pause = min(max(2*before.pause, firstBackoff), lastBackoff)
		}
		w.resting[end.id] = rests{now.Add(pause), pause}
	}
}

// leftOver is what is to be done in the background.
type leftOver struct {
	ready []*Task
	any   bool // there is something, ready or not
}

// look reads what is left to do in the background.
func (w *work) look(ctx context.Context) (*Planning, leftOver, error) {
	p, err := w.engine.Load(ctx, w.req, w.engine.brief(w.req))
	if err == nil {
		err = errors.Join(p.catalog.err, p.unknownTargets(), p.environmentKnown())
	}
	if err != nil {
		return p, leftOver{}, err
	}
	left := leftOver{}
	for i := range p.catalog.tasks {
		t := p.catalog.tasks[i]
		left.any = left.any || p.inBackground(t.task) && p.req.takes(t)
	}
	if !left.any {
		return p, left, nil
	}
	over, err := w.engine.overRuns(ctx)
	if err != nil {
		return p, left, err
	}
	if err = w.engine.requests(ctx, p); err != nil {
		return p, left, err
	}
	left.any = false
	for i := range p.catalog.tasks {
		t := p.catalog.tasks[i]
		if !p.inBackground(t.task) || !p.req.takes(t) {
			continue
		}
		if p.waitsInBackground(i, over) == "" {
			left.ready = append(left.ready, t.task)
		}
		left.any = left.any || len(left.ready) > 0 || !p.cancelled(t.task.ID) // nothing more comes of what was cancelled
	}
	return p, left, nil
}

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

// overRuns reports which runs are over, going by those that are not: a saga may still undo what it did,
// and what another run has under way nobody should build on. A run whose process died is over unless it is
// a saga.
func (e *Engine) overRuns(ctx context.Context) (over func(run string) bool, err error) {
	runs, err := e.Store.UnfinishedRuns(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	var open []string
	asked, held := false, false
	for i := range runs {
		r := &runs[i]
		if r.Lease != store.RunLease && r.Lease != "" {
			continue
		}
		if !r.Saga && !asked {
			holder, err := e.Store.Holder(ctx, store.RunLease)
			if err != nil {
				return nil, fmt.Errorf("read the runs: %w", err)
			}
			asked, held = true, holder != nil
		}
		if r.Saga || held {
			open = append(open, r.ID)
		}
	}
	return func(run string) bool { return !slices.Contains(open, run) }, nil
}
