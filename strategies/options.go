package strategies

import (
	"errors"
	"slices"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
)

// An Option adjusts a strategy. Each means the same for all six; where the plan leaves no room
// for one, such as Limit or Eager under Sequential, it changes nothing.
type Option func(*options)

type options struct {
	limit                         int
	eager, saga, reversible, wait bool
	undoInterrupted               bool
}

// Limit bounds how many ops run at a time. Below 1 means the default of [exec.Parallel].
func Limit(n int) Option { return func(o *options) { o.limit = n } }

// Eager starts each op as soon as those it waits for have settled, not when their whole wave
// has: a few slow ops then hold up only what depends on them.
func Eager() Option { return func(o *options) { o.eager = true } }

// Saga undoes the run after a failure, as TransactionalBatch does.
func Saga() Option { return func(o *options) { o.saga = true } }

// UndoInterrupted makes a strategy that undoes failed runs also undo one that was told to stop. Without it
// such a run stays unfinished, and the next one of the strategy and selection goes on with it. For a
// strategy that undoes nothing it is a mistake that Run reports.
func UndoInterrupted() Option { return func(o *options) { o.undoInterrupted = true } }

// RequireReversible refuses to start when an op has no Rollback. The error matches
// [seq.ErrNotReversible] and names all of them.
func RequireReversible() Option { return func(o *options) { o.reversible = true } }

// Wait blocks the run until ops that are not due have had their turn, too.
func Wait() Option { return func(o *options) { o.wait = true } }

// build applies the options to a strategy. One without an executor runs its waves in parallel;
// around is what stands around the executor, whichever it is.
func build(s seq.Strategy, opts []Option, around ...func(exec.Executor) exec.Executor) seq.Strategy {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	switch {
	case o.eager:
		s.Executor = exec.Dataflow(o.limit)
	case s.Executor == nil:
		s.Executor = exec.Parallel(o.limit)
	}
	for _, wrap := range around {
		s.Executor = wrap(s.Executor)
	}
	if o.reversible {
		s.Planner = plan.Reversible(s.Planner)
	}
	has := func(l middleware.Layer) bool {
		return slices.ContainsFunc(s.Middleware, func(m middleware.Middleware) bool { return m.Layer == l })
	}
	if o.saga && !has(middleware.LayerSaga) {
		s.Middleware = slices.Insert(s.Middleware, 0, middleware.Saga())
	}
	if o.undoInterrupted {
		saga := middleware.SagaUndoingInterrupted()
		if i := slices.IndexFunc(s.Middleware, func(m middleware.Middleware) bool { return m.Layer == middleware.LayerSaga }); i >= 0 {
			s.Middleware = slices.Clone(s.Middleware)
			s.Middleware[i] = saga
		} else {
			saga.Err = errors.New("UndoInterrupted: the strategy undoes nothing; add Saga")
			s.Middleware = slices.Insert(s.Middleware, 0, saga)
		}
	}
	if o.wait {
		s.Middleware = slices.DeleteFunc(s.Middleware, func(m middleware.Middleware) bool { return m.Layer == middleware.LayerWait })
		at := 0
		if has(middleware.LayerSaga) {
			at = 1 // inside it
		}
		s.Middleware = slices.Insert(s.Middleware, at, middleware.Await())
	}
	return s
}
