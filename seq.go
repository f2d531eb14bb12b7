// Package seq runs deploy-time work: one-off data operations, backfills, cache warm-ups and the
// schema migrations they go with, once each, in the right order, with the guarantee you picked.
//
// A service registers its operations, and on deploy runs those that have not run yet:
//
//	store, err := sqlite.Open("app.db")
//	…
//	report, err := seq.New(store, ops...).Use(strategies.TransactionalBatch()).Run(ctx)
//
// Every strategy is a combination of three small parts: a [Planner] turns ops into a [Plan], an
// [Executor] walks it, and [Middleware] surrounds the run or each step. Packages plan, exec and
// middleware have the parts, package strategies six combinations, packages store, store/sqlite
// and store/postgres the ledger, and package seqtest what tests need. This package holds the
// contracts between them and the kernel that calls the ops; it links no SQL driver.
//
// # Promises
//
// An attempt is in the ledger before its op is called, and its outcome is one compare-and-set
// on the attempt's random token. What an op's effect can be after a crash is the op's
// [Delivery]: exactly once for Transactional, at least once for Repeatable, at most once for Once.
package seq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// A Sequencer runs ops by a strategy on a ledger. Configure it with Use before the first run;
// from then on its methods are safe for concurrent use.
type Sequencer struct {
	store     store.Store
	ops       []Op
	base      Strategy     // as it was given
	added     []Middleware // to whatever strategy
	strategy  Strategy     // both together
	clock     clock.Clock
	drift     Drift
	errs      []error
	catalog   func() *catalog
	announcer announcer
}

// New returns a sequencer for ops on store; without ops, for those that were registered with
// [Register]. A slice that is passed as ops... must not be changed afterwards. The sequencer runs
// them by [Sequential] until Use says otherwise. What is wrong with store or ops is reported by Run
// and Preview, before anything runs.
func New(ledger store.Store, ops ...Op) *Sequencer {
	s := &Sequencer{store: ledger, ops: ops, clock: clock.Wall()}
	if len(ops) == 0 {
		s.ops = registered()
	}
	if ledger == nil {
		s.errs = append(s.errs, errors.New("seq.New: the store is nil"))
	}
	return s.Use(Sequential())
}

// A Part is what Use takes: a [Strategy], a [Middleware], a [Drift], or what [WithClock] returns.
type Part interface{ join(s *Sequencer) }

// Use sets the strategy, or adds middleware to it, and returns s. Each middleware goes where
// the law of order wants it (see [Layer]), a free one innermost; one that excludes another that
// is there takes its place. A strategy replaces the one before it; what was added stays. A
// combination that cannot keep its promise is refused by Run and Preview, before anything runs.
func (s *Sequencer) Use(parts ...Part) *Sequencer {
	for _, p := range parts {
		if p == nil {
			s.errs = append(s.errs, fmt.Errorf("%w: Use(nil)", ErrInvalidStrategy))
			continue
		}
		p.join(s)
	}
	s.strategy = s.base
	for _, m := range s.added {
		s.strategy.Middleware = place(s.strategy.Middleware, m)
	}
	ops, chain := s.ops, s.strategy.Middleware
	s.announcer = announcerFor(chain)
	s.catalog = sync.OnceValue(func() *catalog { return newCatalog(ops, chain) })
	return s
}

func (st Strategy) join(s *Sequencer) {
	def := Sequential()
	if st.Name == "" {
		st.Name = "custom"
		if st.Planner == nil && st.Executor == nil && st.Middleware == nil {
			st.Name = def.Name
		}
	}
	if st.Planner == nil {
		st.Planner = def.Planner
	}
	if st.Executor == nil {
		st.Executor = def.Executor
	}
	if st.Middleware == nil {
		st.Middleware = def.Middleware
	}
	s.base = st
}

func (m Middleware) join(s *Sequencer) { s.added = append(s.added, m) }

type partFunc func(*Sequencer)

func (f partFunc) join(s *Sequencer) { f(s) }

// WithClock makes the sequencer live by c instead of the wall clock: schedules, back-offs and
// time-outs. The lease on the ledger stays in real time.
func WithClock(c clock.Clock) Part {
	return partFunc(func(s *Sequencer) { s.clock = c })
}

// Store is the ledger.
func (s *Sequencer) Store() store.Store { return s.store }

// Ops are copies of the ops, in chronological order; those with an invalid ID are left out.
func (s *Sequencer) Ops() []Op {
	c := s.catalog()
	ops := make([]Op, len(c.ops))
	for i := range c.ops {
		ops[i] = *c.ops[i].op
	}
	return ops
}

// Strategy is what runs the ops, with all middleware in place.
func (s *Sequencer) Strategy() Strategy { return s.strategy }

// with returns s adjusted for one call.
func (s *Sequencer) with(opts []RunOption) (*Sequencer, *selection, error) {
	sel, err := selectionOf(opts)
	if len(sel.parts) > 0 {
		copied := *s
		copied.errs, copied.added = slices.Clone(s.errs), slices.Clone(s.added)
		s = copied.Use(sel.parts...)
	}
	return s, sel, errors.Join(append(s.errs, err, lawful(s.strategy.Middleware))...)
}

// Preview returns the plan that Run would execute now. It locks nothing and writes nothing; the
// schedule of an op that was never enrolled is resolved as of now.
func (s *Sequencer) Preview(ctx context.Context, opts ...RunOption) (*Plan, error) {
	s, sel, err := s.with(opts)
	if err != nil {
		return nil, err
	}
	p, err := s.load(ctx, sel, s.look(sel))
	if err != nil {
		return nil, err
	}
	return p.plan(ctx)
}

// load reads the ledger for a plan. Ops that are wrong in themselves never touch it.
func (s *Sequencer) load(ctx context.Context, sel *selection, read func(context.Context) (map[string]*store.Entry, error)) (*planning, error) {
	c := s.catalog()
	if c.err != nil && len(c.foreign) == 0 {
		return nil, c.err
	}
	entries, err := read(ctx)
	if err != nil {
		return nil, errors.Join(c.err, err)
	}
	p := &planning{catalog: c, entries: entries, sel: sel, strategy: &s.strategy, policy: s.drift, now: s.clock.Now()}
	p.rename()
	return p, nil
}

// read is a read without the lease.
func (s *Sequencer) read(ctx context.Context) (map[string]*store.Entry, error) {
	return byName(s.store.Load(ctx))
}

// look is how to read for a plan, which need not know much of what is done unless that is repeated.
func (s *Sequencer) look(sel *selection) func(context.Context) (map[string]*store.Entry, error) {
	b, can := s.store.(store.Briefer)
	if !can || sel.repeat || !has(s.strategy.Middleware, LayerRecord) {
		return s.read
	}
	return func(ctx context.Context) (map[string]*store.Entry, error) {
		about := len(s.catalog().ops)
		entries := make(map[string]*store.Entry, about)
		var block []store.Entry
		err := b.Brief(ctx, func(e store.Entry) {
			if len(block) == 0 {
				block = make([]store.Entry, min(max(about-len(entries), 8), 4096))
			}
			block[0] = e
			entries[e.ID], block = &block[0], block[1:]
		})
		return entries, loading(err)
	}
}

// byName is what a read of the ledger answers, by ID.
func byName(list []store.Entry, err error) (map[string]*store.Entry, error) {
	entries := make(map[string]*store.Entry, len(list))
	for i := range list {
		entries[list[i].ID] = &list[i]
	}
	return entries, loading(err)
}

func loading(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("load the ledger: %w", err)
}

// handler is the chain that a call goes through.
func (s *Sequencer) handler() Handler {
	h := Handler(invoke)
	for _, m := range slices.Backward(s.strategy.Middleware) {
		if m.Step != nil {
			h = m.Step(h)
		}
	}
	return h
}

// executor is the chain that a run goes through.
func (s *Sequencer) executor() Executor {
	e := s.strategy.Executor
	for _, m := range slices.Backward(s.strategy.Middleware) {
		if m.Run == nil {
			continue
		}
		if e = m.Run(e); e == nil {
			return ExecutorFunc(func(context.Context, *Walk) error {
				return fmt.Errorf("%w: Run of middleware %s returns nil", ErrInvalidStrategy, m.Name)
			})
		}
	}
	return e
}
