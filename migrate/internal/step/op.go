package step

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/internal/sqltext"
	"github.com/sequencer-go/seq/store"
)

// A Migration is what the files of one version say.
type Migration struct {
	ID    string
	Alias string // the file's name without its endings
	Up    *Script
	Down  *Script  // nil: it cannot be undone
	Notes []string // for the plan
}

// Op is the op of a migration. Its Delivery holds whichever database it will run on; what it promises
// on the one that it is planned for, its Inspect finds.
func Op(m Migration) seq.Op {
	op := seq.Op{ID: m.ID, Alias: m.Alias, Kind: seq.Migration, Checksum: m.Up.Checksum(), Run: m.Up.run}
	Promise(&op, m.Up, m.Down)
	if m.Down != nil {
		op.Rollback = m.Down.run
	}
	find := op.Inspect
	op.Inspect = func(ctx context.Context, on seq.Inspection) (seq.Details, error) {
		found, err := find(ctx, on)
		if len(m.Notes) > 0 {
			found.Notes = m.Notes
		}
		return found, err
	}
	return op
}

// DialectOf is how the database of a store reads a text; known is false of a store that has none.
func DialectOf(ledger store.Store) (d sqltext.Dialect, known bool) {
	db := DB(ledger)
	if db == nil {
		return 0, false
	}
	return DialectOfConn(db), true
}

// DB is the database of a store, nil if it has none.
func DB(ledger store.Store) *bun.DB {
	s, ok := ledger.(interface{ DB() *bun.DB })
	if !ok {
		return nil
	}
	return s.DB()
}
