package middleware

import "github.com/sequencer-go/seq/internal/role"

// Await makes the run wait until steps that are not due have had their turn as well. While it waits
// it holds no lease. Then it plans anew what is left: what another process did meanwhile counts as
// done.
func Await() Middleware { return Middleware{Name: "await", Layer: LayerWait, Role: role.Await} }

// Defer leaves steps that are not due to the schedule: the run returns with them listed as
// scheduled, and RunDue or Serve picks them up, in whatever process. It is what every strategy
// does unless it has [Await]; naming it says so.
func Defer() Middleware { return Middleware{Name: "defer", Layer: LayerWait} }
