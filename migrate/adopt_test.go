package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
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
		"no table": {migrate.FromGoose("goosed"), `CREATE TABLE goose_db_version (id int)`, seq.ErrInvalidOption, []string{"goosed", "goose_db_version"}},
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

// In a new database there is nothing to adopt, so that Adopt may be called at every start.
func TestANewDatabaseHasNothingToAdopt(t *testing.T) {
	for name, from := range map[string]migrate.Source{
		"goose": migrate.FromGoose(""), "bun": migrate.FromBun(""), "golang-migrate": migrate.FromGolangMigrate(""),
		"laravel": migrate.FromLaravel(""), "a table of another name": migrate.FromGoose("versions"),
	} {
		s := ledger(t)
		q := seq.New(s, files(t, folder(tables["goose"].files))...)
		got, err := migrate.Adopt(t.Context(), q, s.DB(), from)
		if err != nil || !got.NoTable || len(got.Imported) > 0 || !strings.HasPrefix(got.String(), "nothing adopted: there is no table ") {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// What another tool applied is not run again by somebody who forgot to adopt it, and nothing else runs
// before they know.
func TestWhatIsNotAdoptedIsRefused(t *testing.T) {
	first := seq.Op{ID: "1960_01_01_000000_first", Run: func(context.Context) error { return errors.New("it ran") }}
	for _, tt := range []struct {
		name, tool string
		format     migrate.Format
	}{
		{"goose", "goose", migrate.Goose()},
		{"bun", "bun", migrate.Bun()},
		{"golang-migrate", "golang-migrate", migrate.GolangMigrate()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := ledger(t)
			set := tables[tt.name]
			exec(t, s, set.sql)
			if tt.name == "bun" {
				tt.format.Table = "my_migrations"
			}
			q := seq.New(s, append(files(t, folder(set.files), tt.format), first)...)
			_, preview := q.Preview(t.Context())
			_, run := q.Run(t.Context())
			for _, err := range []error{preview, run} {
				if !errors.Is(err, migrate.ErrNotAdopted) || !errors.Is(err, seq.ErrNotReady) || !strings.Contains(err.Error(), "adopt "+tt.tool) || strings.Count(err.Error(), "is applied") != 1 {
					t.Errorf("got %v", err)
				}
			}
			if entries, err := s.Load(t.Context()); err != nil || len(entries) > 0 {
				t.Errorf("%v, %v", entries, err)
			}
			if _, err := migrate.Adopt(t.Context(), q, s.DB(), set.from); err != nil {
				t.Fatal(err)
			}
			if _, err := q.Run(t.Context(), seq.Only(ids(q.Ops())[3:]...)); err != nil {
				t.Errorf("when it is adopted: %v", err)
			}
			tt.format.Table = migrate.NoTable
			if _, err := seq.New(ledger(t), files(t, folder(set.files), tt.format)...).Preview(t.Context()); err != nil {
				t.Errorf("without a table: %v", err)
			}
		})
	}
}

// Tables that other tools have by the same name, and what is not of this folder, are in nobody's way.
func TestOtherTablesDoNotStopARun(t *testing.T) {
	for name, sql := range map[string]string{
		"of Rails":        `CREATE TABLE schema_migrations (version varchar PRIMARY KEY); INSERT INTO schema_migrations VALUES ('1')`,
		"another folder":  `CREATE TABLE schema_migrations (version uint64, dirty bool); INSERT INTO schema_migrations VALUES (20240115120000, 0)`,
		"nothing applied": `CREATE TABLE schema_migrations (version uint64, dirty bool)`,
	} {
		s := ledger(t)
		exec(t, s, sql)
		if _, err := seq.New(s, files(t, folder(map[string]string{"1_a.up.sql": "SELECT 1"}))...).Run(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := ledger(t)
	exec(t, s, `CREATE TABLE schema_migrations (version uint64, dirty bool); INSERT INTO schema_migrations VALUES (1, 1)`)
	if _, err := seq.New(s, files(t, folder(map[string]string{"1_a.up.sql": "SELECT 1"}))...).Run(t.Context()); !errors.Is(err, migrate.ErrDirty) {
		t.Errorf("dirty: %v", err)
	}
}

// A counter keeps what is asked of a database.
type counter struct{ queries []string }

func (c *counter) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	c.queries = append(c.queries, e.Query)
	return ctx
}

func (*counter) AfterQuery(context.Context, *bun.QueryEvent) {}

func TestNoTableIsLookedForWhenNothingIsPending(t *testing.T) {
	c := &counter{}
	s := bunstore.New(ledger(t).DB().WithQueryHook(c))
	f := map[string]string{}
	for i := range 20 {
		f[fmt.Sprintf("%06d_a.up.sql", i+1)] = "SELECT 1"
	}
	asked := func() (n int) {
		for _, q := range c.queries {
			if strings.Contains(q, "schema_migrations") || strings.Contains(q, "pragma_table_info") {
				n++
			}
		}
		return n
	}
	q := seq.New(s, files(t, folder(f))...)
	if _, err := q.Preview(t.Context()); err != nil || asked() != 1 {
		t.Errorf("20 are pending: %d queries, %v; want 1", asked(), err)
	}
	if _, err := q.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.queries = nil
	if _, err := q.Run(t.Context()); err != nil || len(c.queries) != 1 {
		t.Errorf("nothing is pending: %v, %q; want the ledger only", err, c.queries)
	}
}

func TestBaseline(t *testing.T) {
	s := ledger(t)
	op := seq.Op{ID: "2025_01_01_000000_op", Run: func(context.Context) error { return nil }}
	q := seq.New(s, append(files(t, folder(map[string]string{"1_a.up.sql": "BOOM", "2_b.up.sql": "BOOM"})), op)...)
	for _, opts := range [][]seq.RunOption{{seq.DryRun()}, nil, nil} {
		got, err := migrate.Baseline(t.Context(), q, opts...)
		want := []string{"1970_01_01_000001_a", "1970_01_01_000002_b"}
		if entries, _ := s.Load(t.Context()); len(entries) > 0 && len(opts) == 0 && len(got) == 0 {
			want = nil // the second time
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	report, err := q.Run(t.Context())
	if err != nil || len(report.Steps) != 1 {
		t.Errorf("%v, %v", report, err)
	}
}

// A version is found by the file that it is of, also where two stand at the same time.
func TestVersionsOfOneSecondAreAdopted(t *testing.T) {
	s := ledger(t)
	exec(t, s, `CREATE TABLE goose_db_version (id integer PRIMARY KEY AUTOINCREMENT, version_id integer NOT NULL, is_applied integer NOT NULL);
		INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1700000000001, 1), (20240115126000, 1)`)
	f := map[string]string{}
	for _, v := range []string{"1700000000001", "1700000000002", "20240115126000", "20240115126001"} {
		f[v+"_a.sql"] = "-- +goose Up\nSELECT 1;\n"
	}
	got, err := migrate.Adopt(t.Context(), seq.New(s, files(t, folder(f))...), s.DB(), migrate.FromGoose(""))
	want := []string{"2023_11_14_221320_1700000000001_a", "20240115125959_20240115126000_a"}
	if err != nil || !slices.Equal(got.Imported, want) {
		t.Errorf("%s, %v; want %q", got, err, want)
	}
}
