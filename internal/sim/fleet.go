package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sequencer-go/seq/store"
)

// serve is what lives do in a world with a fleet, besides the actions of every world: they do what leaders
// order.
const serve action = "serve"

// The faults of a fleet and its transport, besides those of every world.
const (
	SendFails    Fault = "orders not sent"
	SendUnsure   Fault = "orders sent, and the sender told that they were not"
	OrderLost    Fault = "order lost"
	OrderTwice   Fault = "order delivered twice"
	OrderLate    Fault = "order late"
	NewsLost     Fault = "news lost"
	NewsLate     Fault = "news late"
	OtherVersion Fault = "worker of another version"
)

// FleetFaults are those.
var FleetFaults = []Fault{SendFails, SendUnsure, OrderLost, OrderTwice, OrderLate, NewsLost, NewsLate, OtherVersion}

// fleet is what a scenario with a fleet has besides.
type fleet struct {
	resend          time.Duration
	patience        time.Duration
	undoInterrupted bool // what a saga has done is undone when it is told to stop
	here            bool // who puts everything in order does it without workers
}

// forever is longer than a world.
const forever = time.Hour

// withWorkers draws a fleet: what the transport does, who leads and who works.
func (s *scenario) withWorkers(rng *rand.Rand) {
	chance := func(p float64) bool { return rng.Float64() < p }
	f := &fleet{resend: between(rng, 500*time.Millisecond, 4*time.Second), patience: forever, undoInterrupted: chance(0.5), here: chance(0.3)}
	if s.limit == 1 { // of several that lose patience at a time, the engine recalls any first
		f.patience = between(rng, time.Second, 5*time.Second)
	}
	s.fleet = f
	s.saga = s.saga || chance(0.3)
	for _, fault := range FleetFaults {
		s.faults[fault] = chance(0.4)
	}
	for _, fault := range []Fault{Paused, RowLocks} { // of which lives are about
		s.faults[fault] = s.faults[fault] || chance(0.4)
	}
	for _, v := range s.versions {
		for _, o := range v.ops {
			if o.slow == 0 && chance(0.3) {
				o.slow = between(rng, 10*time.Millisecond, 3*time.Second)
			}
		}
	}
	for i := range s.lives {
		for j := range s.lives[i] {
			s.lives[i][j].here = chance(0.15)
		}
	}
	for range 1 + rng.IntN(4) {
		var lives []life
		for range 1 + rng.IntN(4) {
			lives = append(lives, life{
				after: between(rng, 1, 1500*time.Millisecond), do: serve, atATime: 1 + rng.IntN(2), stays: between(rng, time.Second, 12*time.Second),
				odd: s.faults[OtherVersion] && chance(0.4),
			})
		}
		s.lives = append(s.lives, lives)
	}
}

// sagas reports whether a strategy undoes what has failed.
func (s *scenario) sagas(name string) bool { return s.saga || name == "transactional-batch" }

// odd changes an op as a worker of another version has it.
func (o *opSpec) odd(i int) (checksum string, delivery store.Delivery) {
	switch {
	case i%3 == 0:
		return "another", o.delivery
	case i%3 == 1 && o.delivery == store.Repeatable:
		return "", store.Once
	default:
		return "", o.delivery
	}
}

// String says what was drawn for a fleet.
func (f *fleet) String() string {
	return fmt.Sprintf("\nfleet: resend after %s, patience %s, a saga undoes when told to stop %t, ends here %t", f.resend, f.patience, f.undoInterrupted, f.here)
}
