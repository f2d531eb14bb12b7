// Package engine plans runs and carries them out. It is the only thing that calls ops, so that every
// capability of an op means the same under every strategy.
//
// The parts, and what each needs, from the top down:
//
//	Engine    what one call of a sequencer works with; Run, Rollback, Plan, Decide, Import
//	Planning  what a plan is made from: the catalog, the ledger, the request
//	Walk      one round of a run on its way through a plan: the state of its steps
//	attempt   one call of one op, claimed in the ledger before and closed after it
//	rollback  what a walk knows once it has turned back
//
// The session with the ledger is a package of its own, internal/ledger.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/ledger"
	"github.com/sequencer-go/seq/internal/notify"
	"github.com/sequencer-go/seq/internal/role"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A Strategy is what a run is shaped by, complete: nothing in it is nil.
type Strategy struct {
	Name     string
	Planner  plan.Planner
	Executor exec.Executor
	Chain    []middleware.Middleware
}

// An Engine is what one call of a sequencer works with. It is not changed while it works.
type Engine struct {
	Store    store.Store
	Clock    clock.Clock
	Catalog  *Catalog
	Strategy Strategy
	Drift    Drift
	Watchers notify.Fanout
	OpError  OpErrorFunc
	// MaxCrashes is how many processes in a row an op may take down before it is left to a person.
	MaxCrashes int

	// Retention is what runs remove when they are over; nil: nothing.
	Retention *store.Retention

	home store.Store // that ops find their database by; nil: Store

	Environment string                   // "": it was not told
	Redact      func(text string) string // nil: nothing is to be hidden; see redactor
	Logger      *slog.Logger             // that seq.Logger writes to; nil: slog.Default()
}

// forCall is the engine for one call: a strategy that records nothing gets a ledger in memory.
func (e *Engine) forCall() *Engine {
	if !plays(e.Strategy.Chain, role.Unrecorded) {
		return e
	}
	copied := *e
	copied.home = e.Store
	copied.Store = store.NewMemory()
	return &copied
}

// awaits reports whether the strategy waits for what is not due.
func (e *Engine) awaits() bool { return plays(e.Strategy.Chain, role.Await) }

// Preview returns the plan that Run would carry out now. It locks nothing and writes nothing.
func (e *Engine) Preview(ctx context.Context, req *Request) (*plan.Plan, error) {
	e = e.forCall()
	p, err := e.Load(ctx, req, e.brief(req))
	if err == nil {
		err = e.Besides(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	made, err := p.plan(ctx)
	if err != nil {
		return nil, err
	}
	return made.Plan, nil
}

// A reading is what the ledger says: its entries by ID, and the sagas that are not over and that nobody
// works on.
type reading struct {
	entries map[string]*store.Entry
	sagas   []store.Run
}

type reader func(context.Context) (reading, error)

// Load reads the ledger for a plan. Tasks that are wrong in themselves never touch it.
func (e *Engine) Load(ctx context.Context, req *Request, read reader) (*Planning, error) {
	c := e.Catalog
	if c.err != nil && len(c.foreign) == 0 {
		return nil, c.err
	}
	r, err := read(ctx)
	if err != nil {
		return nil, errors.Join(c.err, err)
	}
	if req.Only != nil {
		named := *req
		named.Only = c.current(req.Only)
		req = &named
	}
	home := e.home
	if home == nil {
		home = e.Store
	}
	p := &Planning{
		store: home, catalog: c, entries: r.entries, sagas: r.sagas, req: req, strategy: &e.Strategy, drift: e.Drift, limits: e.limits(req), now: e.Clock.Now(),
		environment: e.Environment, redact: e.Redact,
	}
	return p, p.adopt()
}

func (e *Engine) limits(req *Request) limits {
	return limits{maxCrashes: e.MaxCrashes, binary: store.ThisProcess().Binary, retryFailed: req.RetryFailed}
}

// Full reads everything that the ledger says, without the lease.
func (e *Engine) Full(ctx context.Context) (r reading, err error) {
	if r.entries, err = ledger.ByID(e.Store.Load(ctx)); err != nil {
		return r, err
	}
	open, err := e.Store.UnfinishedRuns(ctx)
	if err != nil {
		return r, fmt.Errorf("load the ledger: %w", err)
	}
	r.sagas, err = e.idle(ctx, open)
	return r, err
}

// underLease is how to read for a plan under the lease, see ledger.Session.Entries.
func underLease(s *ledger.Session) reader {
	return func(ctx context.Context) (r reading, err error) {
		if r.entries, err = s.Entries(ctx); err != nil {
			return r, err
		}
		open, err := s.UnfinishedRuns(ctx)
		for _, run := range open {
			if run.Saga && run.State != store.RunWaiting {
				r.sagas = append(r.sagas, run)
			}
		}
		return r, err
	}
}

// brief is how to read for a plan, which need not know much of what is done unless that is repeated. It is
// one query, unless there is a saga that is not over. A start with 100,000 recorded ops costs the process
// 25 % more if it reads everything, and 1.7 times the memory (bench, NothingToDo).
func (e *Engine) brief(req *Request) reader {
	b, can := store.BrieflyOf(e.Store)
	if !can || req.Repeat {
		return e.Full
	}
	return func(ctx context.Context) (r reading, err error) {
		about := len(e.Catalog.tasks)
		r.entries = make(map[string]*store.Entry, about)
		var block []store.Entry
		sagas, err := b.Brief(ctx, func(entry store.Entry) {
			if len(block) == 0 {
				block = make([]store.Entry, min(max(about-len(r.entries), 8), 4096))
			}
			block[0] = entry
			r.entries[entry.ID], block = &block[0], block[1:]
		})
		var open []store.Run
		for _, id := range sagas {
			run, known, lookErr := e.Store.LookupRun(ctx, id)
			if err = cmp.Or(err, lookErr); known {
				open = append(open, run)
			}
		}
		if err != nil {
			return r, fmt.Errorf("load the ledger: %w", err)
		}
		r.sagas, err = e.idle(ctx, open)
		return r, err
	}
}

// idle are the sagas among runs that nobody works on: those that were interrupted, and those whose process
// died, which is certain only if nobody holds the lease.
func (e *Engine) idle(ctx context.Context, runs []store.Run) ([]store.Run, error) {
	var idle []store.Run
	asked, held := false, false
	for _, r := range runs {
		if !r.Saga || r.State == store.RunWaiting {
			continue
		}
		if r.State != store.RunInterrupted && !asked {
			holder, err := e.Store.Holder(ctx, store.RunLease)
			if err != nil {
				return nil, fmt.Errorf("load the ledger: %w", err)
			}
			asked, held = true, holder != nil
		}
		if r.State == store.RunInterrupted || !held {
			idle = append(idle, r)
		}
	}
	return idle, nil
}

// open takes the lease for a run, and tells the watchers what happens to it.
func (e *Engine) open(ctx context.Context, run store.Run, choice ledger.IfLeased) (context.Context, *ledger.Session, error) {
	return ledger.Open(ctx, e.Store, run, choice, &sessionWatcher{engine: e, run: run.ID})
}
