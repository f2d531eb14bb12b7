package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
)

// ErrDirty means that golang-migrate broke off in the middle of a migration, so that nobody knows
// what of it is there.
var ErrDirty = errors.New("the other tool broke off in the middle of a migration")

// Adopted is what [Adopt] did, or would do.
type Adopted struct {
	// Imported are the ops that are recorded as done from now on, in the order in which the other
	// tool did them. The ledger knew none of them before.
	Imported []string
	// Unknown is what the other tool has applied and no registered migration answers to: its file is
	// gone, as after a squash. It cannot run again, nor be rolled back.
	Unknown []string
}

// Adopt records as done what another tool has applied to the database, so that nothing of it runs
// again. The sequencer must have the migrations registered; an op answers to a version if [Files]
// would give it the ID. The run it is recorded under names the tool and its table. To adopt twice
// changes nothing, and with [seq.DryRun] nothing is written at all. The other tool's table is only
// read, and stays as it is.
//
// If the table has rows and not one of them is known, that is an error, since it then is the wrong
// table or the wrong folder. Rows that were added after the first call are taken over by the next.
func Adopt(ctx context.Context, s *seq.Sequencer, db bun.IDB, from Source, opts ...seq.RunOption) (*Adopted, error) {
	done := &Adopted{}
	if from.read == nil {
		return done, fmt.Errorf("%w: Adopt: want a source, as FromGoose", seq.ErrInvalidOption)
	}
	c := candidatesOf(s)
	ids, unknown, err := from.read(ctx, db, c)
	if err != nil {
		return done, fmt.Errorf("adopt from %s: %w", from.Origin, err)
	}
	done.Unknown = unknown
	if len(ids) == 0 && len(unknown) > 0 {
		return done, fmt.Errorf("%w: adopt from %s: no registered migration is one of those it has applied (%s)",
			seq.ErrInvalidOption, from.Origin, strings.Join(unknown, ", "))
	}
	done.Imported, err = s.Import(ctx, seq.Import{Origin: from.Origin, IDs: ids}, opts...)
	return done, err
}

// String says in a few lines what was done.
func (a *Adopted) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d migrations adopted\n", len(a.Imported))
	for _, id := range a.Imported {
		fmt.Fprintf(&b, "  %s\n", id)
	}
	if len(a.Unknown) > 0 {
		fmt.Fprintf(&b, "applied, but not in the code: %s\n", strings.Join(a.Unknown, ", "))
	}
	return b.String()
}
