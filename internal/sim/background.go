package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/store"
)

// What lives do in a world with work in the background, besides the actions of every world.
const (
	work     action = "work"
	undoOne  action = "rollback of one in the background"
	asksFor  action = "ask"
	inPerson        = "ann" // who asks in the quiet end, and resolves
)

// batched is what an op in the background has besides the rest of its spec.
type batched struct {
	batches int
	lane    string        // "": one of its own
	renamed string        // the ID that it had in the version before; "": this one
	rests   time.Duration // between two batches; zero: not at all
	fails   []batchFailure
}

// batchFailure is a failure at a batch, whoever comes to it, until it is used up.
type batchFailure struct {
	at    int
	fault Fault
}

// request is what an operator asks, once.
type request struct {
	verb  string
	nth   int // of the ops in the background
	by    string
	until time.Duration // of a stop or hold; zero: until it is released
	force bool
}

// The requests.
const (
	pauses   = "pause"
	resumes  = "resume"
	sets     = "set"
	cancels  = "cancel"
	stops    = "stop"
	holds    = "hold"
	releases = "release"
)

// inBackground draws the ops in the background of the first version, which may depend on those before, and
// one that depends on one of them.
func (s *scenario) inBackground(rng *rand.Rand, before []*opSpec) []*opSpec {
	chance := func(p float64) bool { return rng.Float64() < p }
	all := slices.Clone(before)
	shared := chance(0.4)
	for i, name := range []string{"x", "y", "z"}[:1+rng.IntN(3)] {
		o := &opSpec{
			id: fmt.Sprintf("2024_01_15_%06d_%s", 20+i, name), delivery: store.Resumable, rollback: chance(0.7),
			heeds: true, script: &script{}, background: &batched{batches: 1 + rng.IntN(6)},
		}
		for _, b := range all {
			p := 0.15
			if b.background != nil {
				p = 0.3
			}
			if chance(p) {
				o.deps = append(o.deps, b.id)
			}
		}
		b := o.background
		if shared && chance(0.7) {
			b.lane = "table"
		}
		if s.faults[SlowOp] {
			o.slow = between(rng, time.Millisecond, 900*time.Millisecond)
		}
		if chance(0.3) {
			b.rests = between(rng, 10*time.Millisecond, 2*time.Second)
		}
		for range rng.IntN(4) {
			f := []Fault{OpFails, OpPanics, OpExits, BatchFails}[rng.IntN(4)]
			if s.faults[f] || f == BatchFails {
				b.fails = append(b.fails, batchFailure{rng.IntN(b.batches + 1), f})
			}
		}
		if s.faults[RollbackFails] && chance(0.3) {
			o.script.undo = []Fault{RollbackFails}
		}
		all = append(all, o)
	}
	if on := all[len(before)+rng.IntN(len(all)-len(before))]; chance(0.6) {
		behind := s.op(rng, 30, nil, false)
		behind.id = "2024_01_15_000030_v"
		behind.deps = []string{on.id}
		all = append(all, behind)
	}
	return all[len(before):]
}

// renames gives one op in the background of a version another ID. The old one keeps its Rollback to itself:
// what an older binary undoes under the old name, no newer one hears of.
func (s *scenario) renames(rng *rand.Rand, v version) version {
	if rng.IntN(2) == 0 {
		return v
	}
	i := slices.IndexFunc(v.ops, func(o *opSpec) bool { return o.background != nil })
	if i < 0 {
		return v
	}
	old := v.ops[i]
	old.rollback = false
	fresh, b := *old, *old.background
	b.renamed = old.id
	b.fails = slices.Clone(b.fails)
	fresh.id, fresh.background = old.id+old.id[len(old.id)-1:], &b
	ops := slices.Clone(v.ops)
	ops[i] = &fresh
	for j, o := range ops {
		if slices.Contains(o.deps, old.id) {
			changed := *o
			changed.deps = slices.Clone(o.deps)
			changed.deps[slices.Index(changed.deps, old.id)] = fresh.id
			ops[j] = &changed
		}
	}
	return version{ops}
}

// besides draws the lives of workers and operators.
func (s *scenario) besides(rng *rand.Rand) {
	chance := func(p float64) bool { return rng.Float64() < p }
	for range 1 + rng.IntN(3) {
		var lives []life
		for range 1 + rng.IntN(4) {
			lives = append(lives, life{
				after: between(rng, 1, 2*time.Second), do: work, atATime: 1 + rng.IntN(2), stays: between(rng, time.Second, 12*time.Second),
			})
		}
		s.lives = append(s.lives, lives)
	}
	for range rng.IntN(3) {
		var lives []life
		for range 1 + rng.IntN(4) {
			l := life{after: between(rng, 1, 5*time.Second), do: asksFor}
			l.asks = request{verb: []string{
				pauses, pauses, pauses, resumes, resumes, resumes, sets, cancels, stops, holds, releases, releases,
			}[rng.IntN(12)], nth: rng.IntN(3), by: []string{"bob", "eve"}[rng.IntN(2)], force: chance(0.3)}
			if chance(0.6) {
				l.asks.until = between(rng, 100*time.Millisecond, 5*time.Second)
			}
			if chance(0.15) {
				l.do = undoOne
			}
			lives = append(lives, l)
		}
		s.lives = append(s.lives, lives)
	}
}

// renaming reports whether the last version has an op under another ID than the one before.
func (s *scenario) renaming() bool {
	return slices.ContainsFunc(s.versions[len(s.versions)-1].ops, func(o *opSpec) bool { return o.formerly() != "" })
}

// formerly is the ID that an op had in the version before, "" if it was this one.
func (o *opSpec) formerly() string {
	if o.background == nil {
		return ""
	}
	return o.background.renamed
}

// inBackground are the ops in the background that a replica knows.
func (r *replica) inBackground() (ops []*opSpec) {
	for _, o := range r.ops {
		if o.background != nil {
			ops = append(ops, o)
		}
	}
	return ops
}

// String says what was drawn for the background of an op.
func (b *batched) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, ", in the background: %d batches, lane %q, rests %s, formerly %q", b.batches, b.lane, b.rests, b.renamed)
	for _, f := range b.fails {
		fmt.Fprintf(&text, ", at %d %s", f.at, f.fault)
	}
	return text.String()
}
