package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/internal/notify"
	"github.com/sequencer-go/seq/internal/safecall"
	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

var _ exec.Walk = (*Walk)(nil)

// A Walk is one run on its way through a plan: the state of its steps, and the parts that a step needs
// on its way. It implements exec.Walk, where its exported methods are documented.
type Walk struct {
	plan       *plan.Plan
	steps      []step
	dues       []time.Time // when each is due, by itself or by what it waits for; nil: all at once
	handler    middleware.Handler
	clock      clock.Clock
	session    *ledger.Session
	home       store.Store // the sequencer's, also if nothing is recorded there
	catalog    *Catalog
	watchers   notify.Fanout
	opError    OpErrorFunc
	redact     redactor
	logger     *slog.Logger
	strategy   string
	env        string // where this is; "": it was not told
	tolerates  bool   // failures of ops that are allowed to fail
	guarded    bool   // a guard decides of each step before anything is written: none is claimed ahead
	contains   bool   // there is middleware around steps, which could end its goroutine
	quiet      bool   // nobody asks how long a step takes
	background bool   // it is beside deploys, under the lease of a lane
	made       time.Time
	planner    plan.Planner           // for the way back; nil: one step after another
	executor   exec.Executor          // of the strategy, for the same
	dispatch   *dispatch              // of a leader whose steps workers do; nil: they are done here
	tell       func(middleware.Event) // of a worker, whose leader wants to know; nil: there is none

	pool     safecall.Pool // calls what may panic
	running  counter       // steps that are being done or undone
	attempts slab[attempt]
	keys     map[string]string // see Planning

	past  []*step        // of earlier rounds of the run; they have had their turn
	place map[string]int // where each step stood in the plan of the first round; nil in that

	ctx       context.Context // of the run: its end interrupts it
	limits    limits
	halted    atomic.Pointer[string] // why no step starts any more
	keepGoing atomic.Bool
	suspended bool // the lease is given back: nothing can be written

	mu          sync.Mutex
	failures    []error   // of ops that were not allowed to fail
	interrupted []error   // of ops that were interrupted
	ledgerErr   error     // the first failure of the ledger
	rollback    *rollback // after it has turned back
}

// An OpErrorFunc makes the error that says which op failed, in which phase, and with what effect.
type OpErrorFunc func(id string, d store.Direction, effect store.Effect, err error) error

// newWalk lays out the state of the steps of a plan that was made by p.
func (e *Engine) newWalk(s *ledger.Session, made *planned, p *Planning) *Walk {
	w := &Walk{
		plan: made.Plan, keys: p.keys, limits: p.limits, handler: handler(e.Strategy.Chain), clock: e.Clock, made: e.Clock.Now(), session: s, catalog: e.Catalog,
		watchers: e.Watchers, opError: e.OpError, redact: e.Redact, logger: e.Logger, env: e.Environment, strategy: s.Run.Strategy,
		tolerates: holds(e.Strategy.Chain, middleware.LayerTolerate), guarded: holds(e.Strategy.Chain, middleware.LayerGuard),
		contains: slices.ContainsFunc(e.Strategy.Chain, func(m middleware.Middleware) bool { return m.Step != nil }),
	}
	if w.home = e.home; w.home == nil {
		w.home = s.Store()
	}
	if via := remoteOf(e.Strategy.Chain); via != nil {
		w.dispatch, w.planner, w.executor = newDispatch(w, via), e.plannerBack(), e.Strategy.Executor
	}
	w.layOut(p.entries, func(i int) (task *Task, declared int32) {
		if made.declared != nil {
			declared = made.declared[i]
		}
		return e.Catalog.find(made.Steps[i].ID), declared
	})
	return w
}

// NewWalk returns a walk over a plan that records nothing and calls do for each step, for tests and
// benchmarks of executors. A step waits for what it declares in DependsOn, also if its After does not
// say so.
func NewWalk(p *plan.Plan, do middleware.Handler, opError OpErrorFunc) *Walk {
	w := &Walk{plan: p, handler: do, clock: clock.Wall(), session: ledger.Discard(), quiet: true, opError: opError}
	index := make(map[string]int, len(p.Steps))
	for i := range p.Steps {
		index[p.Steps[i].ID] = i
	}
	w.layOut(nil, func(int) (*Task, int32) { return &noTask, 0 })
	for i := range p.Steps {
		s := &w.steps[i]
		var needs []int
		for _, id := range p.Steps[i].DependsOn {
			if j, planned := index[id]; planned && j < i {
				needs = append(needs, j)
			}
		}
		if len(needs) > 0 {
			s.declared = int32(len(needs))
			s.after = append(needs, slices.DeleteFunc(slices.Clone(s.after), func(j int) bool { return slices.Contains(needs, j) })...)
		}
	}
	return w
}

var noTask Task

func (w *Walk) layOut(entries map[string]*store.Entry, taskOf func(i int) (*Task, int32)) {
	steps := w.plan.Steps
	w.steps = make([]step, len(steps))
	for i := range steps {
		s := &w.steps[i]
		s.plan, s.after = &steps[i], steps[i].After
		s.task, s.declared = taskOf(i)
		if len(entries) > 0 {
			s.entry = entries[steps[i].ID]
		}
		s.plain = s.isPlain(w.limits)
		if w.dues == nil && !steps[i].NotBefore.IsZero() {
			w.dues = make([]time.Time, len(steps)) // what came before it is due at once
		}
		if w.dues == nil {
			continue
		}
		w.dues[i] = steps[i].NotBefore
		for _, j := range s.needs() {
			if d := w.dues[j]; d.After(w.dues[i]) {
				w.dues[i] = d
			}
		}
	}
}

// needs are the steps that the op declared to depend on.
func (s *step) needs() []int { return s.after[:s.declared] }

// Plan implements exec.Walk.
func (w *Walk) Plan() *plan.Plan { return w.plan }

// Clock implements exec.Walk.
func (w *Walk) Clock() clock.Clock { return w.clock }

// KeepGoing implements exec.Walk.
func (w *Walk) KeepGoing() { w.keepGoing.Store(true) }

// Err implements exec.Walk.
func (w *Walk) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.failures...)
}

// Do implements exec.Walk.
func (w *Walk) Do(ctx context.Context, i int) error { return w.do(ctx, i, nil) }

// DoThen implements exec.Walk.
func (w *Walk) DoThen(ctx context.Context, i int, next func() int) error { return w.do(ctx, i, next) }

func (w *Walk) do(ctx context.Context, i int, next func() int) error {
	if i < 0 || i >= len(w.steps) {
		return fmt.Errorf("%w: the executor asks for step %d of %d", plan.ErrInvalid, i, len(w.steps))
	}
	w.running.add()
	defer w.running.done()
	s := &w.steps[i]
	fresh := s.status.CompareAndSwap(idle, busy)
	claimed := !fresh && s.status.CompareAndSwap(reserved, busy)
	if !fresh && !claimed {
		if s.status.Load() == settled {
			return s.answer()
		}
		return fmt.Errorf("%w: the executor does %s twice at a time", plan.ErrInvalid, s.plan.ID)
	}
	if ctx.Err() != nil {
		s.giveBack(claimed)
		return fmt.Errorf("%s not started: %w", s.plan.ID, context.Cause(ctx))
	}
	if why := w.halted.Load(); why != nil {
		s.say("not started: "+*why, nil)
		s.giveBack(claimed)
		return nil
	}
	if s.known().State.Open() {
		if err := w.adopt(ctx, s); err != nil {
			s.giveBack(claimed)
			return fmt.Errorf("%s not started: %w", s.plan.ID, err)
		}
		s.adopted = true
	}
	state, reason, err := w.gate(ctx, s)
	if state == store.Pending && err == nil {
		state, reason, err = w.run(ctx, s, next)
	}
	w.settle(s, state, reason, err)
	return s.answer()
}

// run makes one call of the op through the middleware, and says what the step is then.
func (w *Walk) run(ctx context.Context, s *step, next func() int) (store.State, string, error) {
	a := s.attempt
	if a == nil { // else it was claimed ahead
		a = w.newAttempt(s, store.Forward)
		s.attempt = a
	}
	if !w.guarded {
		a.next = next
	}
	if !w.quiet {
		a.began = w.clock.Now().Sub(w.made)
	}
	err := w.redact.error(a.through(ctx))
	state := a.state(err)
	if state == store.Indeterminate && a.ledgerErr == nil && a.tolerable() && !a.interrupted(err) {
		state = store.Tolerated // the ledger keeps the doubt
	}
	if state != store.Skipped {
		return state, "", err
	}
	s.satisfies = a.saidSkip
	reason, _ := verdict.SkipReason(err)
	return state, w.redact.text(reason), nil
}

// settle ends a step in a state, and tells the watchers. The goroutine that moved the step to busy calls
// it once; its last act publishes the step to whoever waits for it.
func (w *Walk) settle(s *step, state store.State, reason string, err error) {
	a := s.attempt
	s.state = state
	stopped := a != nil && a.interrupted(err)
	if a != nil && a.ledgerErr != nil {
		w.noteLedger(a.ledgerErr)
	}
	if stopped {
		reason = "interrupted"
	}
	if state == store.Failed && s.plan.AllowedToFail && w.tolerates && (a == nil || a.ledgerErr == nil) {
		s.state = store.Tolerated // a condition that cannot be answered, say
	}
	if err != nil {
		err = w.opError(s.plan.ID, store.Forward, effectOf(a, s.known().State, err), err)
	}
	if a != nil {
		s.number, s.retries = int32(a.Attempt), a.retries
		s.keepLog(a.logLines())
		if !w.quiet {
			s.took = w.clock.Now().Sub(w.made) - a.began
		}
		a.recycle()
		s.attempt = nil
	}
	s.say(reason, err)
	switch {
	case stopped:
		w.interrupt(err)
		s.stops = true
	case s.state == store.Failed || s.state == store.Indeterminate:
		s.failed = true
		w.fail(err)
		if s.plan.Kind == plan.Migration {
			w.halt(fmt.Sprintf("migration %s failed", s.plan.ID))
		}
		s.stops = !w.keepGoing.Load()
	}
	if w.watchers != nil {
		w.announce(middleware.Event{
			Kind: middleware.EventSettled, ID: s.plan.ID, Attempt: int(s.number), State: s.state, Reason: reason, Err: err, Log: s.log(), Duration: s.took,
		})
	}
	s.status.Store(settled)
}

// halt keeps every step that has not started from starting. The first reason counts.
func (w *Walk) halt(why string) { w.halted.CompareAndSwap(nil, &why) }

func (w *Walk) interrupt(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interrupted = append(w.interrupted, err)
}

func (w *Walk) noteLedger(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledgerErr = cmp.Or(w.ledgerErr, err)
}

// stopped reports whether the run was told to stop, or lost its lease.
func (w *Walk) stopped() bool { return w.ctx != nil && w.ctx.Err() != nil }

// Interrupted implements exec.Walk.
func (w *Walk) Interrupted() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped() && len(w.failures) == 0
}

func (w *Walk) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, err)
}

// announce fills in what all events of a run share, and sends the event.
func (w *Walk) announce(e middleware.Event) {
	if w.watchers == nil && w.tell == nil {
		return
	}
	e.Time, e.Strategy, e.Run = w.clock.Now(), w.strategy, w.session.Run.ID
	if w.tell != nil {
		w.tell(e)
	}
	if w.watchers != nil {
		w.watchers.Send(e)
	}
}

// unsettled is an error that names the first step that the executor did not do; nil if there is none.
func (w *Walk) unsettled() error {
	for i := range w.steps {
		if w.steps[i].status.Load() != settled {
			return fmt.Errorf("%w: the executor returned before %s had settled", plan.ErrInvalid, w.plan.Steps[i].ID)
		}
	}
	return nil
}
