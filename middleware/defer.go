package middleware

import "github.com/sequencer-go/seq"

// Defer leaves steps that are not due to the schedule: the run returns with them listed as
// scheduled, and RunDue or Serve picks them up, in whatever process. It is what every strategy
// does unless it has [Await]; naming it says so.
func Defer() seq.Middleware { return seq.Middleware{Name: "defer", Layer: seq.LayerWait} }
