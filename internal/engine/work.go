package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/middleware"
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
