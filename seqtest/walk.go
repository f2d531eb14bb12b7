package seqtest

import (
	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
)

// NewWalk returns a walk over a plan that records nothing and calls do for each step, for tests and
// benchmarks of executors. Dependencies are honoured as in a real run: also those that a step names in
// DependsOn and not in After.
func NewWalk(p *plan.Plan, do middleware.Handler) exec.Walk {
	return engine.NewWalk(p, do, func(id string, d seq.Direction, effect seq.Effect, err error) error {
		return &seq.OpError{ID: id, Direction: d, Effect: effect, Err: err}
	})
}
