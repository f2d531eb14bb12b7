package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/internal/step"
)

// ErrNotAdopted means that the table of another tool says of a migration that is about to run that it
// is applied, and the ledger does not know of it. See [Adopt].
var ErrNotAdopted = errors.New("applied by another tool and not adopted")

// Guard makes ops refuse to run for the first time what a tool's table has as applied, with an error
// that matches [ErrNotAdopted]. It changes the ops and returns them. Those of [Files] are guarded, and
// those of the adapters for the usual tables. The table is read once for a plan in which one of the
// ops is left to do that the ledger does not know, and not at all for any other.
func Guard(ops []seq.Op, from Source) []seq.Op {
	g := &guard{from, candidatesOf(ops)}
	for i := range ops {
		op := ops[i]
		ops[i].Inspect = func(ctx context.Context, on seq.Inspection) (seq.Details, error) {
			if err := g.allow(ctx, on, &op); err != nil {
				return seq.Details{}, err
			}
			if op.Inspect != nil {
				return op.Inspect(ctx, on)
			}
			return seq.Details{Delivery: op.Delivery, DeliveryNote: op.DeliveryNote, Connections: op.Connections}, nil
		}
	}
	return ops
}

// guard are ops that another tool may have applied.
type guard struct {
	from       Source
	candidates candidates
}

// applied is what the tool's table has, read for one plan.
type applied struct {
	ids   map[string]bool
	total int
}

// allow is an error if the tool's table says that an op, of which the ledger knows nothing, is
// applied. What cannot be read is not that tool's table: others use the same names.
func (g *guard) allow(ctx context.Context, on seq.Inspection, op *seq.Op) error {
	if e := on.Recorded; e != nil && (e.State != seq.Pending || e.Attempt > 0) {
		return nil
	}
	db := step.DB(on.Store)
	if db == nil {
		return nil
	}
	found, asked := on.Memo[g].(*applied)
	if !asked {
		found = &applied{ids: map[string]bool{}}
		on.Memo[g] = found
		ids, _, err := g.from.applied(ctx, db, g.candidates)
		if errors.Is(err, ErrDirty) || ctx.Err() != nil {
			return fmt.Errorf("%s: %w", g.from.Origin, err)
		}
		if err != nil {
			ids = nil
		}
		found.total = len(ids)
		for _, id := range ids {
			found.ids[id] = true
		}
	}
	if !found.ids[op.ID] {
		return nil
	}
	clear(found.ids) // one error says it for all
	return fmt.Errorf("%w: %s is applied, going by %s, and the ledger does not know of it; take over the %d migrations that it has with migrate.Adopt and migrate.%s, or the command adopt %s; "+
		"if the table is another service's, set the Table of the Format to NoTable", ErrNotAdopted, cmp.Or(op.Alias, op.ID), g.from.Origin, found.total, g.from.from, g.from.tool)
}
