package middleware

import "github.com/sequencer-go/seq/internal/role"

// Record writes to the ledger that an attempt begins, before the op is called, and what came of it.
// Every strategy has it, or says by [Unrecorded] that it keeps no record; one without either is
// refused. Its work is done by the engine, so its Step must stay nil.
func Record() Middleware {
	return Middleware{Name: "record", Layer: LayerRecord, Role: role.Record}
}

// Unrecorded is for work that should be done anew by every run: nothing of it reaches the ledger.
// Within one run everything means the same, also a saga, on a ledger in memory that ends with the
// call; afterwards nobody knows what ran. Ops that are not Repeatable are refused, because their
// promise outlives the run.
func Unrecorded() Middleware {
	return Middleware{Name: "unrecorded", Layer: LayerRecord, Role: role.Unrecorded}
}
