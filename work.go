package seq

import (
	"context"
	"errors"

	"github.com/sequencer-go/seq/internal/engine"
)

// ErrNeeds means that an op that a run needs is not done: see [Needs].
var ErrNeeds = engine.ErrNeeds

// Work takes up the ops that are Background (see [Op]) and ready, until ctx ends and everything that it
// started has ended; it then returns the cause. Call it in every replica, beside Serve: each such op is
// worked on by one process at a time, and when that dies, or is told to end, another goes on from the last
// [Checkpoint]. One op at a time is worked on in a process, or as many as [AtATime] says.
//
// An op is ready when what it depends on is done and the run that did it is over, and nobody has paused or
// cancelled it. One that fails after it got further is tried again, after a pause that begins with a second
// and doubles up to five minutes; so is one that fails without getting further, but only as often as its
// MaxFailures allows, which is ten times if it is 0. Failures, and a ledger that is away, reach the watchers
// (see middleware.Middleware); of the strategy, what surrounds a step takes part, and what surrounds a run
// alone does not. Work returns early only for what no waiting mends, such as an invalid op.
func (s *Sequencer) Work(ctx context.Context, opts ...RunOption) error {
	e, c, err := s.engine(ctx, workCall, opts)
	if err != nil {
		return err
	}
	most := 1
	if c.atATime != nil {
		most = *c.atATime
	}
	return e.Work(ctx, &c.Request, most, func(err error) bool {
		return IsMistake(err) || errors.Is(err, ErrSchemaNewer) || errors.Is(err, ErrInvalidOption)
	})
}

// AtATime is how many ops [Sequencer.Work] works on side by side in this process; n must be at least 1.
func AtATime(n int) RunOption {
	return RunOption{"AtATime", workCall, func(c *choice) { c.atATime = &n }}
}

// Needs makes Run fail before it touches anything, with an error that matches [ErrNeeds] and says how far
// they are, unless these ops are done: for a deploy whose code must not start before a backfill is through.
// It is for Run and Preview.
func Needs(ids ...string) RunOption {
	return RunOption{"Needs", runCall | previewCall, func(c *choice) { c.Needs = append(c.Needs, ids...) }}
}
