package middleware

import "github.com/sequencer-go/seq/internal/enum"

// A Layer is a middleware's place in the law of order. From the outside in: saga, wait, guards, record
// and tolerate (in either order), then those that surround the call itself. Each may stand in a
// strategy once, but for LayerGuard and LayerCall. A list that breaks the law is refused, because it could not
// keep its promise: a retry outside the record would run an op whose outcome is recorded already,
// a saga inside it would undo what nobody knows of. LayerRecord is held by [Record] or [Unrecorded]
// only: what the ledger promises depends on how it is written.
type Layer uint8

// The layers, outermost first.
const (
	LayerFree     Layer = iota // anywhere: it promises nothing that order could break
	LayerSaga                  // undoes a run that failed
	LayerWait                  // decides what happens to steps that are not due
	LayerGuard                 // decides whether a step may start, before anything is written: returns seq.Skip, an error, or calls next
	LayerRecord                // writes claims and outcomes to the store
	LayerTolerate              // turns an allowed failure into a note
	LayerCall                  // surrounds one call of the op: retry, timeout
)

var layerNames = [...]string{"free", "saga", "wait", "guard", "record", "tolerate", "call"}

// String is the name of the layer.
func (l Layer) String() string { return enum.Name(layerNames[:], l) }
