// Package sim runs the real engine in a world that is made from a seed: one simulated database,
// several replicas that start, deploy, stall and die, and time that passes only when nobody can
// move. One goroutine moves at a time and the seed says which, so that the same seed gives the
// same event log, byte for byte. After every event the invariants are checked.
//
// It is for tests, and runs inside a testing/synctest bubble.
package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// Result is what became of one seed.
type Result struct {
	Seed      uint64
	Violation *Violation // nil if every invariant held
	Log       []byte     // every event, a line each
	Events    int
	Simulated time.Duration
	Coverage  Coverage
}

// A Violation is an invariant that did not hold. Invariants are numbered as in the package's
// invariants; the log ends with the event that broke it.
type Violation struct {
	Invariant int
	Text      string
}

// String names the invariant and says what broke it.
func (v *Violation) String() string {
	return fmt.Sprintf("invariant %d (%s): %s", v.Invariant, invariants[v.Invariant], v.Text)
}

// Options adjusts a world.
type Options struct {
	Mutant     Mutant // makes the engine's surroundings break the protocol; None does not
	Background bool   // some ops work in the background, and people steer them; the schedules are others then
	Fleet      bool   // workers do what leaders order; the schedules are others then
}

// Run lives through the world of one seed. Call it in a synctest bubble and pass synctest.Wait.
func Run(seed uint64, o Options, wait func()) *Result {
	w := newWorld(seed, o, wait)
	w.logf("%s", w.scenario)
	w.live()
	return &Result{
		Seed: seed, Violation: w.violation, Log: w.log, Events: w.events,
		Simulated: w.clock.Now().Sub(w.began), Coverage: w.cov,
	}
}

func newWorld(seed uint64, o Options, wait func()) *World {
	w := &World{
		wait: wait, mutant: o.Mutant, background: o.Background, clock: clock.Wall(),
		rng: rand.New(rand.NewPCG(seed, 0x5eed)), arrived: make(chan struct{}, 1), cov: Coverage{},
		names: map[string]string{},
	}
	w.began = w.clock.Now()
	w.base, w.end = context.WithCancel(context.Background())
	w.scenario = draw(w.rng, o.Background)
	if o.Fleet {
		w.scenario.withWorkers(w.rng)
		w.mail = &mail{w: w}
	}
	w.db = newDatabase()
	w.audit = newAudit(w)
	return w
}

// World is everything that is simulated. Only the goroutine that the scheduler let go touches
// it, and what is parked is guarded by mu, so the rest needs no lock.
type World struct {
	wait       func()
	mutant     Mutant
	background bool
	clock      clock.Clock
	began      time.Time
	rng        *rand.Rand
	base       context.Context // ends with the world
	end        context.CancelFunc

	scenario  *scenario
	db        *database
	mail      *mail // nil: there is no fleet
	audit     *audit
	replicas  []*replica
	version   int       // of the ops that a replica starts with
	quiet     bool      // no faults any more
	downUntil time.Time // the store answers nothing until then

	mu      sync.Mutex
	parked  []*parked
	arrived chan struct{} // somebody parked, or a time has come
	done    atomic.Bool   // every life is over
	over    atomic.Bool   // nobody may do anything any more

	between   func() // called when all lives are over, before order is made; may be nil
	events    int
	log       []byte
	names     map[string]string // short names of what is random: tokens and runs
	violation *Violation
	cov       Coverage
}

// now is the time since the world began.
func (w *World) now() time.Duration { return w.clock.Now().Sub(w.began) }

// logf writes a line of the event log.
func (w *World) logf(format string, args ...any) {
	w.log = fmt.Appendf(w.log, "%5d %9.3f ", w.events, w.now().Seconds())
	w.log = fmt.Appendf(w.log, format, args...)
	w.log = append(w.log, '\n')
}

// alias is a name for a random ID that is the same each time the seed is run.
func (w *World) alias(kind, id string) string {
	if id == "" {
		return "-"
	}
	if _, ok := w.names[id]; !ok {
		w.names[id] = fmt.Sprintf("%s%d", kind, len(w.names)+1)
	}
	return w.names[id]
}

// violate notes that an invariant does not hold; the first counts.
func (w *World) violate(invariant int, format string, args ...any) {
	if w.violation != nil {
		return
	}
	w.violation = &Violation{invariant, fmt.Sprintf(format, args...)}
	w.logf("VIOLATION of %s", w.violation)
}

// chance is true with probability p.
func (w *World) chance(p float64) bool { return w.rng.Float64() < p }

// between is a random time from a to b, never a round one, so that timers do not meet.
func between(rng *rand.Rand, a, b time.Duration) time.Duration {
	return a + time.Duration(rng.Int64N(int64(b-a)))
}

// is reports whether the world has this mutant.
func (w *World) is(m Mutant) bool { return w.mutant == m }

// state is what the ledger says of an op.
func (w *World) state(id string) store.State {
	if e := w.entry(id); e != nil {
		return e.State
	}
	return store.Pending
}

// entry is the row of an op, if need be under the ID that it had before; nil if there is none.
func (w *World) entry(id string) *store.Entry {
	e := w.db.entries[id]
	if e == nil && w.background {
		if op := w.scenario.find(id); op != nil && op.formerly() != "" {
			return w.db.entries[op.formerly()]
		}
	}
	return e
}
