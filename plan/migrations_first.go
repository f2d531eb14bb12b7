package plan

import (
	"context"
	"slices"
)

// MigrationsFirst plans a batch: all migrations, one after another, then all operations in one
// wave. Declared dependencies make more waves of it where they must: an operation that another
// depends on comes in an earlier wave, and one that a migration depends on comes just before
// that migration.
func MigrationsFirst() Planner { return Func(migrationsFirst) }

func migrationsFirst(_ context.Context, in Input) (*Plan, error) {
	early := beforeMigrations(in)
	order := in.Order(func(i int) int {
		if early[i] {
			return 0
		}
		return 1
	})

	// The chain of migrations, and for each early operation the first migration that needs it.
	var chain []int
	for _, i := range order {
		if in.Steps[i].Kind == Migration {
			chain = append(chain, i)
		}
	}
	if len(chain) == 0 {
		return byLevel(in, levels(in)), nil
	}
	neededBy := make([]int, len(in.Steps)) // place in the chain
	for i := range neededBy {
		neededBy[i] = len(chain)
	}
	for place, i := range chain {
		neededBy[i] = place
	}
	for _, i := range slices.Backward(order) {
		for _, j := range in.Steps[i].After {
			neededBy[j] = min(neededBy[j], neededBy[i])
		}
	}

	// A step waits for the migration before the one that needs it: so the migrations form a chain, an early
	// operation comes just before the migration that needs it, and the rest comes after all of them.
	steps := slices.Clone(in.Steps)
	for i := range steps {
		before := neededBy[i] - 1
		if before < 0 {
			continue
		}
		steps[i].After = append(slices.Clone(steps[i].After), chain[before])
		slices.Sort(steps[i].After)
		steps[i].After = slices.Compact(steps[i].After)
	}
	linked := Input{Steps: steps, Now: in.Now}
	return byLevel(linked, levels(linked)), nil
}

// beforeMigrations marks the migrations and all that they depend on, directly or not.
func beforeMigrations(in Input) []bool {
	early := make([]bool, len(in.Steps))
	for _, i := range slices.Backward(in.Order(nil)) {
		early[i] = early[i] || in.Steps[i].Kind == Migration
		if early[i] {
			for _, j := range in.Steps[i].After {
				early[j] = true
			}
		}
	}
	return early
}
