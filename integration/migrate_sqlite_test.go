package integration_test

import (
	"path/filepath"
	"testing"

	"github.com/sequencer-go/seq"
)

// Whatever a script leaves in its connection to SQLite is gone for the step after it and for the
// application.
func TestNothingOfAStepsConnectionOutlivesIt(t *testing.T) {
	const state = `SELECT (SELECT count(*) FROM temp.sqlite_master) || ' ' || (SELECT count(*) FROM pragma_database_list WHERE name <> 'temp') || ' ' ||
		(SELECT recursive_triggers FROM pragma_recursive_triggers) || ' ' || (SELECT foreign_keys FROM pragma_foreign_keys) || ' ' || ('a' LIKE 'A')`
	for name, statement := range map[string]string{
		"a temporary table":         "CREATE TEMPORARY TABLE x (id int);",
		"a temporary trigger":       "CREATE TABLE y (id int); CREATE TEMPORARY TRIGGER x AFTER INSERT ON y BEGIN DELETE FROM y; END;",
		"a pragma":                  "PRAGMA recursive_triggers = ON;",
		"foreign keys":              "PRAGMA foreign_keys = OFF;",
		"a pragma without a reader": "PRAGMA case_sensitive_like = ON;",
		"another database":          "ATTACH ':memory:' AS other;",
		"a transaction":             "-- seq:no-transaction\nCREATE TABLE x (id int); PRAGMA recursive_triggers = ON; BEGIN; SELECT 1; COMMIT;",
	} {
		for _, memory := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " in memory", false: " in a file"}[memory], func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "x.db")
				if memory {
					path = ":memory:"
				}
				s := openSQLite(t, path)
				var want, between string
				if err := s.DB().QueryRowContext(t.Context(), state).Scan(&want); err != nil {
					t.Fatal(err)
				}
				ops := filesOf(t, map[string]string{"1_a.up.sql": statement, "2_b.up.sql": "CREATE TABLE b AS " + state + " AS state;"})
				if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
					t.Fatalf("%v\n%s", err, r)
				}
				if err := s.DB().QueryRowContext(t.Context(), `SELECT state FROM b`).Scan(&between); err != nil || between != want {
					t.Errorf("the next step found %q, %v; want %q", between, err, want)
				}
				for range 3 {
					conn, err := s.DB().Conn(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = conn.Close() }()
					var got string
					if err := conn.QueryRowContext(t.Context(), state).Scan(&got); err != nil || got != want {
						t.Errorf("the application found %q, %v; want %q", got, err, want)
					}
				}
			})
		}
	}
}
