package bench

import (
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// BenchmarkPlan is the planner beside a plain topological sort, both from the same lists of what
// waits for what. "preview" is the whole decision, from ops with names to the checked plan.
func BenchmarkPlan(b *testing.B) {
	for _, load := range []string{"c", "e"} {
		g := loads[load]()
		n := len(g.after)
		b.Run("load="+load+"/by=kahn", func(b *testing.B) {
			perStep(b, n, collected(func() error { kahn(g.after); return nil }))
		})
		for name, planner := range map[string]plan.Planner{"waves": plan.Waves(), "migrations-first": plan.MigrationsFirst()} {
			b.Run("load="+load+"/by="+name, func(b *testing.B) {
				in := g.input()
				perStep(b, n, collected(func() error {
					_, err := planner.Plan(b.Context(), in)
					return err
				}))
			})
		}
		b.Run("load="+load+"/by=preview", func(b *testing.B) {
			ops := g.ops()
			perStep(b, n, collected(func() error {
				_, err := seq.New(store.NewMemory(), ops...).Use(strategies.DependencyGraph()).Preview(b.Context())
				return err
			}))
		})
	}
}
