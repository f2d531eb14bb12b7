package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// scenario is what a seed draws before anything happens.
type scenario struct {
	faults    map[Fault]bool
	rate      float64
	faultsFor time.Duration
	versions  []version
	strategy  string
	other     string // of some replicas, if they may differ
	limit     int
	saga      bool
	eager     bool
	wait      bool
	retry     bool
	lives     [][]life // by replica
	fleet     *fleet   // nil: there is none
}

// version is the op list of one deploy.
type version struct{ ops []*opSpec }

// opSpec is an op as a seed draws it.
type opSpec struct {
	id         string
	kind       seq.Kind
	delivery   store.Delivery
	deps       []string
	rollback   bool
	undoFailed bool
	allowed    bool
	verify     bool
	applied    bool // outside of the simulation: its last failure had an effect
	heeds      bool
	slow       time.Duration // zero: at once
	due        time.Duration // since the world began; zero: no schedule
	script     *script
	background *batched // nil: it is not in the background
}

// script is how an op will fail, whoever calls it, until it is used up.
type script struct{ run, undo []Fault }

// life is one process of a replica: when it starts after the one before, and what it does.
type life struct {
	after time.Duration
	do    action
	other bool

	// In a world with work in the background:
	atATime int           // of a worker: how many ops
	stays   time.Duration // of a worker: until it is told to stop
	asks    request       // of an operator

	// In a world with a fleet, where a worker has the first two as well:
	here bool // it does what it runs itself
	odd  bool // it is a worker of another version
}

// action is what a process calls.
type action string

// The actions.
const (
	run      action = "run"
	runDue   action = "run due"
	rollBack action = "rollback"
)

// draw makes a scenario, with or without work in the background.
func draw(rng *rand.Rand, background bool) *scenario {
	s := &scenario{faults: map[Fault]bool{}, rate: []float64{0.004, 0.015, 0.05}[rng.IntN(3)]}
	chance := func(p float64) bool { return rng.Float64() < p }
	for _, f := range Faults {
		if chance(0.4) {
			s.faults[f] = true
		}
	}
	s.faultsFor = between(rng, time.Second, 20*time.Second)
	names := strategies.Names()
	s.strategy, s.other = names[rng.IntN(len(names))], names[rng.IntN(len(names))]
	if chance(0.3) {
		s.strategy = "transactional-batch"
	}
	s.limit, s.saga, s.eager, s.wait, s.retry = rng.IntN(4), chance(0.3), chance(0.3), chance(0.2), chance(0.2)
	scheduled := chance(0.3) || s.strategy == "scheduled"
	first := version{}
	for i := range 1 + rng.IntN(8) {
		first.ops = append(first.ops, s.op(rng, i, first.ops, scheduled))
	}
	if background {
		first.ops = append(first.ops, s.inBackground(rng, first.ops)...)
	}
	s.versions = []version{first}
	if s.faults[Deploy] {
		next := s.next(rng, first, scheduled)
		if background {
			next = s.renames(rng, next)
		}
		s.versions = append(s.versions, next)
	}
	for range 1 + rng.IntN(4) {
		var lives []life
		for range 1 + rng.IntN(3) {
			l := life{after: between(rng, 1, 3*time.Second), do: run, other: s.faults[OtherStrategy] && chance(0.3)}
			switch {
			case scheduled && chance(0.4):
				l.do = runDue
			case s.faults[Operator] && chance(0.2):
				l.do = rollBack
			}
			lives = append(lives, l)
		}
		s.lives = append(s.lives, lives)
	}
	if background {
		s.besides(rng)
	}
	return s
}

// op draws an op that may depend on those before it.
func (s *scenario) op(rng *rand.Rand, i int, before []*opSpec, scheduled bool) *opSpec {
	chance := func(p float64) bool { return rng.Float64() < p }
	name := string(rune('a' + i))
	o := &opSpec{
		id: fmt.Sprintf("2024_01_15_%06d_%s", i, name), delivery: store.Delivery(rng.IntN(3)), rollback: chance(0.85),
		allowed: chance(0.15), heeds: true, script: &script{},
	}
	o.undoFailed = o.rollback && o.delivery != store.Transactional && chance(0.4)
	o.verify = o.delivery == store.Once && chance(0.4)
	if chance(0.2) {
		o.kind = seq.Migration
	}
	for _, b := range before {
		if chance(0.2) {
			o.deps = append(o.deps, b.id)
		}
	}
	if scheduled && chance(0.5) {
		o.due = between(rng, 100*time.Millisecond, 8*time.Second)
	}
	if s.faults[SlowOp] && chance(0.5) {
		o.slow = between(rng, time.Millisecond, 3*time.Second)
	}
	if s.faults[DeafOp] && chance(0.4) {
		o.heeds = false
	}
	for range rng.IntN(3) {
		f := []Fault{OpFails, OpFailsHalf, OpPanics, OpExits}[rng.IntN(4)]
		if s.faults[f] && chance(0.6) {
			o.script.run = append(o.script.run, f)
		}
	}
	if s.faults[RollbackFails] && chance(0.3) {
		o.script.undo = []Fault{RollbackFails}
	}
	return o
}

// next is the version after v: an op is gone, one is new, one has a new dependency.
func (s *scenario) next(rng *rand.Rand, v version, scheduled bool) version {
	ops := slices.Clone(v.ops)
	needed := func(id string) bool {
		return slices.ContainsFunc(ops, func(o *opSpec) bool { return slices.Contains(o.deps, id) })
	}
	if i := rng.IntN(len(ops)); len(ops) > 1 && ops[i].background == nil && !needed(ops[i].id) && rng.IntN(2) == 0 {
		ops = slices.Delete(ops, i, i+1)
	}
	if rng.IntN(2) == 0 {
		ops = append(ops, s.op(rng, 10, ops, scheduled))
	}
	if i := rng.IntN(len(ops)); i > 0 && ops[i].background == nil {
		dep := ops[rng.IntN(i)].id
		if !slices.Contains(ops[i].deps, dep) {
			changed := *ops[i]
			changed.deps = append(slices.Clone(changed.deps), dep)
			ops[i] = &changed
		}
	}
	return version{ops}
}

// make is the strategy of a replica.
func (s *scenario) make(name string) seq.Strategy {
	opts := []strategies.Option{strategies.Limit(s.limit)}
	if s.saga {
		opts = append(opts, strategies.Saga())
	}
	if s.fleet != nil && s.fleet.undoInterrupted && s.sagas(name) {
		opts = append(opts, strategies.UndoInterrupted())
	}
	if s.eager {
		opts = append(opts, strategies.Eager())
	}
	if s.wait && name != "transactional-batch" { // with it, Wait breaks the law of layers: seed 1
		opts = append(opts, strategies.Wait())
	}
	made, err := strategies.Named(name, opts...)
	if err != nil {
		panic(err)
	}
	if s.retry {
		made.Middleware = append(made.Middleware, middleware.Retry(2, 1)) // 1 ns: its pause is not random
	}
	return made
}

// find is an op of any version.
func (s *scenario) find(id string) *opSpec {
	for _, v := range slices.Backward(s.versions) {
		for _, o := range v.ops {
			if o.id == id {
				return o
			}
		}
	}
	return nil
}

// serial reports whether the plan of a replica is walked one step after another.
func (s *scenario) serial(r *replica) bool {
	return !s.eager && (r.strategy == "sequential" || r.strategy == "scheduled")
}

func (s *scenario) keepsGoing(r *replica) bool { return r.strategy == "allowed-to-fail-batch" }

// mayInterfere reports whether what a run has done can be undone before it returns.
func (s *scenario) mayInterfere() bool {
	return s.faults[Operator] || s.faults[OtherStrategy] || s.faults[Deploy] || s.saga || s.strategy == "transactional-batch"
}

// String says what was drawn.
func (s *scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (other %s) limit %d saga %t eager %t wait %t retry %t, rate %g for %s\nfaults:", s.strategy, s.other, s.limit, s.saga, s.eager, s.wait, s.retry, s.rate, s.faultsFor)
	for _, f := range Faults {
		if s.faults[f] {
			fmt.Fprintf(&b, " [%s]", f)
		}
	}
	if s.fleet != nil {
		for _, f := range FleetFaults {
			if s.faults[f] {
				fmt.Fprintf(&b, " [%s]", f)
			}
		}
		b.WriteString(s.fleet.String())
	}
	for i, v := range s.versions {
		fmt.Fprintf(&b, "\nversion %d", i+1)
		for _, o := range v.ops {
			fmt.Fprintf(&b, "\n  %s %s %s rollback %t also of failures %t, allowed to fail %t, verify %t, heeds %t, slow %s, due %s, after %v, fails %v, its rollback %v",
				short(o.id), o.kind, o.delivery, o.rollback, o.undoFailed, o.allowed, o.verify, o.heeds, o.slow, o.due, o.deps, o.script.run, o.script.undo)
			if o.background != nil {
				b.WriteString(o.background.String())
			}
		}
	}
	fmt.Fprintf(&b, "\nlives %v", s.lives)
	return b.String()
}

// String says what a life does.
func (l life) String() string {
	switch text := fmt.Sprintf("{%d %s %t}", l.after, l.do, l.other); l.do {
	case work:
		return text + fmt.Sprintf("(%d at a time for %s)", l.atATime, l.stays)
	case serve:
		return text + fmt.Sprintf("(%d at a time for %s, other version %t)", l.atATime, l.stays, l.odd)
	case asksFor, undoOne:
		return text + fmt.Sprintf("%v", l.asks)
	default:
		if l.here {
			text += "here"
		}
		return text
	}
}

// short is the name in an ID.
func short(id string) string {
	return id[strings.LastIndexByte(id, '_')+1:]
}
