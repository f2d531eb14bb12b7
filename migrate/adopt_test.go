package migrate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/store"
)

// What each tool leaves when it has applied the first two of three steps, and one that is gone.
var tables = map[string]struct {
	from  migrate.Source
	files map[string]string
	sql   string
	ids   []string
	gone  []string
}{
	"goose": {
		migrate.FromGoose(""),
		map[string]string{"00001_a.sql": "-- +goose Up\nBOOM;\n", "00002_b.sql": "-- +goose Up\nBOOM;\n", "00004_c.sql": "-- +goose Up\nCREATE TABLE c (d int);\n"},
		`CREATE TABLE goose_db_version (id integer PRIMARY KEY AUTOINCREMENT, version_id integer NOT NULL, is_applied integer NOT NULL, tstamp timestamp DEFAULT (datetime('now')));
		INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (4, 1), (3, 1), (2, 1), (4, 0)`,
		[]string{"1970_01_01_000001_a", "1970_01_01_000002_b"},
		[]string{"3"},
	},
	"bun": {
		migrate.FromBun("my_migrations"),
		map[string]string{"20240101000000_a.tx.up.sql": "BOOM", "20240102000000_b.up.sql": "BOOM", "20240104000000_c.up.sql": "CREATE TABLE c (d int)"},
		`CREATE TABLE my_migrations (id integer PRIMARY KEY, name varchar, group_id integer, migrated_at timestamp NOT NULL DEFAULT current_timestamp);
		INSERT INTO my_migrations (name, group_id) VALUES ('20240101000000', 1), ('20240102000000', 1), ('20240103000000', 2)`,
		[]string{"20240101000000_a", "20240102000000_b"},
		[]string{"20240103000000"},
	},
	"golang-migrate": {
		migrate.FromGolangMigrate(""),
		map[string]string{"000001_a.up.sql": "BOOM", "000002_b.up.sql": "BOOM", "000004_c.up.sql": "CREATE TABLE c (d int)"},
		`CREATE TABLE schema_migrations (version uint64, dirty bool); INSERT INTO schema_migrations VALUES (2, 0)`,
		[]string{"1970_01_01_000001_a", "1970_01_01_000002_b"},
		nil,
	},
	"laravel": {
		migrate.FromLaravel(""),
		map[string]string{"20240101000000_a.up.sql": "BOOM", "20240102000000_b.up.sql": "BOOM", "20240104000000_c.up.sql": "CREATE TABLE c (d int)"},
		`CREATE TABLE migrations (id integer PRIMARY KEY, migration varchar, batch int);
		INSERT INTO migrations (migration, batch) VALUES ('20240101000000_a', 1), ('20240102000000_b', 1), ('2014_10_12_000000_create_users_table', 2)`,
		[]string{"20240101000000_a", "20240102000000_b"},
		[]string{"2014_10_12_000000_create_users_table"},
	},
}

func TestWhatAnotherToolAppliedDoesNotRunAgain(t *testing.T) {
	for name, tt := range tables {
		t.Run(name, func(t *testing.T) {
			s := ledger(t)
			exec(t, s, tt.sql)
			sequencer := seq.New(s, files(t, folder(tt.files))...)
			for _, opts := range [][]seq.RunOption{{seq.DryRun()}, nil} {
				got, err := migrate.Adopt(t.Context(), sequencer, s.DB(), tt.from, opts...)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got.Imported, tt.ids) || !slices.Equal(got.Unknown, tt.gone) {
					t.Errorf("got %s, want %q and unknown %q", got, tt.ids, tt.gone)
				}
			}
			again, err := migrate.Adopt(t.Context(), sequencer, s.DB(), tt.from)
			if err != nil || len(again.Imported) != 0 {
				t.Errorf("the second time: %s, %v", again, err)
			}
			if _, err := sequencer.Run(t.Context()); err != nil {
				t.Errorf("it ran what was there: %v", err)
			}
			runs, err := s.Runs(t.Context(), store.Page{Limit: 10})
			if err != nil || len(runs) != 2 || !slices.ContainsFunc(runs, func(r store.Run) bool { return r.Strategy == "import "+tt.from.Origin }) {
				t.Errorf("runs %+v, %v; want one of %s", runs, err, tt.from.Origin)
			}
		})
	}
}

func TestAdoptRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		from migrate.Source
		sql  string
		is   error
		says []string
	}{
		"dirty":    {migrate.FromGolangMigrate(""), `CREATE TABLE schema_migrations (version uint64, dirty bool); INSERT INTO schema_migrations VALUES (2, 1)`, migrate.ErrDirty, []string{"version 2", "migrate force 2", "schema_migrations"}},
		"unknown":  {migrate.FromGolangMigrate(""), `CREATE TABLE schema_migrations (version uint64, dirty bool); INSERT INTO schema_migrations VALUES (9, 0)`, seq.ErrInvalidOption, []string{"9"}},
		"no table": {migrate.FromGoose("goosed"), `SELECT 1`, nil, []string{"goosed"}},
		"nothing":  {migrate.Source{}, `SELECT 1`, seq.ErrInvalidOption, []string{"FromGoose"}},
	} {
		s := ledger(t)
		exec(t, s, tt.sql)
		sequencer := seq.New(s, files(t, folder(tables["golang-migrate"].files))...)
		_, err := migrate.Adopt(t.Context(), sequencer, s.DB(), tt.from)
		if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: got %v, want %v", name, err, tt.is)
			continue
		}
		for _, says := range tt.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q does not say %q", name, err, says)
			}
		}
		if entries, _ := s.Load(t.Context()); len(entries) > 0 {
			t.Errorf("%s: it recorded %v", name, entries)
		}
	}
}
