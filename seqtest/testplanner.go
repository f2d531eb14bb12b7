package seqtest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
)

// TestPlanner holds a planner to the contract of [seq.Planner] on some hundred random graphs:
// every op is planned once, behind all that it depends on and in a later wave; the same input
// gives the same plan, and is not changed.
func TestPlanner(t *testing.T, planner seq.Planner) {
	for seed := range uint64(200) {
		in := randomInput(seed)
		before := fmt.Sprintf("%+v", in)
		plan, err := planner.Plan(t.Context(), in)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		checkPlan(t, seed, in, plan)
		if after := fmt.Sprintf("%+v", in); after != before {
			t.Fatalf("seed %d: the planner changed its input", seed)
		}
		again, err := planner.Plan(t.Context(), in)
		if err != nil || !reflect.DeepEqual(plan.Waves(), again.Waves()) {
			t.Fatalf("seed %d: planned again: %v, %v; at first %v", seed, again.Waves(), err, plan.Waves())
		}
	}
}

func checkPlan(t *testing.T, seed uint64, in seq.Input, plan *seq.Plan) {
	t.Helper()
	place := map[*seq.Op]int{}
	for i, s := range plan.Steps {
		if _, twice := place[s.Op]; twice {
			t.Fatalf("seed %d: %s is planned twice", seed, s.Op.ID)
		}
		place[s.Op] = i
		for _, j := range s.After {
			if j < 0 || j >= i {
				t.Fatalf("seed %d: step %d waits for step %d", seed, i, j)
			}
			if plan.Steps[j].Wave >= s.Wave {
				t.Fatalf("seed %d: %s in wave %d waits for %s in wave %d", seed, s.Op.ID, s.Wave, plan.Steps[j].Op.ID, plan.Steps[j].Wave)
			}
		}
	}
	if len(place) != len(in.Steps) {
		t.Fatalf("seed %d: %d of %d ops are planned", seed, len(place), len(in.Steps))
	}
	for i, s := range in.Steps {
		at, ok := place[s.Op]
		if !ok {
			t.Fatalf("seed %d: %s is not planned", seed, s.Op.ID)
		}
		for _, j := range s.After {
			if dep := place[in.Steps[j].Op]; dep >= at {
				t.Fatalf("seed %d: %s (input %d) stands at %d, what it depends on at %d", seed, s.Op.ID, i, at, dep)
			}
		}
	}
}

// randomInput is an acyclic graph, in which dependencies point either way in time.
func randomInput(seed uint64) seq.Input {
	r := rand.New(rand.NewPCG(seed, 1))
	n := r.IntN(30)
	now := time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
	in := seq.Input{Now: now}
	rank := r.Perm(n)
	for i := range n {
		op := &seq.Op{ID: ID(i, "op"), Kind: seq.Kind(r.IntN(2)), Run: nothing}
		step := seq.Step{Op: op}
		if r.IntN(5) == 0 {
			step.NotBefore = now.Add(time.Duration(r.IntN(5)-1) * time.Hour)
		}
		in.Steps = append(in.Steps, step)
	}
	for i := range n {
		for j := range n {
			if rank[j] < rank[i] && r.IntN(n) < 2 {
				in.Steps[i].After = append(in.Steps[i].After, j)
				in.Steps[i].Op.DependsOn = append(in.Steps[i].Op.DependsOn, in.Steps[j].Op.ID)
			}
		}
	}
	return in
}
