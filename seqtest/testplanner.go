package seqtest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/sequencer-go/seq/plan"
)

// TestPlanner holds a planner to the contract of plan.Planner on some hundred random graphs:
// every op is planned once, behind all that it depends on and in a later wave; the same input
// gives the same plan, and is not changed.
func TestPlanner(t *testing.T, planner plan.Planner) {
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

func checkPlan(t *testing.T, seed uint64, in plan.Input, plan *plan.Plan) {
	t.Helper()
	place := map[string]int{}
	for i, s := range plan.Steps {
		if _, twice := place[s.ID]; twice {
			t.Fatalf("seed %d: %s is planned twice", seed, s.ID)
		}
		place[s.ID] = i
		for _, j := range s.After {
			if j < 0 || j >= i {
				t.Fatalf("seed %d: step %d waits for step %d", seed, i, j)
			}
			if plan.Steps[j].Wave >= s.Wave {
				t.Fatalf("seed %d: %s in wave %d waits for %s in wave %d", seed, s.ID, s.Wave, plan.Steps[j].ID, plan.Steps[j].Wave)
			}
		}
	}
	if len(place) != len(in.Steps) {
		t.Fatalf("seed %d: %d of %d ops are planned", seed, len(place), len(in.Steps))
	}
	for i, s := range in.Steps {
		at, ok := place[s.ID]
		if !ok {
			t.Fatalf("seed %d: %s is not planned", seed, s.ID)
		}
		for _, j := range s.After {
			if dep := place[in.Steps[j].ID]; dep >= at {
				t.Fatalf("seed %d: %s (input %d) stands at %d, what it depends on at %d", seed, s.ID, i, at, dep)
			}
		}
	}
}

// randomInput is an acyclic graph, in which dependencies point either way in time.
func randomInput(seed uint64) plan.Input {
	r := rand.New(rand.NewPCG(seed, 1))
	n := r.IntN(30)
	now := time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
	in := plan.Input{Now: now}
	rank := r.Perm(n)
	for i := range n {
		step := plan.Step{ID: ID(i, "op"), Kind: plan.Kind(r.IntN(2)), Index: i}
		if r.IntN(5) == 0 {
			step.NotBefore = now.Add(time.Duration(r.IntN(5)-1) * time.Hour)
		}
		in.Steps = append(in.Steps, step)
	}
	for i := range n {
		for j := range n {
			if rank[j] < rank[i] && r.IntN(n) < 2 {
				in.Steps[i].After = append(in.Steps[i].After, j)
				in.Steps[i].DependsOn = append(in.Steps[i].DependsOn, in.Steps[j].ID)
			}
		}
	}
	return in
}
