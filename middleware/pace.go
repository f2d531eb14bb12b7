package middleware

import "time"

// Pace is how a seq.Resumable op gets on, in its own words.
type Pace struct {
	Rate        float64       `json:"rate,omitempty"`         // units a second while it moves; 0: not known
	Estimate    Estimate      `json:"estimate,omitempty"`     // what Remaining is worth
	Remaining   time.Duration `json:"remaining,omitempty"`    // until it is done, if it keeps moving; in JSON nanoseconds
	Size        int64         `json:"size,omitempty"`         // of a batch
	Parts       int           `json:"parts,omitempty"`        // that it works on side by side; 0: it has no parts
	PartsDone   int           `json:"parts_done,omitempty"`   // of these
	DeadLetters int64         `json:"dead_letters,omitempty"` // rows that were put aside
}

// Estimate is what the remaining time of a [Pace] is worth.
type Estimate string

// The worths.
const (
	EstimateUnknown   Estimate = ""          // the total is not known
	EstimateMeasuring Estimate = "measuring" // it has not moved for long enough to say
	EstimateGood      Estimate = "estimate"  // from the rate of late
	EstimateDone      Estimate = "done"      // nothing is left
)
