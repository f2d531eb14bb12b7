package backfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sequencer-go/seq/clock"
)

// A Job is a backfill: where its rows come from, and what is done to a range of them. From and Do are
// needed; the zero value of everything else is a default that is fit for production.
type Job[K any] struct {
	// From cuts the work into ranges.
	From Source[K]
	// Do does one range, in the transaction of its batch, which bunstore.DB(ctx) is: what it writes there is
	// committed with the cursor, or not at all. It is called again for the same rows only if nothing of the
	// first call was kept. With several Workers it is called from several goroutines at a time. It must not
	// wait for anything but its database: see [Calls].
	Do func(ctx context.Context, r Range[K]) error

	// Target is how long a batch should take; its size follows. 0 means 200 ms. On SQLite at most 50 ms
	// count, because nobody else can write meanwhile.
	Target time.Duration
	// Size is how many rows the first batch has; 0 means 500. MinSize and MaxSize are the bounds for the
	// others; 0 means 10 and 50,000. All three alike fix the size. A person may set another, see seq.Asked.
	Size, MinSize, MaxSize int64
	// Duty is the share of the time that it works, above 0 and at most 1: with 0.5 it rests after a batch for
	// as long as the batch took. 0 means 1 on Postgres; on SQLite 0.8, and at least 2 ms, so that
	// deploys beside it get their turn. A person may set another rest, see seq.Asked.
	Duty float64
	// Gates are asked between two batches, once a second; one that says stop holds all parts up.
	Gates []Gate

	// Parts is how many ranges of about the same size the rows are cut into at the start, each with a cursor
	// of its own; 0 means 1, at most [MaxParts]. Workers is how many of them are worked on at a time; 0 means
	// all, and each needs a connection to the database. Another number takes effect when the op is done anew.
	Parts, Workers int

	// LockTimeout is how long a statement of a batch may wait for a lock, on Postgres; 0 means 5 s, a
	// negative one as long as the server has it. A batch that ran into it, into a deadlock or a
	// serialization failure is tried again [maxTries] times.
	LockTimeout time.Duration
	// DeadLetters is how many rows may be put aside. With it, a batch that fails is halved until the row
	// that fails is alone; that goes to the table of dead letters, see [DeadLetters], in the transaction that
	// moves the cursor past it. One more than that fails the op, and no run calls it again before it is
	// retried by hand. 0 means that the first failure of a batch fails the op.
	DeadLetters int

	// Clock is what batches are timed and gates are asked by; nil means that of the machine.
	Clock clock.Clock
}

// MaxParts is how many parts a job can have.
const MaxParts = 64

// maxTries is how often a batch is tried that ran into locks of others.
const maxTries = 6

// A Range is what one batch is about: the rows with keys from First to Last, both of them included, as SQL's
// BETWEEN has it.
type Range[K any] struct {
	First K     `json:"first"`
	Last  K     `json:"last"`
	Rows  int64 `json:"rows,omitempty"` // how many there are, as far as the source knows; what progress counts
}

// String is the range for people: "17", or "17 to 516".
func (r Range[K]) String() string {
	first, last := text(r.First), text(r.Last)
	if first == last {
		return first
	}
	return first + " to " + last
}

// text is a key for people.
func text[K any](key K) string {
	data, err := json.Marshal(key)
	if err != nil {
		return fmt.Sprint(key)
	}
	var s string
	if json.Unmarshal(data, &s) == nil {
		return s
	}
	return string(data)
}

// check is what is wrong with the definition; nil if nothing is.
func (j *Job[K]) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("backfill: "+format, args...)) }
	if j.From == nil {
		wrong("the job has no From")
	} else if err := j.From.valid(j.Parts); err != nil {
		wrong("From: %w", err)
	}
	if j.Target < 0 {
		wrong("Target is %s; want a time above 0", j.Target)
	}
	if j.Size < 0 || j.MinSize < 0 || j.MaxSize < 0 {
		wrong("Size %d, MinSize %d, MaxSize %d: none may be negative", j.Size, j.MinSize, j.MaxSize)
	} else if s := sizerOf(j.Size, j.MinSize, j.MaxSize, time.Second); s.least > s.most {
		wrong("MinSize is %d and MaxSize %d; the first must not be larger", s.least, s.most)
	}
	if j.Duty < 0 || j.Duty > 1 {
		wrong("Duty is %v; want a share above 0 and at most 1", j.Duty)
	}
	if j.Parts < 0 || j.Parts > MaxParts {
		wrong("Parts is %d; want 1 to %d", j.Parts, MaxParts)
	}
	if j.Workers < 0 || j.Workers > max(j.Parts, 1) {
		wrong("Workers is %d with %d parts; want no more than there are parts", j.Workers, max(j.Parts, 1))
	}
	if j.DeadLetters < 0 {
		wrong("DeadLetters is %d; want 0 or more", j.DeadLetters)
	}
	for i := range j.Gates {
		switch g := &j.Gates[i]; {
		case g.Err != nil:
			wrong("Gates[%d]: %w", i, g.Err)
		case g.Ask == nil:
			wrong("Gates[%d] %q has no Ask", i, g.Name)
		}
	}
	return errors.Join(errs...)
}
