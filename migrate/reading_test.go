package migrate_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

const rebuild = `PRAGMA foreign_keys=OFF;
CREATE TABLE p_new (id integer primary key, name text);
INSERT INTO p_new (id) SELECT id FROM p;
DROP TABLE p;
ALTER TABLE p_new RENAME TO p;
PRAGMA foreign_keys=ON;
`

// The rebuild of a table in SQLite deletes the rows that refer to it, unless the pragma is found, which
// does nothing in a transaction. What Postgres reads differently must not hide it.
func TestNothingHidesAPragma(t *testing.T) {
	for name, before := range map[string]string{
		"a glob in a comment":             "/* generated from schema/*.sql */\n",
		"a comment that is not nested":    "/* a /* b */\n",
		"a quote in brackets":             "CREATE TABLE [it's] (a int);\n",
		"a quote in backticks":            "CREATE TABLE `it's` (a int);\n",
		"a string that ends in backslash": "INSERT INTO t VALUES ('c:\\');\n",
		"a dollar in a name":              "CREATE TABLE a$b$ (a int);\n",
		"a quote in a comment":            "-- it's\n",
		"a mark of the byte order":        "\ufeff",
		"a trigger before it":             "CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET a = CASE WHEN 1 THEN 2 END; END;\n",
		"a comment of one sign":           "/*/ VACUUM; */\n",
	} {
		for file, text := range map[string]string{
			"000002_b.up.sql":    before + rebuild,
			"000002_b.sql":       "-- +goose Up\n" + strings.TrimPrefix(before, "\ufeff") + rebuild,
			"000002_b.tx.up.sql": before + strings.ReplaceAll(rebuild, ";\nC", ";\n--bun:split\nC"),
		} {
			t.Run(name+"/"+file, func(t *testing.T) {
				s := ledger(t)
				exec(t, s, `CREATE TABLE t (a); CREATE TABLE p (id integer primary key); CREATE TABLE c (p_id int REFERENCES p(id) ON DELETE CASCADE); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)`)
				q := seq.New(s, files(t, folder(map[string]string{file: text}))...)
				plan, err := q.Preview(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if got := plan.Steps[0].Delivery; got != seq.Repeatable || !strings.Contains(plan.String(), "repeatable: PRAGMA does not work in a transaction") {
					t.Errorf("it is %s:\n%s", got, plan)
				}
				if _, err := q.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n, err := s.DB().NewSelect().Table("c").Count(t.Context()); n != 1 || err != nil {
					t.Errorf("%d children, %v; want 1", n, err)
				}
			})
		}
	}
}

// What a step promises is decided for the database that it runs on: what only the other one would
// refuse costs nothing.
func TestTheDatabaseDecidesTheDelivery(t *testing.T) {
	for text, want := range map[string]seq.Delivery{
		"CREATE TABLE a (b int);":                                 seq.Transactional,
		"CREATE INDEX CONCURRENTLY a ON b (c);":                   seq.Transactional, // a name, for SQLite
		"CREATE TABLE [VACUUM; x] (a int);":                       seq.Transactional,
		"VACUUM;":                                                 seq.Repeatable,
		"/* a /* b */ VACUUM; -- */":                              seq.Repeatable,
		"ATTACH 'x' AS y;":                                        seq.Repeatable,
		"SAVEPOINT a; ROLLBACK TO a; RELEASE a;":                  seq.Transactional,
		"ROLLBACK TRANSACTION TO SAVEPOINT a;":                    seq.Transactional,
		"BEGIN IMMEDIATE; CREATE TABLE a (b int); END;":           seq.Transactional,
		"BEGIN; CREATE TABLE a (b int); COMMIT; SELECT 1;":        seq.Repeatable,
		"CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END;": seq.Transactional,
	} {
		plan, err := seq.New(ledger(t), files(t, folder(map[string]string{"1_a.up.sql": text}))...).Preview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Steps[0].Delivery; got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestFilesThatTheToolAppliesAreNotPassedOver(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"golang-migrate takes any ending": {
			map[string]string{"000001_a.up.sql": "SELECT 1", "000002_b.up.SQL": "SELECT 1", "000003_c.up.pgsql": "SELECT 1", "000003_c.down.pgsql": "SELECT 1", "000004_d.e.up.sql": "SELECT 1"},
			[]string{"000001_a", "000002_b", "000003_c", "000004_d.e"},
		},
		"and nothing else": {
			map[string]string{"000001_a.up.sql": "SELECT 1", "schema.sql": "CREATE", "2_b.upp.sql": "BOOM", "000003.up.sql": "BOOM", "x_4.up.sql": "BOOM", "000005_e.UP.sql": "BOOM", "deep/000006_f.up.sql": "BOOM"},
			[]string{"000001_a"},
		},
		"goose": {
			map[string]string{"00001_a.sql": "-- +goose Up\nSELECT 1;", "README.sql": "x", "2b.sql": "BOOM", "00003_c.SQL": "BOOM", "helper.go": "package m", "deep/00004_d.sql": "BOOM"},
			[]string{"00001_a"},
		},
		"bun": {
			map[string]string{"20240101000000_a.tx.up.sql": "SELECT 1", "20240102000000_b.up.SQL": "BOOM", "seed.sql": "BOOM", "migrations.go": "package m", "deep/20240103000000_c.up.sql": "SELECT 1"},
			[]string{"20240101000000_a", "20240103000000_c"},
		},
		"what lies below does not decide the format": {
			map[string]string{"000001_a.up.sql": "SELECT 1", "old/00001_a.sql": "-- +goose Up\nSELECT 1;", "old/2_b.tx.up.sql": "SELECT 1"},
			[]string{"000001_a"},
		},
		"nor what is hidden": {
			map[string]string{"000001_a.up.sql": "SELECT 1", "._000001_a.up.sql": "BOOM", ".git/000002_b.tx.up.sql": "BOOM"},
			[]string{"000001_a"},
		},
		"a version that has only a down file": {
			map[string]string{"000001_a.up.sql": "SELECT 1", "000002_b.down.sql": "SELECT 1"},
			[]string{"000001_a", "000002_b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, op := range files(t, folder(tt.files)) {
				got = append(got, op.Alias)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Kubernetes mounts a ConfigMap as links into a hidden folder, through another hidden link.
func TestConfigMap(t *testing.T) {
	for _, name := range []string{"20240115120000_a.tx.up.sql", "000001_a.up.sql", "00001_a.sql"} {
		dir := t.TempDir()
		text := "-- +goose Up\nCREATE TABLE a (id int);\n"
		if err := errors.Join(
			os.Mkdir(filepath.Join(dir, "..2026_07_17"), 0o755),
			os.WriteFile(filepath.Join(dir, "..2026_07_17", name), []byte(text), 0o600),
			os.Symlink("..2026_07_17", filepath.Join(dir, "..data")),
			os.Symlink("..data/"+name, filepath.Join(dir, name)),
		); err != nil {
			t.Fatal(err)
		}
		s := ledger(t)
		report, err := seq.New(s, files(t, os.DirFS(dir))...).Run(t.Context())
		if err != nil || len(report.Steps) != 1 || schema(t, s) != "CREATE TABLE a (id int)" {
			t.Errorf("%s: %v, %v", name, report, err)
		}
	}
}

func TestNothingIsNothing(t *testing.T) {
	nothings := []string{"", "\n", "-- nothing\n", ";\n", "/* no */", " ; -- a\n;"}
	t.Run("up", func(t *testing.T) {
		for _, text := range nothings {
			for file, text := range map[string]string{"1_a.up.sql": text, "1_a.tx.up.sql": text, "1_a.sql": "-- +goose Up\n-- +goose StatementBegin\n" + text + "\n-- +goose StatementEnd\n"} {
				s := ledger(t)
				q := seq.New(s, files(t, folder(map[string]string{file: text}))...)
				plan, err := q.Preview(t.Context())
				if err != nil || !strings.Contains(plan.String(), file+" has no statement") {
					t.Errorf("%s, %q: %v\n%s", file, text, err, plan)
				}
				if _, err := q.Run(t.Context()); err != nil {
					t.Errorf("%s, %q: %v", file, text, err)
				}
			}
		}
		ops := files(t, folder(map[string]string{"1_a.sql": "-- +goose Up\nSELECT 1;\n", "2_b.sql": "  \n"}))
		if len(ops) != 2 || ops[1].Rollback != nil {
			t.Errorf("an empty file of goose: %v", ids(ops))
		}
	})
	t.Run("down", func(t *testing.T) {
		for _, down := range nothings {
			for up, f := range map[string]map[string]string{
				"bun":            {"1_a.tx.up.sql": "SELECT 1", "1_a.tx.down.sql": down},
				"golang-migrate": {"1_a.up.sql": "SELECT 1", "1_a.down.sql": down},
				"goose":          {"1_a.sql": "-- +goose Up\nSELECT 1;\n-- +goose Down\n-- +goose StatementBegin\n" + down + "\n-- +goose StatementEnd\n"},
			} {
				if op := files(t, folder(f))[0]; op.Rollback != nil {
					t.Errorf("%s: %q counts as an undo", up, down)
				}
			}
		}
	})
}

func TestAMarkOfTheByteOrderIsNoSQL(t *testing.T) {
	for _, name := range []string{"20240115120000_a.tx.up.sql", "000001_a.up.sql", "00001_a.sql"} {
		s := ledger(t)
		ops := files(t, folder(map[string]string{name: "\ufeff-- +goose Up\nCREATE TABLE a (id int);\n"}))
		if _, err := seq.New(s, ops...).Run(t.Context()); err != nil || schema(t, s) != "CREATE TABLE a (id int)" {
			t.Errorf("%s: %v, %s", name, err, schema(t, s))
		}
	}
}

// A carriage return in a string is the author's, and before a line feed it is nobody's.
func TestCarriageReturnsThatMeanTheSameToBoth(t *testing.T) {
	s := ledger(t)
	ops := files(t, folder(map[string]string{"1_a.up.sql": "-- one\r\nCREATE TABLE a (b text);\r\nINSERT INTO a VALUES ('x\ry');\rINSERT INTO a VALUES ('z');"}))
	if _, err := seq.New(s, ops...).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := s.DB().NewRaw(`SELECT b FROM a ORDER BY b`).Scan(t.Context(), &got); err != nil || !slices.Equal(got, []string{"x\ry", "z"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAnErrorNamesTheFile(t *testing.T) {
	for _, text := range []string{"BOOM;", "VACUUM; BOOM;"} {
		_, err := seq.New(ledger(t), files(t, folder(map[string]string{"000093_x.up.sql": text}))...).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "000093_x.up.sql: ") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestWhatPsqlUnderstandsIsRefusedWhereItIsSQL(t *testing.T) {
	body := "CREATE FUNCTION f() RETURNS text AS $$\n\\d\n$$ LANGUAGE sql;\n/* a /* b */\n\\d\n*/"
	if _, err := migrate.Files(folder(map[string]string{"1_a.up.sql": body})); err != nil {
		t.Errorf("in a body: %v", err)
	}
}

// A process that died in the rebuild leaves a session behind that had foreign keys off. The next one
// goes on in another session, and must not delete the children there.
func TestSettingsOfTheSessionAreMadeAgainAfterACrash(t *testing.T) {
	for n := range 12 {
		s := ledger(t)
		exec(t, s, `CREATE TABLE p (id integer primary key); CREATE TABLE c (p_id int REFERENCES p(id) ON DELETE CASCADE); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)`)
		ops := files(t, folder(map[string]string{"00001_a.sql": "-- +goose Up\n" + rebuild}))
		blown := &fuse{n + 1}
		if _, err := seq.New(bunstore.New(s.DB().WithQueryHook(blown)), ops...).Run(t.Context()); (err == nil) != (blown.n > 0) {
			t.Fatalf("the fuse %d: %v", n, err)
		}
		if _, err := seq.New(s, ops...).Run(t.Context()); err != nil {
			t.Logf("it died when it saved for the %d. time: %v", n+1, err)
		}
		if got, err := s.DB().NewSelect().Table("c").Count(t.Context()); got != 1 || err != nil {
			t.Errorf("it died when it saved for the %d. time: %d children are left, %v", n+1, got, err)
		}
	}
}

// A database in memory is one connection, which the plan, the lease and the step share.
func TestADatabaseInMemory(t *testing.T) {
	s, err := sqlite.Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	ops := files(t, folder(map[string]string{"1_a.up.sql": "CREATE TABLE a (id int);", "1_a.down.sql": "DROP TABLE a;", "2_b.up.sql": "CREATE TABLE b (id int);"}))
	q := seq.New(s, ops...)
	if _, err := migrate.Adopt(t.Context(), q, s.DB(), migrate.FromGolangMigrate("")); err != nil {
		t.Error(err)
	}
	if _, err := q.Run(t.Context()); err != nil || schema(t, s) != "CREATE TABLE a (id int)\nCREATE TABLE b (id int)" {
		t.Errorf("%v, %s", err, schema(t, s))
	}
}
