// Package strategies has the six strategies: each a planner, an executor and a few middleware,
// plain data like your own would be. All of them take the same options.
//
//	strategy               order                               a failure that is not allowed
//	Sequential             by timestamp, one after another     stops the run
//	Batch                  migrations, then all side by side   stops the run
//	TransactionalBatch     as Batch                            undoes the run
//	AllowedToFailBatch     as Batch                            is reported at the end
//	DependencyGraph        waves of what is independent        stops the run
//	Scheduled              by time, what is due                stops the run
//
// Under all of them, a dependency is never violated, a schedule is kept, and the failure of an op
// that is AllowedToFail is a note in the report.
package strategies

import (
	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
)

// Sequential does migrations and operations in chronological order, one after another, and stops
// at the first failure. What is done stays done. It is the default of seq.New.
func Sequential(opts ...Option) seq.Strategy {
	return build(seq.Sequential(), opts)
}

// Batch does all migrations, one after another, and then all operations side by side. After a
// failure it starts nothing more, and lets finish what runs.
func Batch(opts ...Option) seq.Strategy {
	return build(seq.Strategy{
		Name:       "batch",
		Planner:    plan.MigrationsFirst(),
		Middleware: []middleware.Middleware{middleware.Record(), middleware.Tolerate()},
	}, opts)
}

// TransactionalBatch is all or nothing: as Batch, but after a failure all that this run has
// completed is undone, the latest first. Ops without a Rollback cannot be; Preview marks them,
// the report names them, and [RequireReversible] refuses them.
func TransactionalBatch(opts ...Option) seq.Strategy {
	return build(seq.Strategy{
		Name:       "transactional-batch",
		Planner:    plan.MigrationsFirst(),
		Middleware: []middleware.Middleware{middleware.Saga(), middleware.Record(), middleware.Tolerate()},
	}, opts)
}

// AllowedToFailBatch gives every operation its turn: as Batch, but a failure stops no other
// operation. Failures that are not allowed fail the run in the end.
func AllowedToFailBatch(opts ...Option) seq.Strategy {
	return build(seq.Strategy{
		Name:       "allowed-to-fail-batch",
		Planner:    plan.MigrationsFirst(),
		Middleware: []middleware.Middleware{middleware.Record(), middleware.Tolerate()},
	}, opts, exec.KeepGoing)
}

// DependencyGraph does migrations and operations in topological waves: those of one wave side by
// side, the waves one after another. [Eager] starts each as soon as its own dependencies are
// done; [Saga] undoes the run after a failure.
func DependencyGraph(opts ...Option) seq.Strategy {
	return build(seq.Strategy{
		Name:       "dependency-graph",
		Planner:    plan.Waves(),
		Middleware: []middleware.Middleware{middleware.Record(), middleware.Tolerate()},
	}, opts)
}

// Scheduled does what is due, one after another, and leaves the rest to RunDue or Serve; with
// [Wait] it blocks until all have had their turn.
func Scheduled(opts ...Option) seq.Strategy {
	return build(seq.Strategy{
		Name:       "scheduled",
		Planner:    plan.TimeGated(plan.Chronological()),
		Executor:   exec.Serial(),
		Middleware: []middleware.Middleware{middleware.Defer(), middleware.Record(), middleware.Tolerate()},
	}, opts)
}
