package plan_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// TestAPlanSurvivesJSON is what makes it possible to keep a plan, or to send it to another machine.
func TestAPlanSurvivesJSON(t *testing.T) {
	at := time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)
	want := &plan.Plan{
		Strategy: "batch", Undo: []string{"2024_01_13_000000_z"}, Direction: store.Rollback,
		Findings: []plan.Finding{{ID: "2024_01_14_000000_y", Kind: "changed", Detail: "it is", Policy: plan.Allow}},
		Steps: []plan.Step{
			{ID: "2024_01_15_000000_a", Kind: plan.Migration, Delivery: store.Transactional, Checksum: "abc", Reversible: true},
			{
				ID: "2024_01_15_000001_b", Delivery: store.Once, Tags: []string{"x", "y"}, DependsOn: []string{"2024_01_15_000000_a"},
				AllowedToFail: true, Conditional: true, After: []int{0}, Wave: 1, NotBefore: at, Skip: "why", Irreversible: true, Refused: "so",
			},
		},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &plan.Plan{}
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got.Hash() != want.Hash() {
		t.Errorf("hash %s, want %s", got.Hash(), want.Hash())
	}
	if again, _ := json.Marshal(got); string(again) != string(text) {
		t.Errorf("got %s, want %s", again, text)
	}
}
