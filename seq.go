// Package seq runs deploy-time work: one-off data operations, backfills, cache warm-ups and the
// schema migrations they go with, once each, in the right order, with the guarantee you picked.
//
// A complete program:
//
//	func main() {
//		ledger, err := sqlite.Open("app.db") // or postgres.Open(dsn), store.NewMemory()
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer ledger.Close()
//		report, err := seq.New(ledger, seq.Op{
//			ID:       "2024_01_15_120000_merge_accounts",
//			Delivery: seq.Transactional,
//			Run: func(ctx context.Context) error {
//				_, err := bunstore.DB(ctx).ExecContext(ctx, "UPDATE accounts SET plan = 'free' WHERE plan IS NULL")
//				return err
//			},
//		}).Use(strategies.TransactionalBatch()).Run(context.Background())
//		fmt.Print(report)
//		if err != nil {
//			log.Fatal(err)
//		}
//	}
//
// An [Op] is data: an ID that begins with a timestamp, a function, and what else it can do. A
// [Sequencer] runs those that have not run yet by a [Strategy], and keeps a ledger of it in a store.
// [Sequencer.Preview] returns the plan that [Sequencer.Run] would carry out; [Sequencer.Rollback] undoes;
// [Sequencer.Status] says how everything stands. What an op may ask while it runs takes its context:
// [Info], [Logger], [Save], [Saved], [Progress], [IdempotencyKey]; what its error may say beyond that it
// failed are [Skip], [NotApplied] and [Permanent].
//
// A strategy combines three small parts: a planner (package plan) turns ops into a plan of what waits
// for what, an executor (package exec) walks it, and middleware (package middleware) surrounds the run
// or each step. Package strategies has six combinations, packages store, store/sqlite and
// store/postgres the ledger, and package seqtest what tests need. This package links no SQL driver.
//
// # Promises
//
// An attempt is in the ledger before its op is called, and its outcome is one compare-and-set
// on the attempt's random token. What an op's effect can be after a crash, or an error, is the op's
// [Delivery]: exactly once for Transactional, at least once for Repeatable, at most once for Once, and
// exactly once batch by batch for Resumable, see [Checkpoint].
//
// # Beside deploys
//
// An op that is Background is no part of a run: [Sequencer.Work] does it, in whatever replica, and
// [Sequencer.Pause], [Sequencer.Stop] and the like steer it, and runs, from any host. Package backfill makes
// such ops.
package seq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/notify"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A Sequencer runs ops by a strategy on a ledger. Configure it with Use before the first run;
// from then on its methods are safe for concurrent use.
type Sequencer struct {
	ledger   store.Store
	ops      []Op
	base     Strategy                // as it was given
	added    []middleware.Middleware // to whatever strategy
	strategy Strategy                // both together
	clock    clock.Clock
	drift    Drift
	crashes  CrashLimit
	errs     []error // what is wrong with what it was given
	catalog  func() *engine.Catalog
	watchers notify.Fanout
	settings
}

// New returns a sequencer for ops on a ledger. Without ops it takes those that were registered with
// [Register]; an empty list that is not nil, as ops..., is no ops at all. A slice that is passed as
// ops... must not be changed afterwards. The sequencer runs them by [Sequential] until Use says
// otherwise. What is wrong with the ledger or the ops is reported by Run and Preview, before anything
// runs.
func New(ledger store.Store, ops ...Op) *Sequencer {
	s := &Sequencer{ledger: ledger, ops: ops, clock: clock.Wall()}
	if ops == nil {
		s.ops = Registered()
	}
	if v := reflect.ValueOf(ledger); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		s.errs = append(s.errs, fmt.Errorf("%w: seq.New: the store is nil", ErrInvalidOption))
	}
	return s.Use(Sequential())
}

// A Part is what [Sequencer.Use] takes: a [Strategy], a [middleware.Middleware], a [Drift], or what
// [WithClock], [InEnvironment], [WithLogger], [WithRetention] or [Redact] returns. Anything else is refused by Run and Preview.
type Part interface{ SequencerPart() }

// Use sets the strategy, or adds middleware to it, and returns s. Each middleware goes where
// the law of order wants it (see middleware.Layer), a free one innermost; one that excludes another
// that is there takes its place. A strategy replaces the one before it; what was added stays. A
// combination that cannot keep its promise is refused by Run and Preview, before anything runs.
func (s *Sequencer) Use(parts ...Part) *Sequencer {
	for _, p := range parts {
		switch p := p.(type) {
		case Strategy:
			s.base = p.complete()
		case middleware.Middleware:
			s.added = append(s.added, p)
		case Drift:
			s.drift = p
		case clockPart:
			s.clock = p.Clock
		case CrashLimit:
			s.crashes = p
		case environmentPart, loggerPart, redactPart, retentionPart:
			if err := s.setting(p); err != nil {
				s.errs = append(s.errs, err)
			}
		default:
			s.errs = append(s.errs, fmt.Errorf("%w: Use(%T)", ErrInvalidStrategy, p))
		}
	}
	s.strategy = s.base
	for _, m := range s.added {
		s.strategy.Middleware = engine.InsertByLayer(s.strategy.Middleware, m)
	}
	ops, chain := s.ops, s.strategy.Middleware
	s.watchers = notify.To(chain)
	s.catalog = sync.OnceValue(func() *engine.Catalog { return newCatalog(ops, chain) })
	return s
}

// newCatalog hands the ops to the engine. An engine.Task has the fields of an Op, so that a pointer
// converts and nothing is copied.
func newCatalog(ops []Op, chain []middleware.Middleware) *engine.Catalog {
	tasks := func(yield func(*engine.Task) bool) {
		for i := range ops {
			if !yield((*engine.Task)(&ops[i])) {
				return
			}
		}
	}
	return engine.NewCatalog(tasks, len(ops), chain, registeredAt)
}

// same reports whether two stores are one; those that cannot be compared are not.
func same(a, b store.Store) bool {
	return a != nil && b != nil && reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// CrashLimit is how many processes in a row an op may take down, without getting further than before,
// until it is left to a person: see [ErrPoisoned]. It is a [Part]; the default is 3, a negative one means
// that there is no limit.
type CrashLimit int

// SequencerPart makes CrashLimit something that [Sequencer.Use] takes.
func (CrashLimit) SequencerPart() {}

type clockPart struct{ clock.Clock }

// SequencerPart implements [Part].
func (clockPart) SequencerPart() {}

// WithClock makes the sequencer live by c instead of the wall clock: schedules, back-offs and
// time-outs. The lease on the ledger stays in real time.
func WithClock(c clock.Clock) Part { return clockPart{c} }

// Store is the ledger.
func (s *Sequencer) Store() store.Store { return s.ledger }

// Ops are copies of the ops, in chronological order; those with an invalid ID are left out.
func (s *Sequencer) Ops() []Op {
	c := s.catalog()
	ops := make([]Op, 0, c.Len())
	for t := range c.Tasks {
		ops = append(ops, *(*Op)(t))
	}
	return ops
}

// Strategy is what runs the ops, with all middleware in place.
func (s *Sequencer) Strategy() Strategy { return s.strategy }

// Run does what is left to do: every op that is registered, chosen by the options, and has not
// succeeded before. It first undoes what an interrupted rollback left, then plans, and carries out
// exactly that plan. It returns when all it started has ended. The report is never nil and is
// true also when the error is not nil; an error about ops is a *[RunError].
//
// While it works it holds the ledger's lease, so that runs of other processes wait (see
// [Isolate]). With nothing to do it is one query and no lock.
func (s *Sequencer) Run(ctx context.Context, opts ...RunOption) (*Report, error) {
	return s.run(ctx, runCall, opts)
}

// RunDue does what the schedule holds and is due, each op once whichever process asks, and
// returns. It is for cron: call it every minute from as many hosts as you like.
func (s *Sequencer) RunDue(ctx context.Context, opts ...RunOption) (*Report, error) {
	return s.run(ctx, dueCall, opts)
}

func (s *Sequencer) run(ctx context.Context, by call, opts []RunOption) (*Report, error) {
	e, c, err := s.engine(ctx, by, opts)
	if err != nil {
		return &Report{Strategy: s.strategy.Name, State: RunFailed}, err
	}
	c.Due = by == dueCall
	return reported(e.Run(ctx, &c.Request))
}

// Serve does what is due, waits for the next time something is, and so on until ctx ends; it
// then returns the cause. Any number of processes may serve one ledger: each due op runs once.
// An op that fails is left for the next Run. If the ledger cannot be reached, Serve tries again
// within a minute; it returns early only for what no waiting mends, such as an invalid op.
// Failures, and a ledger that is away, reach the watchers (see middleware.Middleware). What became due
// while it worked it does at once; what another process enrols, within 30 s.
func (s *Sequencer) Serve(ctx context.Context, opts ...RunOption) error {
	e, c, err := s.engine(ctx, serveCall, opts)
	if err != nil {
		return err
	}
	return e.Serve(ctx, &c.Request, func(err error) bool { return IsMistake(err) || errors.Is(err, ErrSchemaNewer) })
}

// Wait returns when nothing is [Required] any more: everything is done, or may fail, is not for here, or
// not due. It is for a process that must not start before the deploy's work is done, beside the one that
// runs it. It calls no function of any op and takes no lease. It fails at once, with an error that
// matches [ErrNeedsPerson] and names them, for ops that no run will do. What merely failed is waited for,
// and so is a database, or tables, that are not there yet; when ctx ends the error says what for. Of
// options it takes those that choose ops.
func (s *Sequencer) Wait(ctx context.Context, opts ...RunOption) error {
	e, c, err := s.engine(ctx, waitCall, opts)
	if err != nil {
		return err
	}
	return e.Wait(ctx, &c.Request, func(err error) bool {
		return IsMistake(err) || errors.Is(err, ErrSchemaNewer) || errors.Is(err, ErrInvalidOption)
	})
}

// Preview returns the plan that Run would carry out now. It locks nothing and writes nothing; the
// schedule of an op that was never enrolled is resolved as of now.
func (s *Sequencer) Preview(ctx context.Context, opts ...RunOption) (*plan.Plan, error) {
	e, c, err := s.engine(ctx, previewCall, opts)
	if err != nil {
		return nil, err
	}
	return e.Preview(ctx, &c.Request)
}

// Rollback undoes ops that succeeded, the latest first, one after another (on the workers of a fleet side by
// side, as far as the plan allows): those of the last run that did
// something, or with [From] all down to that ID, or with [Only] or [Tags] those. It first ends a
// rollback that was interrupted, and tries one that failed again. If one of them cannot be
// undone, because it has no Rollback, is not registered any more, or something that stays
// depends on it, nothing is undone and the error names all such. What was undone is pending
// again. Report and error are as for Run.
func (s *Sequencer) Rollback(ctx context.Context, opts ...RunOption) (*Report, error) {
	e, c, err := s.engine(ctx, rollbackCall, opts)
	if err != nil {
		return &Report{Strategy: engine.RollbackName, State: RunFailed}, err
	}
	return reported(e.Rollback(ctx, &c.Request))
}

// PreviewRollback returns what [Sequencer.Rollback] would undo now, as a plan whose steps stand in
// the order of undoing. It locks nothing and writes nothing, and fails as Rollback would.
func (s *Sequencer) PreviewRollback(ctx context.Context, opts ...RunOption) (*plan.Plan, error) {
	e, c, err := s.engine(ctx, previewRollbackCall, opts)
	if err != nil {
		return nil, err
	}
	return e.PreviewRollback(ctx, &c.Request)
}

// engine is what carries out one call, adjusted by its options.
func (s *Sequencer) engine(ctx context.Context, by call, opts []RunOption) (*engine.Engine, *choice, error) {
	if ctx == nil {
		return nil, nil, fmt.Errorf("%w: %s: the context is nil", ErrInvalidOption, callNames[by])
	}
	if by&(previewCall|previewRollbackCall|statusCall|waitCall|asks) == 0 && same(store.FromContext(ctx), s.ledger) {
		return nil, nil, fmt.Errorf("%w: %s", ErrReentrant, callNames[by])
	}
	c, err := chosen(opts, by)
	if len(c.parts) > 0 {
		copied := *s
		copied.errs, copied.added = slices.Clone(s.errs), slices.Clone(s.added)
		s = copied.Use(c.parts...)
	}
	var kept error
	if s.retention != nil {
		_, kept = s.maintainer("WithRetention")
	}
	if err := errors.Join(append(slices.Clone(s.errs), err, kept, engine.ValidateChain(s.strategy.Middleware))...); err != nil {
		return nil, c, err
	}
	return &engine.Engine{
		Store: s.ledger, Clock: s.clock, Catalog: s.catalog(), Drift: engine.Drift(s.drift), MaxCrashes: int(cmp.Or(s.crashes, engine.DefaultMaxCrashes)), Watchers: s.watchers, OpError: newOpError,
		Environment: s.environment, Logger: s.logger, Redact: s.redact, Retention: s.retention,
		Strategy: engine.Strategy{Name: s.strategy.Name, Planner: s.strategy.Planner, Executor: s.strategy.Executor, Chain: s.strategy.Middleware},
	}, c, nil
}
