package seq

import (
	"context"

	"github.com/sequencer-go/seq/internal/engine"
)

// Package fleet is a module of its own, and makes workers of sequencers.
func init() {
	engine.OfSequencer = func(ctx context.Context, sequencer any) (*engine.Engine, error) {
		e, _, err := sequencer.(*Sequencer).engine(ctx, runCall, nil)
		return e, err
	}
}

// ErrNoWorker means that an op was to be done by a worker of a fleet, and none has begun it in time: none
// lives, or none of them can do it. Nothing was called. See package fleet.
var ErrNoWorker = engine.ErrNoWorker
