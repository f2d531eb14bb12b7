package backfill

import (
	"errors"
	"slices"

	"github.com/sequencer-go/seq"
)

// ErrChanged means that the ledger has the cursor of another source than the one in the code: another
// table, key, type or condition. What the cursor says of that is of no use to this one.
var ErrChanged = errors.New("the source has changed since the backfill began")

// A cursor is how far a backfill has come, as the ledger keeps it. A new one is made when the op begins
// anew.
type cursor[K any] struct {
	Source string    `json:"source"` // the name of the source that it is for
	Parts  []part[K] `json:"parts"`
	Total  int64     `json:"total,omitempty"`
	Size   int64     `json:"size,omitempty"` // of the batches, when it was written
	Dead   int64     `json:"dead,omitempty"` // rows that were put aside
}

// A part is one of the spans that the rows were cut into at the start.
type part[K any] struct {
	span[K]
	Done int64 `json:"done,omitempty"`
	Over bool  `json:"over,omitempty"`
	// Ahead is the range that Calls will ask about next, or has asked about already.
	Ahead *Range[K] `json:"ahead,omitempty"`
}

// done is how many rows are, and how many parts.
func (c *cursor[K]) done() (rows int64, parts int) {
	for i := range c.Parts {
		rows += c.Parts[i].Done
		if c.Parts[i].Over {
			parts++
		}
	}
	return rows, parts
}

// with is the cursor with one part changed.
func (c *cursor[K]) with(i int, p part[K], dead int64) cursor[K] {
	next := *c
	next.Parts = slices.Clone(c.Parts)
	next.Parts[i] = p
	next.Dead += dead
	return next
}

// past is the part when a range is done.
func (p part[K]) past(r *Range[K]) part[K] {
	p.After = &r.Last
	p.Done += max(r.Rows, 1)
	p.Ahead = nil
	p.Over = p.Upto != nil && any(r.Last) == any(*p.Upto)
	return p
}

// pace is how the cursor's backfill gets on, beside what the estimator knows.
func (c *cursor[K]) pace(p seq.Pace, size int64) seq.Pace {
	p.Size, p.DeadLetters = size, c.Dead
	if len(c.Parts) > 1 {
		p.Parts = len(c.Parts)
		_, p.PartsDone = c.done()
	}
	return p
}
