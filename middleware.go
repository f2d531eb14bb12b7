package seq

import (
	"errors"
	"fmt"
	"github.com/sequencer-go/seq/internal/enum"
	"reflect"
	"slices"
)

// Middleware surrounds a run, each attempt at a step, or both, and may watch what happens. A nil
// field passes through. Of a list, the first is outermost in both.
type Middleware struct {
	Name  string // for error messages
	Layer Layer  // where it must stand; zero means anywhere
	Err   error  // why it cannot be used; reported before anything runs

	Run   func(next Executor) Executor
	Step  func(next Handler) Handler
	Watch func(Event) // called for each event, one at a time; see [Event]
}

// A Layer is a middleware's place in the law of order. From the outside in: saga, wait, record
// and tolerate (in either order), then those that surround the call itself. Each may stand in a
// strategy once, but for LayerCall. A list that breaks the law is refused, because it could not
// keep its promise: a retry outside the record would run an op whose outcome is recorded already,
// a saga inside it would undo what nobody knows of. LayerRecord is held by middleware.Record only:
// what the ledger promises depends on how it is written.
type Layer uint8

// The layers, outermost first.
const (
	LayerFree     Layer = iota // anywhere: it promises nothing that order could break
	LayerSaga                  // undoes a run that failed
	LayerWait                  // decides what happens to steps that are not due
	LayerRecord                // writes claims and outcomes to the store; only for middleware.Record
	LayerTolerate              // turns an allowed failure into a note
	LayerCall                  // surrounds one call of the op: retry, timeout
)

var layerNames = [...]string{"free", "saga", "wait", "record", "tolerate", "call"}

// String is the name of the layer.
func (l Layer) String() string { return enum.Name(layerNames[:], l) }

// rank orders layers; equal ranks may stand in either order.
func (l Layer) rank() int {
	if l == LayerTolerate {
		return int(LayerRecord)
	}
	return int(l)
}

// lawful checks a chain of middleware against the law.
func lawful(chain []Middleware) error {
	var errs []error
	outer := Middleware{}
	seen := map[Layer]string{}
	for _, m := range chain {
		if m.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.Name, m.Err))
		}
		if m.Layer == LayerFree {
			continue
		}
		if m.Layer == LayerRecord && !m.records() {
			errs = append(errs, fmt.Errorf("%s stands at the layer record, which only middleware.Record may hold", m.Name))
		}
		if m.Layer.rank() < outer.Layer.rank() {
			errs = append(errs, fmt.Errorf("%s stands inside %s; it must stand outside", m.Name, outer.Name))
		}
		if first, twice := seen[m.Layer]; twice && m.Layer != LayerCall {
			errs = append(errs, fmt.Errorf("%s and %s exclude each other", first, m.Name))
		}
		seen[m.Layer] = m.Name
		outer = m
	}
	if seen[LayerSaga] != "" && seen[LayerRecord] == "" {
		errs = append(errs, fmt.Errorf("%s needs record: without it nobody could finish a rollback that was interrupted", seen[LayerSaga]))
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w: %w", ErrInvalidStrategy, errors.Join(errs...))
	}
	return nil
}

// records reports whether m writes to the ledger as the kernel counts on it. A marker on the
// Middleware would not tell, because a copy keeps it when its Step is replaced.
func (m Middleware) records() bool {
	return reflect.ValueOf(m.Step).Pointer() == reflect.ValueOf(record).Pointer()
}

// place puts m into a chain where the law wants it: behind the last that may stand outside it. A
// free one becomes the innermost. Of a layer that can be held once, m replaces the holder.
func place(chain []Middleware, m Middleware) []Middleware {
	chain = slices.Clone(chain)
	if m.Layer != LayerFree && m.Layer != LayerCall {
		if i := slices.IndexFunc(chain, func(have Middleware) bool { return have.Layer == m.Layer }); i >= 0 {
			chain[i] = m
			return chain
		}
	}
	at := len(chain)
	if m.Layer != LayerFree {
		for at > 0 && chain[at-1].Layer.rank() > m.Layer.rank() {
			at--
		}
		for inner := at - 1; inner >= 0; inner-- { // free ones in between stay where they are
			if chain[inner].Layer.rank() > m.Layer.rank() {
				at = inner
			}
		}
	}
	return slices.Insert(chain, at, m)
}

// has reports whether a chain holds a layer.
func has(chain []Middleware, l Layer) bool {
	return slices.ContainsFunc(chain, func(m Middleware) bool { return m.Layer == l })
}
