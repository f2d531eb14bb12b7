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
	"context"
	"errors"

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
}

// forCall is the engine for one call: a strategy that records nothing gets a ledger in memory.
func (e *Engine) forCall() *Engine {
	if !plays(e.Strategy.Chain, role.Unrecorded) {
		return e
	}
	copied := *e
	copied.Store = store.NewMemory()
	return &copied
}

// awaits reports whether the strategy waits for what is not due.
func (e *Engine) awaits() bool { return plays(e.Strategy.Chain, role.Await) }

// Preview returns the plan that Run would carry out now. It locks nothing and writes nothing.
func (e *Engine) Preview(ctx context.Context, req *Request) (*plan.Plan, error) {
	e = e.forCall()
	p, err := e.Load(ctx, req, e.brief(req))
	if err != nil {
		return nil, err
	}
	made, err := p.plan(ctx)
	if err != nil {
		return nil, err
	}
	return made.Plan, nil
}

// A reader reads the ledger.
type reader func(context.Context) (map[string]*store.Entry, error)

// Load reads the ledger for a plan. Tasks that are wrong in themselves never touch it.
func (e *Engine) Load(ctx context.Context, req *Request, read reader) (*Planning, error) {
	c := e.Catalog
	if c.err != nil && len(c.foreign) == 0 {
		return nil, c.err
	}
	entries, err := read(ctx)
	if err != nil {
		return nil, errors.Join(c.err, err)
	}
	if req.Only != nil {
		named := *req
		named.Only = c.current(req.Only)
		req = &named
	}
	p := &Planning{catalog: c, entries: entries, req: req, strategy: &e.Strategy, drift: e.Drift, now: e.Clock.Now()}
	return p, p.adopt()
}

// Full reads everything that the ledger says, without the lease.
func (e *Engine) Full(ctx context.Context) (map[string]*store.Entry, error) {
	return ledger.ByID(e.Store.Load(ctx))
}

// brief is how to read for a plan, which need not know much of what is done unless that is repeated.
func (e *Engine) brief(req *Request) reader {
	b, can := e.Store.(store.Briefer)
	if !can || req.Repeat {
		return e.Full
	}
	return func(ctx context.Context) (map[string]*store.Entry, error) {
		about := len(e.Catalog.tasks)
		entries := make(map[string]*store.Entry, about)
		var block []store.Entry
		err := b.Brief(ctx, func(entry store.Entry) {
			if len(block) == 0 {
				block = make([]store.Entry, min(max(about-len(entries), 8), 4096))
			}
			block[0] = entry
			entries[entry.ID], block = &block[0], block[1:]
		})
		if err != nil {
			return ledger.ByID(nil, err)
		}
		return entries, nil
	}
}

// open takes the lease for a run, and tells the watchers what happens to it.
func (e *Engine) open(ctx context.Context, run store.Run, choice ledger.IfLeased) (context.Context, *ledger.Session, error) {
	return ledger.Open(ctx, e.Store, run, choice, &sessionWatcher{e, run.ID})
}
