package seq

import "context"

// A Strategy is a planner, an executor and the middleware around them: plain data. A nil field
// is the one of [Sequential], so the zero strategy is Sequential.
type Strategy struct {
	Name       string
	Planner    Planner
	Executor   Executor
	Middleware []Middleware
}

// An Executor walks a plan. Execute calls walk.Do for steps whose After has settled, never twice
// for one step at a time, and returns only after all that it started has ended. It stops
// starting steps when one returned an error, and returns what was returned to it.
// seqtest.TestExecutor holds an implementation to this contract.
type Executor interface {
	Execute(ctx context.Context, walk *Walk) error
}

// ExecutorFunc is a function as an [Executor].
type ExecutorFunc func(ctx context.Context, walk *Walk) error

// Execute calls f.
func (f ExecutorFunc) Execute(ctx context.Context, walk *Walk) error { return f(ctx, walk) }

// PlannerFunc is a function as a [Planner].
type PlannerFunc func(ctx context.Context, in Input) (*Plan, error)

// Plan calls f.
func (f PlannerFunc) Plan(ctx context.Context, in Input) (*Plan, error) { return f(ctx, in) }

// A Handler makes one attempt at one step, in either direction.
type Handler func(ctx context.Context, call *Call) error
