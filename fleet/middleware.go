package fleet

import (
	"fmt"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/role"
	"github.com/sequencer-go/seq/middleware"
)

// A Transport takes orders to workers, and their news back: [River] or [Loopback]. It may lose, repeat and
// delay what it carries.
type Transport = engine.Carrier

// An Order asks a worker for one attempt at one op, under the lease that the leader holds.
type Order = engine.Order

// An Option adjusts [Middleware].
type Option func(*engine.Remote) error

// Patience is how long an order waits that no worker has begun because none lives, or those that live have
// refused it. Then it is recalled, and the step fails with an error that matches seq.ErrNoWorker and says who
// refused it and why. The default is 10 minutes. An order that merely waits for a free worker waits for ever; one that
// was refused does not, though a worker that could do it may only be busy: give it more where ops take hours and
// binaries of several versions live, or a queue for each version, see [Queue].
func Patience(d time.Duration) Option {
	return positive("Patience", d, func(r *engine.Remote) { r.Patience = d })
}

// ResendAfter is after how long the leader asks the transport whether it still has an order that was not
// begun. One that was lost, or that a worker took and did not begin within five seconds, is sent again; that is
// harmless if it was not lost. The default is 10 seconds.
func ResendAfter(d time.Duration) Option {
	return positive("ResendAfter", d, func(r *engine.Remote) { r.Resend = d })
}

func positive(name string, d time.Duration, set func(*engine.Remote)) Option {
	return func(r *engine.Remote) error {
		if d <= 0 {
			return fmt.Errorf("%w: fleet.%s(%s): want more than 0", seq.ErrInvalidOption, name, d)
		}
		set(r)
		return nil
	}
}

// Middleware turns any strategy into one whose steps workers do. It takes the place of middleware.Record, so
// what stands outside of that (saga, await, guards) is the leader's and what stands inside (retry, timeout) is the
// workers', each with the middleware of its own sequencer. The same sequencer may lead and make a worker.
//
// How many orders are out at a time is the strategy's limit (strategies.Limit), how many are done at a time
// that of the workers.
func Middleware(t Transport, opts ...Option) middleware.Middleware {
	via := &engine.Remote{Carrier: t}
	m := middleware.Middleware{Name: "fleet", Layer: middleware.LayerRecord, Role: role.NewRemote(via)}
	if t == nil {
		m.Err = fmt.Errorf("%w: fleet.Middleware: the transport is nil", seq.ErrInvalidOption)
	}
	for _, o := range opts {
		if err := o(via); err != nil {
			m.Err = err
		}
	}
	return m
}
