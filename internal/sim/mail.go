package sim

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
)

// mail is the simulation's own transport: it loses, repeats, delays and reorders. The scheduler draws what
// becomes of each order and each piece of news, and delivers them in any order.
type mail struct {
	w        *World
	numbered int64
	parcels  []*parcel // on their way
	taken    []*parcel // by a worker that has not finished with them

	mu        sync.Mutex // guards what workers write side by side
	listeners []*listener
}

// parcel is an order on its way, or with a worker.
type parcel struct {
	ref   int64
	text  string
	order engine.Order
	due   time.Time
	at    time.Time // when it was taken
}

var errMail = errors.New("sim: the transport is down")

// luck is the source of what a step of the transport draws.
func (f fate) luck() *rand.Rand { return rand.New(rand.NewPCG(f.seed, 0x1e77e2)) }

// befalls draws whether a fault of the transport happens.
func (w *World) befalls(luck *rand.Rand, f Fault) bool {
	if w.quiet || !w.scenario.faults[f] || luck.Float64() > 0.15 {
		return false
	}
	w.happens(f)
	return true
}

// put takes an order along, or not.
func (m *mail) put(o *engine.Order, luck *rand.Rand) {
	w := m.w
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	m.numbered++
	o.Ref = m.numbered
	copies := 1
	switch {
	case w.befalls(luck, OrderLost):
		w.logf("the order of %s is lost", short(o.ID))
		copies = 0
	case w.befalls(luck, OrderTwice):
		copies = 2
	}
	for range copies {
		p := &parcel{ref: o.Ref, text: string(text), order: *o}
		if w.befalls(luck, OrderLate) {
			p.due = w.clock.Now().Add(between(luck, time.Millisecond, 6*time.Second))
		}
		m.parcels = append(m.parcels, p)
	}
}

// drop removes orders that nobody has taken.
func (m *mail) drop(which func(*parcel) bool) { m.parcels = slices.DeleteFunc(m.parcels, which) }

// arrived reports whether there is an order for a worker.
func (m *mail) arrived() bool {
	now := m.w.clock.Now()
	return slices.ContainsFunc(m.parcels, func(p *parcel) bool { return !p.due.After(now) })
}

// take gives a worker one of the orders that have arrived.
func (m *mail) take(luck *rand.Rand) *parcel {
	now := m.w.clock.Now()
	var arrived []int
	for i, p := range m.parcels {
		if !p.due.After(now) {
			arrived = append(arrived, i)
		}
	}
	i := arrived[luck.IntN(len(arrived))]
	p := m.parcels[i]
	m.parcels = slices.Delete(m.parcels, i, i+1)
	p.at = now
	m.taken = append(m.taken, p)
	return p
}

// finish ends a delivery. An order that was not done is delivered again, after a while; of those that were
// done, some.
func (m *mail) finish(p *parcel, err error, luck *rand.Rand) {
	w := m.w
	m.taken = slices.DeleteFunc(m.taken, func(o *parcel) bool { return o == p })
	rest := 100 * time.Millisecond
	if refused := (*engine.RefusedError)(nil); errors.As(err, &refused) {
		rest = time.Second
	}
	if err == nil && !w.befalls(luck, OrderTwice) {
		return
	}
	p.due = w.clock.Now().Add(rest + time.Duration(luck.IntN(1000)))
	m.parcels = append(m.parcels, p)
}

// next is when the transport delivers something, for those who wait for it.
func (m *mail) next(soon func(time.Time)) {
	for _, p := range m.parcels {
		soon(p.due)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.listeners {
		for _, n := range l.news {
			soon(n.due)
		}
	}
}
