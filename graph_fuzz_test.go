package seq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
)

// FuzzGraph plans and runs arbitrary graphs, and holds every strategy to what a naive oracle
// says of them: which errors, which order, which waves.
func FuzzGraph(f *testing.F) {
	const unknown = 0xff
	for _, edges := range []string{
		"", "\x01\x00", "\x00\x01", // none, a chain, one that depends on a later one
		"\x00\x00", "\x02\x00\x02\x00", "\x01\xff", "\x01\xff\x01\xff", // itself, twice, unknown, unknown twice
		"\x00\x01\x01\x00", "\x00\x01\x01\x02\x02\x00\x03\x02", // cycles, and one that hangs on a cycle
		"\x00\x02\x00\x01\x01\x00\x02\x03\x03\x02",                 // a cycle that depends on a cycle
		"\x00\x01\x01\x00\x02\xff\x03\x03\x04\x05\x04\x05",         // everything at once
		"\x03\x00\x03\x01\x04\x03\x05\x02\x05\x04\x00\x06\x07\x00", // a diamond
	} {
		f.Add([]byte("\x07\x00\x08\x10\x18\x20\x28\x30\x38"+edges), uint8(0))
		f.Add([]byte("\x07\x3d\x30\x21\x11\x12\x01\x00\x07"+edges), uint8(5)) // migrations, other times
	}
	f.Add([]byte{0, 0, 0, unknown}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, turn uint8) {
		g := newGraph(data)
		strategies := every()
		for name, s := range strategies {
			ran := &calls{}
			plan, err := seq.New(store.NewMemory(), g.ops(turn, ran)...).Use(s).Preview(t.Context())
			if g.wrong(t, name, err) {
				r, rerr := seq.New(store.NewMemory(), g.ops(turn, ran)...).Use(s).Run(t.Context())
				if rerr == nil || rerr.Error() != err.Error() || r == nil || r.State != seq.RunFailed || len(ran.ids) != 0 {
					t.Fatalf("%s: Preview says %v, Run %v; called: %v\n%s", name, err, rerr, ran.ids, g)
				}
				continue
			}
			got := waveOf(t, plan)
			for i, id := range g.ids {
				if _, planned := got[id]; !planned || len(plan.Steps) != len(g.ids) {
					t.Fatalf("%s plans %v\n%s", name, plan.IDs(), g)
				}
				for _, j := range g.deps[i] {
					if got[id] <= got[g.ids[j]] || slices.Index(plan.IDs(), id) < slices.Index(plan.IDs(), g.ids[j]) {
						t.Fatalf("%s plans %s in wave %d, and %s, which it depends on, in %d\n%s", name, id, got[id], g.ids[j], got[g.ids[j]], g)
					}
				}
			}
			var want []string // wave by wave
			switch {
			case strings.Contains(name, "batch"):
				want = g.byWave(g.batch())
			case strings.Contains(name, "graph"), strings.Contains(name, "waves"):
				want = g.byWave(g.longest())
			default:
				for _, i := range g.chronological(nil) {
					want = append(want, g.ids[i])
				}
			}
			if text := fmt.Sprint(waves(plan)); text != fmt.Sprint(want) {
				t.Fatalf("%s plans %s, want %s\n%s", name, text, want, g)
			}
			g.runs(t, name, s, plan, turn)
		}
	})
}

// graph is what the fuzzer's bytes say: ops in chronological order, and what they depend on.
type graph struct {
	ids     []string
	kind    []seq.Kind
	deps    [][]int // of those that are known
	listed  [][]string
	reach   [][]bool
	unknown bool
	twice   bool
}

// newGraph reads how many ops there are, a byte for each (minute, spelling, kind), and then
// edges, two bytes each.
func newGraph(data []byte) *graph {
	next := func() byte {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return b
	}
	n := int(next()%10) + 1
	kinds := map[string]seq.Kind{}
	g := &graph{deps: make([][]int, n), listed: make([][]string, n), reach: make([][]bool, n)}
	for i := range n {
		b := next()
		id := seqtest.ID(int(b>>3), string(rune('a'+i)))
		if b&2 != 0 {
			id = strings.Replace(id, id[:17], strings.ReplaceAll(id[:17], "_", ""), 1)
		}
		g.ids = append(g.ids, id)
		kinds[id] = seq.Kind(b & 1)
	}
	slices.SortFunc(g.ids, func(a, b string) int {
		if c := strings.Compare(stamp(a), stamp(b)); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	for i, id := range g.ids {
		g.kind = append(g.kind, kinds[id])
		g.reach[i] = make([]bool, n)
	}
	for len(data) >= 2 && len(data) < 200 {
		i, to := int(next())%n, int(next())
		id := "2023_01_15_120000_nobody"
		if to != 0xff {
			id = g.ids[to%n]
			g.deps[i] = append(g.deps[i], to%n)
			g.reach[i][to%n] = true
		}
		g.unknown = g.unknown || to == 0xff
		g.twice = g.twice || id != g.ids[i] && slices.Contains(g.listed[i], id)
		g.listed[i] = append(g.listed[i], id)
	}
	for k := range n {
		for i := range n {
			for j := range n {
				g.reach[i][j] = g.reach[i][j] || g.reach[i][k] && g.reach[k][j]
			}
		}
	}
	return g
}

func stamp(id string) string { return strings.ReplaceAll(id, "_", "")[:14] }

func (g *graph) String() string {
	var b strings.Builder
	for i, id := range g.ids {
		fmt.Fprintf(&b, "%s %s after %v\n", g.kind[i], id, g.listed[i])
	}
	return b.String()
}

// calls is which ops were called, in the order in which they began.
type calls struct {
	mu  sync.Mutex
	ids []string
}

// ops are registered in an order that must not matter.
func (g *graph) ops(turn uint8, ran *calls) []seq.Op {
	var ops []seq.Op
	for i, id := range g.ids {
		op := seqtest.Succeeds(id, g.listed[i]...)
		op.Kind = g.kind[i]
		op.Run = func(context.Context) error {
			ran.mu.Lock()
			defer ran.mu.Unlock()
			ran.ids = append(ran.ids, id)
			return nil
		}
		ops = append(ops, op)
	}
	at := int(turn) % len(ops)
	ops = append(ops[at:], ops[:at]...)
	if turn >= 128 {
		slices.Reverse(ops)
	}
	return ops
}

// wrong reports whether there is no plan, when there must not be one, and for the right reasons.
func (g *graph) wrong(t *testing.T, name string, err error) bool {
	t.Helper()
	cyclic := false
	for i := range g.reach {
		cyclic = cyclic || g.reach[i][i]
	}
	for _, want := range []struct {
		class error
		is    bool
	}{{seq.ErrCycle, cyclic}, {seq.ErrUnknownDependency, g.unknown}, {seq.ErrInvalidOp, g.twice}} {
		if errors.Is(err, want.class) != want.is {
			t.Fatalf("%s: got %v; that it matches %q should be %t\n%s", name, err, want.class, want.is, g)
		}
	}
	if (err != nil) != (cyclic || g.unknown || g.twice) {
		t.Fatalf("%s: %v\n%s", name, err, g)
	}
	for _, cycle := range cyclesIn(err) {
		if len(cycle.Path) < 2 || cycle.Path[0] != cycle.Path[len(cycle.Path)-1] {
			t.Fatalf("%s: the path %v is not closed\n%s", name, cycle.Path, g)
		}
		for n, id := range cycle.Path[1:] {
			from := slices.Index(g.ids, cycle.Path[n])
			if from < 0 || !slices.Contains(g.listed[from], id) || slices.Contains(cycle.Path[1:n+1], id) {
				t.Fatalf("%s: the path %v is no cycle\n%s", name, cycle.Path, g)
			}
		}
	}
	return err != nil
}

// cyclesIn are all cycles that an error names.
func cyclesIn(err error) []*plan.CycleError {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case *plan.CycleError:
		return []*plan.CycleError{e}
	case interface{ Unwrap() []error }:
		var all []*plan.CycleError
		for _, err := range e.Unwrap() {
			all = append(all, cyclesIn(err)...)
		}
		return all
	}
	if cycle, is := errors.AsType[*plan.CycleError](err); is {
		return []*plan.CycleError{cycle}
	}
	return nil
}

// chronological takes the smallest that is ready, again and again, of those in among (nil: all).
func (g *graph) chronological(among []bool) (order []int) {
	for range g.ids {
		for i := range g.ids {
			missing := func(j int) bool { return !slices.Contains(order, j) }
			if (among == nil || among[i]) && missing(i) && !slices.ContainsFunc(g.deps[i], missing) {
				order = append(order, i)
				break
			}
		}
	}
	return order
}

// longest is the wave of each: how long the longest chain is that it hangs on.
func (g *graph) longest() []int { return g.relax(func(int, []int) int { return 0 }) }

// relax raises waves until every op is above its dependencies and its floor.
func (g *graph) relax(floor func(i int, wave []int) int) []int {
	wave := make([]int, len(g.ids))
	for range 3 * len(g.ids) {
		for i := range wave {
			wave[i] = max(wave[i], floor(i, wave))
			for _, j := range g.deps[i] {
				wave[i] = max(wave[i], wave[j]+1)
			}
		}
	}
	return wave
}

// batch is the wave of each when migrations are a chain, what a migration needs comes just
// before it, and what none needs comes behind the last.
func (g *graph) batch() []int {
	early := make([]bool, len(g.ids))
	for i := range g.ids {
		early[i] = g.kind[i] == seq.Migration
		for m := range g.ids {
			early[i] = early[i] || g.kind[m] == seq.Migration && g.reach[m][i]
		}
	}
	var chain []int
	for _, i := range g.chronological(early) {
		if g.kind[i] == seq.Migration {
			chain = append(chain, i)
		}
	}
	return g.relax(func(i int, wave []int) int {
		last := -1 // the migration before the first that needs it
		for _, m := range chain {
			if m == i || g.reach[m][i] {
				break
			}
			last = m
		}
		if last < 0 {
			return 0
		}
		return wave[last] + 1
	})
}

// byWave are the IDs of each wave, joined, in chronological order.
func (g *graph) byWave(wave []int) []string {
	out := make([]string, slices.Max(wave)+1)
	for i, w := range wave {
		out[w] = strings.TrimPrefix(out[w]+","+g.ids[i], ",")
	}
	return out
}

// waves are the IDs of each wave of a plan, joined.
func waves(p *plan.Plan) (out []string) {
	for _, w := range p.Waves() {
		out = append(out, strings.Join(w, ","))
	}
	return out
}

// waveOf is the wave of each ID, of a plan whose waves follow each other.
func waveOf(t *testing.T, p *plan.Plan) map[string]int {
	t.Helper()
	wave := map[string]int{}
	migrations := map[int]bool{}
	for i := range p.Steps {
		s := &p.Steps[i]
		if i > 0 && (s.Wave < p.Steps[i-1].Wave || s.Wave > p.Steps[i-1].Wave+1) || i == 0 && s.Wave != 0 {
			t.Fatalf("step %d is in wave %d\n%s", i, s.Wave, p)
		}
		if strings.Contains(p.Strategy, "batch") {
			if _, shared := migrations[s.Wave]; shared && (s.Kind == seq.Migration || migrations[s.Wave]) {
				t.Fatalf("a migration shares wave %d\n%s", s.Wave, p)
			}
			migrations[s.Wave] = s.Kind == seq.Migration
		}
		wave[s.ID] = s.Wave
	}
	return wave
}

// runs checks that a run does what was previewed, each op once, and leaves nothing to do.
func (g *graph) runs(t *testing.T, name string, s seq.Strategy, plan *plan.Plan, turn uint8) {
	t.Helper()
	ledger, ran := store.NewMemory(), &calls{}
	again := seq.New(ledger, g.ops(^turn, ran)...).Use(s)
	if other, err := again.Preview(t.Context()); err != nil || other.String() != plan.String() {
		t.Fatalf("%s: registered in another order it plans, %v\n%s\nnot\n%s", name, err, other, plan)
	}
	r, err := again.Run(t.Context())
	if err != nil || !slices.Equal(r.Succeeded(), plan.IDs()) {
		t.Fatalf("%s does not do what was previewed: %v\n%s\n%s", name, err, plan, r)
	}
	waves := waveOf(t, plan)
	for i, id := range ran.ids {
		for _, earlier := range ran.ids[:i] {
			eager := strings.Contains(name, "eager") || strings.Contains(name, "dataflow")
			if earlier == id || !eager && waves[earlier] > waves[id] {
				t.Fatalf("%s calls %v\n%s", name, ran.ids, plan)
			}
		}
		for _, j := range g.deps[slices.Index(g.ids, id)] {
			if !slices.Contains(ran.ids[:i], g.ids[j]) {
				t.Fatalf("%s calls %v; %s too early\n%s", name, ran.ids, id, g)
			}
		}
	}
	if len(ran.ids) != len(g.ids) {
		t.Fatalf("%s calls %v\n%s", name, ran.ids, plan)
	}
	if left, err := again.Preview(t.Context()); err != nil || !left.Empty() {
		t.Fatalf("%s leaves, %v\n%s", name, err, left)
	}
}
