package seq

import (
	"time"

	"github.com/sequencer-go/seq/internal/ident"
	"github.com/sequencer-go/seq/plan"
)

// Kind tells schema changes from data operations: see [plan.Kind].
type Kind = plan.Kind

// The kinds of op.
const (
	Operation = plan.Operation // works on data; the zero value
	Migration = plan.Migration // changes the schema; batches run all of these first
)

// Retry is how often an op is called until it succeeds: see [plan.Retry].
type Retry = plan.Retry

// Policy is what to do about a finding: see [plan.Policy].
type Policy = plan.Policy

// The policies of [Drift].
const (
	Warn  = plan.Warn  // show it in the plan, and run
	Fail  = plan.Fail  // refuse to run; the error matches [ErrDrift]
	Allow = plan.Allow // say nothing
)

// Need says what an op's state asks of whoever waits for the deploy: see [plan.Need].
type Need = plan.Need

// What an op needs, see [Status] and [Sequencer.Wait].
const (
	NeedsNothing = plan.NeedsNothing // it is done, or of another binary
	Required     = plan.Required     // a run has to do it
	Optional     = plan.Optional     // it is allowed to fail, and did, or waits for one that did
	Excluded     = plan.Excluded     // its condition is false, or it is for another environment
	Later        = plan.Later        // it is not due, or waits for one that is not
	NeedsPerson  = plan.NeedsPerson  // no run will do it before somebody looks
	InBackground = plan.InBackground // it works beside deploys, or waits for one that does: see [Sequencer.Work]
)

// MaxIDBytes is the length of the longest ID.
const MaxIDBytes = ident.MaxBytes

// ParseID splits an ID into the timestamp that orders it (UTC) and its name. An ID is
// "2024_01_15_120000_name" or "20240115120000_name", at most [MaxIDBytes] long, of ASCII
// letters, digits and . _ : / - only. The name may be missing. Anything else is an error that
// matches [ErrInvalidID].
func ParseID(id string) (at time.Time, name string, err error) { return ident.Parse(id) }
