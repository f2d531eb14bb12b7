// Package opctx has the keys under which the context of an op knows its attempt.
package opctx

import (
	"context"
	"log/slog"
	"time"
)

// StoreKey is the key of the store.Store that records the attempt.
type StoreKey struct{}

// TxKey is the key of the transaction that an attempt is made in. The context of another attempt hides
// it: an op that runs another sequencer lends it nothing.
type TxKey struct{}

// ControlKey is the key of the store.Control of the op whose transaction it is.
type ControlKey struct{}

// AttemptKey is the key of the [Attempt].
type AttemptKey struct{}

// How many lines of an op's log are kept with an attempt, and how long each may be.
const (
	MaxLogLines     = 50
	MaxLogLineBytes = 1000
)

// An Attempt is what an op, and the middleware around it, may ask of the attempt that it belongs to.
// Its methods are safe for concurrent use.
type Attempt interface {
	// Save keeps data for the rollback and the next attempt.
	Save(data []byte) error
	// Saved is what was saved last; nil if nothing was.
	Saved() []byte
	// Progress tells how far the op has come.
	Progress(done, total int64)
	// Resumable reports whether the op has checkpoints.
	Resumable() bool
	// Checkpoint commits a batch of a Resumable op, with the point that it came to.
	Checkpoint(ctx context.Context, batch func(ctx context.Context) (Point, error)) error
	// Asked is what was asked of the op when its last batch began: how much a batch is to do, and how
	// long to rest between two; 0 leaves it to the op.
	Asked() (size int64, rest time.Duration)
	// Rest waits for d, and says why the op does not move. It returns early when something is asked.
	Rest(ctx context.Context, why string, d time.Duration) error
	// Key is the idempotency key.
	Key() string
	// Info is what the attempt is.
	Info() Info
	// Logger is where the op logs; its attributes name the attempt.
	Logger() *slog.Logger
	// Retrying says that the call failed and will be made again after delay.
	Retrying(err error, delay time.Duration)
	// RefusedInTx reports whether the op is Transactional and called without a transaction, because the
	// database refused it in one.
	RefusedInTx() bool
	// AtCall has f called once, just before the op is called next: what stands before it, such as the
	// wait for a database that has one writer, is over then.
	AtCall(f func())
}

// Point is how far a Resumable op has come. Saved is the whole of what is kept, Pace a middleware.Pace.
type Point struct {
	Saved       []byte
	Done, Total int64
	Pace        any
}

// Info is what an op may know of its attempt. It has the fields of seq.OpInfo, where they are documented.
type Info struct {
	ID          string
	Run         string
	Strategy    string
	Direction   uint8 // a store.Direction
	Attempt     int
	Call        int
	Retry       bool
	Environment string
}

// Of is the attempt that a context belongs to, nil if to none.
func Of(ctx context.Context) Attempt {
	a, _ := ctx.Value(AttemptKey{}).(Attempt)
	return a
}

// SubjectKey is the key of the [Subject] of a condition.
type SubjectKey struct{}

// A Subject is the op that a context is about: an attempt at it, or its condition.
type Subject interface {
	Info() Info
	Logger() *slog.Logger
}

// SubjectOf is the op that a context is about, nil if none.
func SubjectOf(ctx context.Context) Subject {
	if a := Of(ctx); a != nil {
		return a
	}
	s, _ := ctx.Value(SubjectKey{}).(Subject)
	return s
}
