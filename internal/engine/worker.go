package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/internal/role"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A Worker carries out orders with the ops of an engine, and what stands around the record layer in the
// engine's own chain: that layer and all inside it. It claims under the leader's lease, and hangs what it
// claims on a life of its own. When the life is over, it begins another.
type Worker struct {
	engine  *Engine
	chain   []middleware.Middleware
	handler middleware.Handler

	mu     sync.Mutex
	life   *ledger.Session
	joined map[right]*ledger.Session // of this life

	looks looks
	slots slots

	closing context.Context
	end     context.CancelFunc
	late    sync.WaitGroup // outcomes that the ledger has still to be told
}

// OfSequencer is the engine of a *seq.Sequencer. Package seq sets it, for package fleet.
var OfSequencer func(ctx context.Context, sequencer any) (*Engine, error)

// right is what a session is joined for: the same lease in another epoch, or for another run, is another.
type right struct {
	lease store.Lease
	run   string
	actor string
}

// NewWorker returns a worker. Close ends it.
func (e *Engine) NewWorker() (*Worker, error) {
	i := slices.IndexFunc(e.Strategy.Chain, func(m middleware.Middleware) bool { return m.Layer == middleware.LayerRecord })
	if !recorded(e.Strategy.Chain) {
		return nil, fmt.Errorf("%w: a worker records what it does in the ledger; take middleware.Unrecorded out", ErrInvalidStrategy)
	}
	if e.Catalog.err != nil {
		return nil, e.Catalog.err
	}
	chain := slices.Clone(e.Strategy.Chain[i:])
	chain[0] = middleware.Record()
	w := &Worker{engine: e, chain: chain, handler: handler(chain), slots: slots{draining: make(chan struct{})}}
	w.closing, w.end = context.WithCancel(context.Background())
	return w, nil
}

// Begin begins the worker's life, unless it has one, so that leaders see that it is there.
func (w *Worker) Begin(ctx context.Context) error {
	_, err := w.alive(ctx)
	return err
}

// Limit bounds how many orders are done at a time. Call it before the first.
func (w *Worker) Limit(n int) { w.slots.free = make(chan struct{}, n) }

// Drain sends away the orders that wait for a slot, and all that come. What is under way goes on.
func (w *Worker) Drain() { w.slots.drain() }

// Close ends the life. Nothing may be under way; outcomes that the ledger has still to be told are waited
// for until ctx ends.
func (w *Worker) Close(ctx context.Context) {
	told := make(chan struct{})
	go func() { w.late.Wait(); close(told) }()
	select {
	case <-told:
	case <-ctx.Done():
	}
	w.end()
	<-told
	w.mu.Lock()
	life := w.life
	w.life = nil
	w.mu.Unlock()
	if life != nil {
		life.Close(ctx)
	}
}

// Lost is a channel that is closed when the life that the worker has now is over; nil if it has none.
func (w *Worker) Lost() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life == nil {
		return nil
	}
	return w.life.Held().Done()
}

// alive is the life, a new one if there is none or it is over.
func (w *Worker) alive(ctx context.Context) (*ledger.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life != nil && w.life.Lost() == nil {
		return w.life, nil
	}
	if w.closing.Err() != nil {
		return nil, fmt.Errorf("%w: it was closed", ledger.ErrLifeOver)
	}
	// One that is over is left to itself: what was begun in it may still be reported for a while.
	life, err := ledger.OpenLife(ctx, w.engine.Store, store.NewLife(), store.ThisProcess(), &sessionWatcher{engine: w.engine})
	if err != nil {
		return nil, err
	}
	w.life, w.joined = life, map[right]*ledger.Session{}
	return life, nil
}

// maxJoined is how many rights a worker remembers: leaders come one after another.
const maxJoined = 64

// session is the worker's session for the run of an order.
func (w *Worker) session(ctx context.Context, o *Order) (*ledger.Session, error) {
	life, err := w.alive(ctx)
	if err != nil {
		return nil, err
	}
	lease, err := o.lease()
	if err != nil {
		return nil, &RefusedError{o.ID, err.Error()}
	}
	if lease.Identity != life.Identity() {
		return nil, &RefusedError{o.ID, "it is of another ledger than the worker's"}
	}
	lease.TTL = life.Lease().TTL
	w.mu.Lock()
	defer w.mu.Unlock()
	r := right{lease, o.Run, o.Actor}
	s := w.joined[r]
	if s == nil {
		if len(w.joined) >= maxJoined {
			clear(w.joined)
		}
		run := store.Run{ID: o.Run, Strategy: o.Strategy, Reason: o.Reason, Owner: store.ThisProcess()}
		run.Owner.Actor = o.Actor
		s = life.Join(run, lease)
		w.joined[r] = s
	}
	return s, nil
}

// Do carries out an order. tell hears what the leader's watchers should, from any goroutine. nil means that
// the order is done with: the ledger has the outcome, or another one has the attempt, or the order is void. A
// *RefusedError or ErrDraining leaves it to another worker. Any other error came before the claim: it may be
// delivered again.
//
// The end of ctx interrupts an op as the end of a run does; one that undoes goes on.
func (w *Worker) Do(ctx context.Context, o *Order, tell func(News)) error {
	s, err := w.session(ctx, o)
	if err != nil {
		return err
	}
	task, err := w.able(o)
	if err != nil {
		if current, asked := s.Current(ctx, o.ID); asked == nil && !current {
			return nil
		}
		return err
	}
	e, err := w.looks.entry(ctx, s, o.ID)
	if err != nil {
		return fmt.Errorf("look at %s: %w", o.ID, err)
	}
	if e.Attempt != o.Attempt || !e.Token.IsZero() {
		return nil // another delivery of the order was quicker
	}
	release, err := w.slots.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	if o.Direction == store.Rollback {
		var cancel context.CancelFunc
		ctx, cancel = s.WhileHeld(ctx)
		defer cancel()
	} else {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(s.Held(), func() { cancel(s.Lost()) })()
	}
	return w.attempt(ctx, s, o, task, &e, release, tell)
}

// looks reads entries for orders that come at the same time with one question: while one is asked, those
// that arrive wait for the next.
type looks struct {
	mu      sync.Mutex
	asking  bool
	waiting []*oneLook
}

type oneLook struct {
	id    string
	entry store.Entry
	err   error
	done  chan struct{}
}

// entry is what the ledger has of an op now.
func (l *looks) entry(ctx context.Context, s *ledger.Session, id string) (store.Entry, error) {
	mine := &oneLook{id: id, done: make(chan struct{})}
	l.mu.Lock()
	l.waiting = append(l.waiting, mine)
	ask := !l.asking
	l.asking = true
	l.mu.Unlock()
	for ask {
		l.mu.Lock()
		group := l.waiting
		l.waiting = nil
		if len(group) == 0 {
			l.asking, ask = false, false
		}
		l.mu.Unlock()
		answerLooks(ctx, s, group)
	}
	<-mine.done
	return mine.entry, mine.err
}

func answerLooks(ctx context.Context, s *ledger.Session, group []*oneLook) {
	ids := make([]string, len(group))
	for i, g := range group {
		ids[i] = g.id
	}
	entries, err := ledger.ByID(s.Select(context.WithoutCancel(ctx), ids))
	for _, g := range group {
		g.entry, g.err = store.Entry{ID: g.id}, err
		if e := entries[g.id]; e != nil {
			g.entry = *e
		}
		close(g.done)
	}
}

// able is the task that an order is about, as the leader knows it.
func (w *Worker) able(o *Order) (*Task, error) {
	t := w.engine.Catalog.find(o.ID)
	refuse := func(why string, args ...any) (*Task, error) {
		return nil, &RefusedError{o.ID, fmt.Sprintf(why, args...)}
	}
	switch {
	case t == nil:
		return refuse("the worker does not have it")
	case t.Checksum != o.Checksum && o.Direction == store.Forward:
		return refuse("the worker has it with the checksum %q, the leader with %q", t.Checksum, o.Checksum)
	case t.Delivery != o.Declared:
		return refuse("the worker has it as %s, the leader as %s", t.Delivery, o.Declared)
	case o.Direction == store.Rollback && t.Rollback == nil:
		return refuse("the worker has it without a Rollback")
	}
	return t, nil
}

// attempt makes the attempt. Its slot is free again when the op has returned: while the outcome is written, the
// next one is claimed.
func (w *Worker) attempt(ctx context.Context, s *ledger.Session, o *Order, task *Task, e *store.Entry, release func(), tell func(News)) error {
	walk := w.walk(ctx, s, o, task, e, tell)
	defer walk.pool.Close()
	step := &walk.steps[0]
	a := walk.newAttempt(step, o.Direction)
	a.atEnd = release
	err := a.through(ctx)
	phase, failure := a.phase, a.ledgerErr
	a.recycle()
	refused := phase == unclaimed && (errors.Is(failure, store.ErrFenced) || errors.Is(failure, store.ErrLeaseLost))
	if step.pending != nil && !refused { // to tell what was refused would wait for whoever has the attempt
		w.tellLater(s, *step.pending)
	}
	switch {
	case phase != unclaimed || failure == nil:
		return nil
	case refused: // the order is void, or another delivery was quicker
		return nil
	case a.reached: // a second claim failed, see reopen: the leader sends another order
		return nil
	default:
		return errors.Join(failure, err)
	}
}

// walk is a walk of one step.
func (w *Worker) walk(ctx context.Context, s *ledger.Session, o *Order, task *Task, e *store.Entry, tell func(News)) *Walk {
	eng := w.engine
	p := &plan.Plan{Strategy: o.Strategy, Steps: make([]plan.Step, 1)}
	task.describe(&p.Steps[0])
	p.Steps[0].Delivery = o.Delivery
	walk := &Walk{
		plan: p, handler: w.handler, clock: eng.Clock, made: eng.Clock.Now(), session: s, home: eng.Store, catalog: eng.Catalog,
		watchers: eng.Watchers, opError: eng.OpError, redact: eng.Redact, logger: eng.Logger, env: eng.Environment, strategy: o.Strategy,
		tolerates: o.Tolerates, contains: slices.ContainsFunc(w.chain, func(m middleware.Middleware) bool { return m.Step != nil }),
		quiet: true, ctx: ctx, limits: eng.limits(&Request{}),
	}
	if o.Key != "" {
		walk.keys = map[string]string{o.ID: o.Key}
	}
	if tell != nil {
		walk.tell = func(ev middleware.Event) {
			switch ev.Kind {
			case middleware.EventStarted, middleware.EventProgress, middleware.EventRetrying, middleware.EventOverdue:
				tell(News{
					Holder: o.Holder, ID: o.ID, Kind: NewsEvent, Event: ev.Kind, Attempt: ev.Attempt,
					Done: ev.Done, Total: ev.Total, Delay: ev.Delay, Why: store.ErrorText(ev.Err),
				})
			}
		}
	}
	walk.steps = []step{{plan: &p.Steps[0], task: task, entry: e}}
	return walk
}

// tellLater writes an outcome that the ledger could not be told, until it answers or the life is over: as
// long as that is held, nobody else may say what became of the attempt.
func (w *Worker) tellLater(s *ledger.Session, out store.Outcome) {
	w.late.Go(func() {
		for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
			if _, err := s.Write(store.Batch{Outcomes: []store.Outcome{out}}); err == nil || errors.Is(err, store.ErrLeaseLost) || s.Lost() != nil {
				return
			}
			if clock.Sleep(w.closing, ledger.Wall, pause) != nil {
				return
			}
		}
	})
}

// here is the engine without workers: its steps are done by this process.
func (e *Engine) here() *Engine {
	if remoteOf(e.Strategy.Chain) == nil {
		return e
	}
	copied := *e
	copied.Strategy.Chain = slices.Clone(e.Strategy.Chain)
	for i, m := range copied.Strategy.Chain {
		if remoteRole(m.Role) != nil {
			copied.Strategy.Chain[i] = middleware.Record()
		}
	}
	return &copied
}

// remoteOf is by whom a chain has its steps done, nil if by this process.
func remoteOf(chain []middleware.Middleware) *Remote {
	for _, m := range chain {
		if r := remoteRole(m.Role); r != nil {
			return r
		}
	}
	return nil
}

func remoteRole(r *role.Role) *Remote {
	if r == nil || r.Remote == nil {
		return nil
	}
	return r.Remote.(*Remote)
}
