package plan_test

import (
	"testing"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/seqtest"
)

func TestPlannersKeepTheContract(t *testing.T) {
	for name, p := range map[string]plan.Planner{
		"chronological": plan.Chronological(), "waves": plan.Waves(), "migrations first": plan.MigrationsFirst(),
		"time gated": plan.TimeGated(plan.Chronological()), "time gated waves": plan.TimeGated(plan.Waves()),
		"time gated batch": plan.TimeGated(plan.MigrationsFirst()),
	} {
		t.Run(name, func(t *testing.T) { seqtest.TestPlanner(t, p) })
	}
}
