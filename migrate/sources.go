package migrate

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/internal/step"
)

// A Source is the table in which another tool keeps what it has applied.
type Source struct {
	// Origin names the tool and the table, for the ledger.
	Origin string

	tool, from, table, usual string
	read                     func(ctx context.Context, db bun.IDB, c candidates) (ids, unknown []string, err error)
}

// FromGoose reads the table of goose; "" means goose_db_version.
func FromGoose(table string) Source {
	return source("goose", "FromGoose", table, "goose_db_version", func(ctx context.Context, db bun.IDB, table bun.Ident, c candidates) (ids, unknown []string, err error) {
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
	return source("bun", "FromBun", table, "bun_migrations", func(ctx context.Context, db bun.IDB, table bun.Ident, c candidates) (ids, unknown []string, err error) {
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
	return source("golang-migrate", "FromGolangMigrate", table, "schema_migrations", func(ctx context.Context, db bun.IDB, table bun.Ident, c candidates) (ids, unknown []string, err error) {
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
			version := strconv.FormatInt(r.Version, 10)
			upTo, found := c.find(version)
			if len(found) == 0 {
				unknown = append(unknown, version)
				continue // everything older may be, or not: this is not the folder it came from
			}
			for _, m := range c.all {
				if m.upTo(version, upTo) {
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
	return source("laravel", "FromLaravel", table, "migrations", func(ctx context.Context, db bun.IDB, table bun.Ident, c candidates) (ids, unknown []string, err error) {
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

func source(tool, from, table, usual string, read func(context.Context, bun.IDB, bun.Ident, candidates) (ids, unknown []string, err error)) Source {
	s := Source{tool: tool, from: from, table: cmp.Or(table, usual), usual: usual}
	s.Origin = tool + ": table " + s.table
	s.read = func(ctx context.Context, db bun.IDB, c candidates) (ids, unknown []string, err error) {
		return read(ctx, db, bun.Ident(s.table), c)
	}
	return s
}

// there reports whether the database has a table: in the schema that the name says, or else in the
// first of search_path, where each of the tools has its own. elsewhere is the schema of one that a later
// schema of search_path has: with "tenant,public" it is not the tenant's.
func there(ctx context.Context, db bun.IDB, table string) (found bool, elsewhere string, err error) {
	schema, name, qualified := strings.Cut(table, ".")
	if !qualified {
		schema, name = "", table
	}
	if db.Dialect().Name() == dialect.SQLite {
		err = db.NewRaw(`SELECT count(*) > 0 FROM pragma_table_info(?)`, name).Scan(ctx, &found)
		return found, "", err
	}
	err = db.NewRaw(`SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relname = ?0 AND c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname = coalesce(nullif(?1, ''), current_schema())),
		coalesce((SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(?0))), '')`, name, schema).Scan(ctx, &found, &elsewhere)
	if found || qualified {
		elsewhere = ""
	}
	return found, elsewhere, err
}

// candidates are the registered ops that another tool may have done.
type candidates struct {
	all     []candidate            // migrations that were made from a file, in order
	version map[string][]string    // those, by their version without zeros before it
	at      map[time.Time][]string // all migrations, by their timestamp
	ids     map[string]bool        // any op
}

type candidate struct {
	id      string
	version string // "" if it has no alias
	at      time.Time
}

// upTo reports whether a migration is not younger than a version.
func (m candidate) upTo(version string, at time.Time) bool {
	if m.version != "" {
		return step.CompareVersions(m.version, version) <= 0
	}
	return !m.at.After(at)
}

func candidatesOf(ops []seq.Op) candidates {
	c := candidates{version: map[string][]string{}, at: map[time.Time][]string{}, ids: map[string]bool{}}
	for i := range ops {
		op := &ops[i]
		c.ids[op.ID] = true
		at, _, err := seq.ParseID(op.ID)
		if err != nil || op.Kind != seq.Migration {
			continue
		}
		version, _, _ := strings.Cut(op.Alias, "_")
		if !digits(version) {
			version = ""
		}
		if op.Checksum != "" {
			c.all = append(c.all, candidate{op.ID, version, at})
		}
		if version != "" {
			n := strings.TrimLeft(version, "0")
			c.version[n] = append(c.version[n], op.ID)
		}
		c.at[at] = append(c.at[at], op.ID)
	}
	return c
}

// find are the migrations of a version, and where it stands: those of a file of that version, or
// else those whose ID has the timestamp that a file of the version would have.
func (c candidates) find(version string) (at time.Time, ids []string) {
	at, err := step.Time(version)
	if found := c.version[strings.TrimLeft(version, "0")]; len(found) > 0 {
		return at, found
	}
	if err != nil {
		return at, nil
	}
	return at, c.at[at]
}

// sort adds a version to the IDs, or to what is unknown.
func (c candidates) sort(version string, ids, unknown *[]string) error {
	switch _, found := c.find(version); len(found) {
	case 0:
		*unknown = append(*unknown, version)
	case 1:
		*ids = append(*ids, found[0])
	default:
		return fmt.Errorf("version %s could be any of %q; register them one after another", version, found)
	}
	return nil
}
