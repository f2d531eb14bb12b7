package migrate

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/internal/step"
)

// A Source is the table in which another tool keeps what it has applied.
type Source struct {
	// Origin names the tool and the table, for the ledger.
	Origin string
	read   func(ctx context.Context, db bun.IDB, c candidates) (ids, unknown []string, err error)
}

// FromGoose reads the table of goose; "" means goose_db_version.
func FromGoose(table string) Source {
	return source("goose", table, "goose_db_version", func(ctx context.Context, db bun.IDB, table bun.Ident, c candidates) (ids, unknown []string, err error) {
		var rows []struct {
			VersionID int64
			IsApplied bool
		}
		if err := db.NewRaw(`SELECT version_id, is_applied FROM ? ORDER BY id`, table).Scan(ctx, &rows); err != nil {
			return nil, nil, err
		}
		last := map[int64]int{} // older gooses add a row when they undo one
		for i, r := range rows {
			last[r.VersionID] = i
		}
		for i, r := range rows {
			if r.VersionID != 0 && r.IsApplied && last[r.VersionID] == i {
				if err := c.sort(strconv.FormatInt(r.VersionID, 10), &ids, &unknown); err != nil {
					return nil, nil, err
				}
			}
		}
		return ids, unknown, nil
	})
}

// FromBun reads the table of bun/migrate; "" means bun_migrations.
func FromBun(table string) Source {
	return source("bun", table, "bun_migrations", func(ctx context.Context, db bun.IDB, table bun.Ident, c candidates) (ids, unknown []string, err error) {
		var names []string
		if err := db.NewRaw(`SELECT name FROM ? ORDER BY id`, table).Scan(ctx, &names); err != nil {
			return nil, nil, err
		}
		for _, name := range names {
			if err := c.sort(name, &ids, &unknown); err != nil {
				return nil, nil, err
			}
		}
		return ids, unknown, nil
	})
}

// FromGolangMigrate reads the table of golang-migrate, which holds one version: it and all before
// have been applied. "" means schema_migrations. A table that is dirty is refused with an error
// that matches [ErrDirty] and says what to do.
func FromGolangMigrate(table string) Source {
	return source("golang-migrate", table, "schema_migrations", func(ctx context.Context, db bun.IDB, table bun.Ident, c candidates) (ids, unknown []string, err error) {
		var rows []struct {
			Version int64
			Dirty   bool
		}
		if err := db.NewRaw(`SELECT version, dirty FROM ?`, table).Scan(ctx, &rows); err != nil {
			return nil, nil, err
		}
		for _, r := range rows {
			if r.Dirty {
				return nil, nil, fmt.Errorf("%w: version %d is dirty; look at what of it is in the database and complete it or take it back, "+
					"then say so with \"migrate force %d\" if it is done, or \"migrate force\" and the version before if it is not, and adopt again", ErrDirty, r.Version, r.Version)
			}
			if r.Version < 0 {
				continue // "nothing applied"
			}
			upTo, err := step.Time(strconv.FormatInt(r.Version, 10))
			if err != nil {
				return nil, nil, err
			}
			if len(c.at[upTo]) == 0 {
				unknown = append(unknown, strconv.FormatInt(r.Version, 10))
				continue // everything older may be, or not: this is not the folder it came from
			}
			for _, m := range c.all {
				if !m.at.After(upTo) {
					ids = append(ids, m.id)
				}
			}
		}
		return ids, unknown, nil
	})
}

// FromLaravel reads a table as Laravel has it, with the full names of migrations, and whatever else
// is recorded that way, as Laravel's operations and sequencers do. Names must be IDs. "" means
// migrations.
func FromLaravel(table string) Source {
	return source("laravel", table, "migrations", func(ctx context.Context, db bun.IDB, table bun.Ident, c candidates) (ids, unknown []string, err error) {
		var names []string
		if err := db.NewRaw(`SELECT migration FROM ? ORDER BY id`, table).Scan(ctx, &names); err != nil {
			return nil, nil, err
		}
		for _, name := range names {
			if c.ids[name] {
				ids = append(ids, name)
			} else {
				unknown = append(unknown, name)
			}
		}
		return ids, unknown, nil
	})
}

func source(tool, table, standard string, read func(context.Context, bun.IDB, bun.Ident, candidates) (ids, unknown []string, err error)) Source {
	if table == "" {
		table = standard
	}
	return Source{tool + ": table " + table, func(ctx context.Context, db bun.IDB, c candidates) (ids, unknown []string, err error) {
		return read(ctx, db, bun.Ident(table), c)
	}}
}

// candidates are the registered ops that another tool may have done.
type candidates struct {
	all []candidate            // migrations that were made from a file, in order
	at  map[time.Time][]string // all migrations, by their timestamp
	ids map[string]bool        // any op
}

type candidate struct {
	id string
	at time.Time
}

func candidatesOf(s *seq.Sequencer) candidates {
	c := candidates{at: map[time.Time][]string{}, ids: map[string]bool{}}
	for _, op := range s.Ops() {
		c.ids[op.ID] = true
		at, _, err := seq.ParseID(op.ID)
		if err != nil || op.Kind != seq.Migration {
			continue
		}
		if op.Checksum != "" {
			c.all = append(c.all, candidate{op.ID, at})
		}
		c.at[at] = append(c.at[at], op.ID)
	}
	return c
}

// sort adds a version to the IDs, or to what is unknown.
func (c candidates) sort(version string, ids, unknown *[]string) error {
	at, err := step.Time(version)
	if err != nil {
		return err
	}
	switch found := c.at[at]; len(found) {
	case 0:
		*unknown = append(*unknown, version)
	case 1:
		*ids = append(*ids, found[0])
	default:
		return fmt.Errorf("version %s could be any of %q; register them one after another", version, found)
	}
	return nil
}
