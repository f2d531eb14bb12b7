package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/internal/adoption"
	"github.com/sequencer-go/seq/migrate/internal/step"
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
	// NoTable says that the other tool's table is not there, as in a new database.
	NoTable bool

	table, elsewhere string
}

// Adopt records as done what another tool has applied to the database, so that nothing of it runs
// again. The sequencer must have the migrations registered; an op answers to a version if it was made
// from a file of that version, or if its ID is one that [Files] would give to such a file. The run it
// is recorded under names the tool and its table. To adopt twice changes nothing, and with
// [seq.DryRun] nothing is written at all. The other tool's table is only read, and stays as it is.
//
// It may be called at every start: where the table is not there, as in a new database, nothing is
// adopted. On Postgres a table without a schema is looked for in the first of search_path, where the
// tools have it: with "tenant,public", public's does not answer for the tenant. If a table of another name than the usual was asked for, is not there, and the usual one
// is, that is an error that matches [seq.ErrInvalidOption], as it is if the table has rows and not
// one of them is known, since it then is the wrong table or the wrong folder. Rows that were added
// after the first call are taken over by the next.
func Adopt(ctx context.Context, s *seq.Sequencer, db bun.IDB, from Source, opts ...seq.RunOption) (*Adopted, error) {
	done := &Adopted{table: from.table}
	if from.read == nil {
		return done, fmt.Errorf("%w: Adopt: want a source, as FromGoose", seq.ErrInvalidOption)
	}
	ids, unknown, err := from.applied(ctx, db, candidatesOf(s.Ops()))
	if missing, is := errors.AsType[noTableError](err); is {
		done.NoTable, done.elsewhere = true, missing.elsewhere
		return done, nil
	}
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
	switch {
	case a.NoTable && a.elsewhere != "":
		return fmt.Sprintf("nothing adopted: there is no table %s in the first schema of search_path; if the one in %s is meant, say %s.%s\n", a.table, a.elsewhere, a.elsewhere, a.table)
	case a.NoTable:
		return fmt.Sprintf("nothing adopted: there is no table %s\n", a.table)
	}
	fmt.Fprintf(&b, "%d migrations adopted\n", len(a.Imported))
	for _, id := range a.Imported {
		fmt.Fprintf(&b, "  %s\n", id)
	}
	if len(a.Unknown) > 0 {
		fmt.Fprintf(&b, "applied, but not in the code: %s\n", strings.Join(a.Unknown, ", "))
	}
	return b.String()
}

// Baseline records every registered migration as done, without running it: for a database that was
// made from a dump of the schema, and not by the migrations. Operations are left alone, and so is
// what the ledger knows already. It returns the IDs that it recorded; with [seq.DryRun], those that
// it would.
func Baseline(ctx context.Context, s *seq.Sequencer, opts ...seq.RunOption) ([]string, error) {
	var ids []string
	for _, op := range s.Ops() {
		if op.Kind == seq.Migration {
			ids = append(ids, op.ID)
		}
	}
	return s.Import(ctx, seq.Import{Origin: "baseline", IDs: ids}, opts...)
}

// A noTableError says that the tool's table is not there.
type noTableError struct{ elsewhere string }

func (noTableError) Error() string { return "there is no table of the other tool" }

// applied are the ops that the table says are applied, and what in it is unknown. It fails with
// a noTableError if there is no table.
func (s *Source) applied(ctx context.Context, db bun.IDB, c candidates) (ids, unknown []string, err error) {
	found, elsewhere, err := there(ctx, db, s.table)
	switch {
	case err != nil:
		return nil, nil, err
	case found:
		return s.read(ctx, db, c)
	case s.table == s.usual:
		return nil, nil, noTableError{elsewhere}
	}
	if usual, _, err := there(ctx, db, s.usual); err != nil || !usual {
		return nil, nil, cmp.Or[error](err, noTableError{elsewhere})
	}
	return nil, nil, fmt.Errorf("%w: there is no table %s, and there is %s, which %s usually has", seq.ErrInvalidOption, s.table, s.usual, s.tool)
}

func init() {
	for _, from := range []func(string) Source{FromGoose, FromBun, FromGolangMigrate, FromLaravel} {
		usual := from("")
		adoption.Register(adoption.Tool{
			Name: usual.tool, Table: usual.table,
			Adopt: func(ctx context.Context, s *seq.Sequencer, table string, opts ...seq.RunOption) (adoption.Result, error) {
				db := step.DB(s.Store())
				if db == nil {
					return adoption.Result{}, fmt.Errorf("%w: adopt: the store has no database in which another tool could have a table", seq.ErrInvalidOption)
				}
				done, err := Adopt(ctx, s, db, from(table), opts...)
				return adoption.Result{Imported: done.Imported, Unknown: done.Unknown, NoTable: done.NoTable, Text: done.String()}, err
			},
		})
	}
}
