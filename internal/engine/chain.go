package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sequencer-go/seq/exec"
	"github.com/sequencer-go/seq/internal/role"
	"github.com/sequencer-go/seq/middleware"
)

// rank orders layers; equal ranks may stand in either order.
func rank(l middleware.Layer) int {
	if l == middleware.LayerTolerate {
		return int(middleware.LayerRecord)
	}
	return int(l)
}

// many reports whether any number of middleware may hold a layer.
func many(l middleware.Layer) bool {
	return l == middleware.LayerFree || l == middleware.LayerGuard || l == middleware.LayerCall
}

// ValidateChain checks a chain of middleware against the law of its order, see middleware.Layer.
func ValidateChain(chain []middleware.Middleware) error {
	var errs []error
	outer := middleware.Middleware{}
	holder := map[middleware.Layer]string{}
	for _, m := range chain {
		if m.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.Name, m.Err))
		}
		records := m.Role == role.Record || m.Role == role.Unrecorded || remoteRole(m.Role) != nil
		switch {
		case (m.Layer == middleware.LayerRecord) != records:
			errs = append(errs, fmt.Errorf("%s holds the layer of the record; only middleware.Record and middleware.Unrecorded may", m.Name))
		case records && m.Step != nil:
			errs = append(errs, fmt.Errorf("%s has a Step of its own; the engine does the recording", m.Name))
		case m.Role == role.Await && m.Layer != middleware.LayerWait:
			errs = append(errs, fmt.Errorf("%s waits, and does not stand in that layer", m.Name))
		}
		if m.Layer == middleware.LayerFree {
			continue
		}
		if rank(m.Layer) < rank(outer.Layer) {
			errs = append(errs, fmt.Errorf("%s stands inside %s; it must stand outside", m.Name, outer.Name))
		}
		if first, twice := holder[m.Layer]; twice && !many(m.Layer) {
			errs = append(errs, fmt.Errorf("%s and %s exclude each other", first, m.Name))
		}
		holder[m.Layer] = m.Name
		outer = m
	}
	if holder[middleware.LayerRecord] == "" {
		errs = append(errs, errors.New("nothing records what runs, so that every run would do everything again: "+
			"add middleware.Record, or say so with middleware.Unrecorded"))
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w: %w", ErrInvalidStrategy, errors.Join(errs...))
	}
	return nil
}

// InsertByLayer puts m into a chain where the law wants it: behind the last that may stand outside it.
// A free one becomes the innermost. In a layer that can be held once, m replaces the holder.
func InsertByLayer(chain []middleware.Middleware, m middleware.Middleware) []middleware.Middleware {
	chain = slices.Clone(chain)
	if !many(m.Layer) {
		if i := slices.IndexFunc(chain, func(have middleware.Middleware) bool { return have.Layer == m.Layer }); i >= 0 {
			chain[i] = m
			return chain
		}
	}
	at := len(chain)
	if m.Layer != middleware.LayerFree {
		for at > 0 && rank(chain[at-1].Layer) > rank(m.Layer) {
			at--
		}
		for inner := at - 1; inner >= 0; inner-- { // free ones in between stay where they are
			if rank(chain[inner].Layer) > rank(m.Layer) {
				at = inner
			}
		}
	}
	return slices.Insert(chain, at, m)
}

// holds reports whether a chain holds a layer.
func holds(chain []middleware.Middleware, l middleware.Layer) bool {
	return slices.ContainsFunc(chain, func(m middleware.Middleware) bool { return m.Layer == l })
}

func plays(chain []middleware.Middleware, r *role.Role) bool {
	return slices.ContainsFunc(chain, func(m middleware.Middleware) bool { return m.Role == r })
}

// recorded reports whether claims and outcomes go to the sequencer's ledger.
func recorded(chain []middleware.Middleware) bool {
	return plays(chain, role.Record) || remoteOf(chain) != nil
}

// handler is the chain that a call goes through, around the call of the op.
func handler(chain []middleware.Middleware) middleware.Handler {
	h := withinTimeout(call)
	for _, m := range slices.Backward(chain) {
		switch {
		case remoteRole(m.Role) != nil: // the workers have what stands inside
			h = order
		case m.Layer == middleware.LayerRecord && !plays(chain, role.Retry):
			h = record(opRetry(h))
		case m.Layer == middleware.LayerRecord:
			h = record(h)
		case m.Step != nil:
			h = accountable(m.Name, m.Step(h))
		}
	}
	return h
}

// surround is the chain that a run goes through, around e. Each part of it is contained, so that what
// stands around it sees an error, whatever breaks.
func (w *Walk) surround(e exec.Executor, chain []middleware.Middleware) exec.Executor {
	e = w.contain(e)
	for _, m := range slices.Backward(chain) {
		if m.Run == nil {
			continue
		}
		inner := e
		e = w.contain(exec.Func(func(ctx context.Context, walk exec.Walk) error {
			made := m.Run(inner)
			if made == nil {
				return fmt.Errorf("%w: Run of middleware %s returns nil", ErrInvalidStrategy, m.Name)
			}
			return made.Execute(ctx, walk)
		}))
	}
	return e
}

// contain calls an executor in a goroutine of the walk's pool, so that a panic or a runtime.Goexit in it
// becomes an error, and waits for the steps that it left running. A failure that it keeps to itself is
// returned, unless the walk keeps going.
func (w *Walk) contain(e exec.Executor) exec.Executor {
	return exec.Func(func(ctx context.Context, walk exec.Walk) error {
		err := w.pool.Call(ctx, func(ctx context.Context) error { return e.Execute(ctx, walk) })
		if err != nil && errors.Is(err, exec.ErrPanic) {
			w.halt("a part of the strategy panicked")
		}
		w.running.wait()
		if err == nil && !w.keepGoing.Load() {
			err = w.Err()
		}
		return err
	})
}
