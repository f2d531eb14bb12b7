package plan

import "github.com/sequencer-go/seq/store"

// An Inspection is what an op's Inspect may look at.
type Inspection struct {
	Store    store.Store  // of the sequencer
	Recorded *store.Entry // what the ledger knows of the op, nil if nothing; not to be changed
	// Memo keeps, for one plan, what several ops find out together. They are asked one after another.
	Memo map[any]any
}

// Details are what an op's Inspect finds.
type Details struct {
	Delivery     store.Delivery // these three take the place of the op's
	DeliveryNote string
	Connections  int
	Notes        []string // shown beside the step in the plan
}
