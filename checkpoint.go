package seq

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/internal/verdict"
	"github.com/sequencer-go/seq/middleware"
)

// What [Checkpoint] and [Rest] may answer with, beside errors of the ledger.
var (
	// ErrPaused means that somebody asked for a pause: see [Sequencer.Pause].
	ErrPaused = verdict.ErrPaused
	// ErrCancelled means that somebody ended the op for good: see [Sequencer.Cancel].
	ErrCancelled = verdict.ErrCancelled
	// ErrNotResumable means that the op has no checkpoints: its Delivery is not [Resumable], or it is its
	// Rollback that is called.
	ErrNotResumable = engine.ErrNotResumable
)

// A Point is how far a [Resumable] op has come.
type Point struct {
	// Cursor is what the op needs to go on from here. It is kept as JSON, at most [MaxSavedBytes] of it
	// together with Pace, and read again with [Saved].
	Cursor any
	// Done is how much is done, in whatever unit. It should never fall within one attempt at the op.
	Done int64
	// Total is how much there is to do; 0 means that nobody knows.
	Total int64
	// Pace is for people, and may be zero.
	Pace Pace
}

// Pace is how a [Resumable] op gets on, in its own words: see [middleware.Pace]. [OpStatus] has that of the
// last checkpoint.
type Pace = middleware.Pace

// Estimate is what the remaining time of a [Pace] is worth: see [middleware.Estimate].
type Estimate = middleware.Estimate

// The worths.
const (
	EstimateUnknown   = middleware.EstimateUnknown   // the total is not known
	EstimateMeasuring = middleware.EstimateMeasuring // it has not moved for long enough to say
	EstimateGood      = middleware.EstimateGood      // from the rate of late
	EstimateDone      = middleware.EstimateDone      // nothing is left
)

// kept is what the ledger has of a point.
type kept struct {
	Cursor json.RawMessage `json:"cursor"`
	Pace   *Pace           `json:"pace,omitempty"`
}

// Checkpoint commits one batch of a [Resumable] op. In one transaction of the store it calls batch, whose
// context carries the transaction (for the SQL stores, bunstore.DB and bunstore.Tx find it), and commits
// what batch wrote together with the [Point] that it returned, provided that the attempt is still this
// one: so every batch takes effect exactly once, whatever is killed, paused or cut off.
//
// If batch returns an error, nothing of it is kept and Checkpoint returns that error; the op may try again,
// or go on with another batch. It returns an error without calling batch once ctx has ended, somebody has
// paused or cancelled the op, or the attempt was closed by another process; then the op should return it.
// An op that returns nil all the same has not succeeded.
//
// batch should be short: rows that it has locked stay so, an op that was stopped from outside hears of it
// between two batches, and on SQLite nobody else can write meanwhile. On Postgres its transaction must not
// idle for longer than the lease lasts. Calls may overlap where the database has several writers; then it
// is up to the op that the Point of each has in it what the others have committed.
func Checkpoint(ctx context.Context, batch func(ctx context.Context) (Point, error)) error {
	a := opctx.Of(ctx)
	if a == nil {
		return fmt.Errorf("checkpoint: %w", ErrNotInOp)
	}
	err := a.Checkpoint(ctx, func(ctx context.Context) (opctx.Point, error) {
		p, err := batch(ctx)
		if err != nil {
			return opctx.Point{}, err
		}
		saved, err := p.saved()
		return opctx.Point{Saved: saved, Done: p.Done, Total: max(p.Total, 0), Pace: p.Pace}, err
	})
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

func (p *Point) saved() ([]byte, error) {
	cursor, err := json.Marshal(p.Cursor)
	if err != nil {
		return nil, fmt.Errorf("the cursor: %w", err)
	}
	k := kept{Cursor: cursor}
	if p.Pace != (Pace{}) {
		k.Pace = &p.Pace
	}
	data, err := json.Marshal(k)
	if err == nil && len(data) > MaxSavedBytes {
		err = fmt.Errorf("the cursor: %d bytes of JSON with its pace, at most %d allowed", len(data), MaxSavedBytes)
	}
	return data, err
}

// cursorOf is the cursor in what the ledger has of a point; nil if it is none.
func cursorOf(data []byte) json.RawMessage {
	var k kept
	if json.Unmarshal(data, &k) != nil {
		return nil
	}
	return k.Cursor
}

// paceOf is the pace in what the ledger has of a point; zero if it has none.
func paceOf(data []byte) Pace {
	var k kept
	if json.Unmarshal(data, &k) != nil || k.Pace == nil {
		return Pace{}
	}
	return *k.Pace
}

// Asked is what somebody asked of a [Resumable] op, as its last batch found it; within the batch, of that
// very batch. 0 leaves it to the op: see [Sequencer.Set].
func Asked(ctx context.Context) (size int64, rest time.Duration) {
	if a := opctx.Of(ctx); a != nil {
		return a.Asked()
	}
	return 0, 0
}

// Rest lets a [Resumable] op wait for d, and tells the ledger why it does not move, for [OpStatus] Note. It
// looks twice a second whether something is asked: it returns early, with an error as of [Checkpoint], if
// that is a pause or a cancellation, and with nil if size or rest have changed. The note stays until the
// next checkpoint or Rest.
func Rest(ctx context.Context, why string, d time.Duration) error {
	a := opctx.Of(ctx)
	if a == nil {
		return fmt.Errorf("rest: %w", ErrNotInOp)
	}
	if err := a.Rest(ctx, why, d); err != nil {
		return fmt.Errorf("rest: %w", err)
	}
	return nil
}
