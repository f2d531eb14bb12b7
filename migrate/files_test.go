package migrate_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder makes a file system of names and texts.
func folder(files map[string]string) fs.FS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func ledger(t *testing.T) *bunstore.Store {
	t.Helper()
	s, err := sqlite.Open(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func files(t *testing.T, fsys fs.FS, format ...migrate.Format) []seq.Op {
	t.Helper()
	ops, err := migrate.Files(fsys, format...)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// schema is the text of every table and index that is not the ledger's.
func schema(t *testing.T, s *bunstore.Store) string {
	t.Helper()
	var lines []string
	err := s.DB().NewRaw(`SELECT coalesce(sql, name) FROM sqlite_master WHERE name NOT LIKE 'seq_%' AND name NOT LIKE 'sqlite_%' ORDER BY name`).Scan(t.Context(), &lines)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func ids(ops []seq.Op) []string {
	var ids []string
	for i := range ops {
		ids = append(ids, ops[i].ID)
	}
	return ids
}

const trigger = `CREATE TRIGGER bump AFTER INSERT ON users BEGIN
  UPDATE counts SET n = n + 1;
  INSERT INTO log VALUES ('a;b');
END;
`

var formats = map[string]struct {
	format migrate.Format
	files  map[string]string
	ids    []string
}{
	"golang-migrate": {migrate.GolangMigrate(), map[string]string{
		"000001_users.up.sql":     "CREATE TABLE users (id int, name text); -- one\nCREATE TABLE counts (n int);\r\nCREATE TABLE log (line text);",
		"000001_users.down.sql":   "DROP TABLE log; DROP TABLE counts; DROP TABLE users;",
		"000002_bump it.up.sql":   trigger,
		"000002_bump it.down.sql": "DROP TRIGGER bump",
		"README.md":               "nothing",
	}, []string{"1970_01_01_000001_users", "1970_01_01_000002_bump_it"}},
	"bun": {migrate.Bun(), map[string]string{
		"20240115120000_users.up.sql":        "CREATE TABLE users (id int, name text)\n--bun:split\nCREATE TABLE counts (n int);\n--bun:split\n\nCREATE TABLE log (line text)",
		"20240115120000_users.down.sql":      "DROP TABLE log\n--bun:split\nDROP TABLE counts\n--bun:split\nDROP TABLE users",
		"deep/20240115120001_bump.tx.up.sql": trigger,
		"20240115120001_bump.tx.down.sql":    "DROP TRIGGER bump",
	}, []string{"20240115120000_users", "20240115120001_bump"}},
	"goose": {migrate.Goose(), map[string]string{
		"00001_users.sql": "-- a comment\n\n-- +goose Up\nCREATE TABLE users (id int, -- x;\n  name text);\nCREATE TABLE counts (n int); -- +y\nCREATE TABLE log (line text);\n-- +goose Down\nDROP TABLE log;\nDROP TABLE counts;\nDROP TABLE users;\n",
		"00002_bump.sql":  "-- +goose NO TRANSACTION\n-- +goose Up\n-- +goose StatementBegin\n" + trigger + "-- +goose StatementEnd\n-- +goose Down\nDROP TRIGGER bump;\n",
	}, []string{"1970_01_01_000001_users", "1970_01_01_000002_bump"}},
}

func TestEachFormatRunsAndIsUndone(t *testing.T) {
	for name, f := range formats {
		for how, format := range map[string][]migrate.Format{"named": {f.format}, "detected": nil} {
			t.Run(name+"/"+how, func(t *testing.T) {
				s := ledger(t)
				ops := files(t, folder(f.files), format...)
				if got := ids(ops); !slices.Equal(got, f.ids) {
					t.Fatalf("IDs %q, want %q", got, f.ids)
				}
				insert := seq.Op{ID: "2024_06_01_000000_insert", Delivery: seq.Transactional, DependsOn: f.ids, Run: func(ctx context.Context) error {
					_, err := bunstore.Tx(ctx).ExecContext(ctx, `INSERT INTO counts VALUES (0); INSERT INTO users VALUES (1, 'ada')`)
					return err
				}, Rollback: func(context.Context) error { return nil }}
				sequencer := seq.New(s, append(ops, insert)...)
				if _, err := sequencer.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				var n int
				var line string
				if err := s.DB().QueryRowContext(t.Context(), `SELECT n, line FROM counts, log`).Scan(&n, &line); err != nil || n != 1 || line != "a;b" {
					t.Errorf("n = %d, line = %q, %v", n, line, err)
				}
				if _, err := sequencer.Rollback(t.Context()); err != nil {
					t.Fatal(err)
				}
				if left := schema(t, s); left != "" {
					t.Errorf("left after rollback: %s", left)
				}
				if _, err := sequencer.Run(t.Context()); err != nil {
					t.Errorf("and again: %v", err)
				}
			})
		}
	}
}

func TestDelivery(t *testing.T) {
	for text, want := range map[string]seq.Delivery{
		"CREATE TABLE a (b int)":                                seq.Transactional,
		"-- not CONCURRENTLY\nSELECT 1 /* VACUUM */":            seq.Transactional,
		"CREATE FUNCTION f() AS $$\nBEGIN\n  x := 1;\nEND;\n$$": seq.Transactional,
		"CREATE INDEX CONCURRENTLY a ON b (c)":                  seq.Repeatable,
		"create unique index\nconcurrently a ON b (c)":          seq.Repeatable,
		"ALTER TYPE mood ADD VALUE 'x'":                         seq.Transactional,
		"PRAGMA foreign_keys = OFF; DROP TABLE a":               seq.Repeatable,
		"VACUUM": seq.Repeatable,
		// Words of a string, a name, a comment in a comment, a body.
		"INSERT INTO a VALUES ('it''s; VACUUM; CONCURRENTLY')":                                  seq.Transactional,
		`COMMENT ON TABLE a IS E'it\'s; VACUUM;'`:                                               seq.Transactional,
		`CREATE TABLE "concurrently" (id int)`:                                                  seq.Transactional,
		"/* a /* b */ ; VACUUM; */ SELECT 1":                                                    seq.Transactional,
		"CREATE PROCEDURE p() AS $body$ BEGIN SELECT '$$'; COMMIT; END $body$ LANGUAGE plpgsql": seq.Transactional,
		"REFRESH MATERIALIZED VIEW CONCURRENTLY a":                                              seq.Transactional,
		"DO $$ BEGIN PERFORM 1; END $$":                                                         seq.Transactional,
		"DO $$ BEGIN FOR i IN 1..9 LOOP DELETE FROM a; COMMIT; END LOOP; END $$":                seq.Repeatable,
		"CALL p()": seq.Repeatable,
		// A transaction of its own is ours, if it is all of the script.
		"-- it is one\nBEGIN;\nSELECT 1;\nCOMMIT;\n":                 seq.Transactional,
		"begin transaction; SELECT 1; END TRANSACTION":               seq.Transactional,
		"BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;":          seq.Repeatable,
		"BEGIN; SELECT 1; COMMIT; CREATE INDEX CONCURRENTLY ON a(b)": seq.Repeatable,
		"SELECT 1; COMMIT;": seq.Repeatable,
		"BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT;": seq.Transactional,
	} {
		ops := files(t, folder(map[string]string{"1_a.up.sql": text}))
		if ops[0].Delivery != want || ops[0].Kind != seq.Migration || ops[0].Rollback != nil {
			t.Errorf("%q is %s, a %s; want %s", text, ops[0].Delivery, ops[0].Kind, want)
		}
	}
}

// What the other tool sends in one transaction may add to an enum and go on; sent one by one it
// would be committed by then.
func TestWhatAddsToAnEnum(t *testing.T) {
	for name, text := range map[string]string{
		"1_a.sql":       "-- +goose up\nALTER TYPE mood ADD VALUE 'x';\nCREATE TABLE a (b int);\n-- +goose down\nDROP TABLE a;\n",
		"1_a.tx.up.sql": "ALTER TYPE mood ADD VALUE 'x'\n--bun:split\nCREATE TABLE a (b int)",
		"1_a.up.sql":    "ALTER TYPE mood ADD VALUE 'x'\n--bun:split\nCREATE TABLE a (b int)",
	} {
		want := seq.Transactional
		if name == "1_a.up.sql" {
			want = seq.Repeatable
		}
		if op := files(t, folder(map[string]string{name: text}))[0]; op.Delivery != want {
			t.Errorf("%s is %s, want %s", name, op.Delivery, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]string{
		"0":              "1970_01_01_000000_a",
		"000007":         "1970_01_01_000007_a",
		"86399":          "1970_01_01_235959_a",
		"86400":          "1970_01_02_000000_a",
		"1705320000":     "2024_01_15_120000_a",
		"20240115":       "20240115000000_a",
		"202401151200":   "20240115120000_a",
		"20240115120000": "20240115120000_a",
	} {
		ops := files(t, folder(map[string]string{version + "_a.up.sql": "SELECT 1"}))
		if ops[0].ID != want {
			t.Errorf("%s: %s, want %s", version, ops[0].ID, want)
		}
	}
}

func TestTheChecksumIsThatOfTheUpSource(t *testing.T) {
	sum := func(file, text string) string {
		return files(t, folder(map[string]string{file: text, "1_a.down.sql": "SELECT " + file}))[0].Checksum
	}
	a := sum("1_a.up.sql", "CREATE TABLE a (b int);\nSELECT 1;\n")
	if len(a) != 64 {
		t.Errorf("it is %q", a)
	}
	for what, b := range map[string]string{
		"line endings": sum("1_a.up.sql", "CREATE TABLE a (b int);\r\nSELECT 1;\r\n"),
		"a mark":       sum("1_a.up.sql", "\ufeffCREATE TABLE a (b int);\nSELECT 1;"),
		"bun":          sum("1_a.tx.up.sql", "CREATE TABLE a (b int);\n--bun:split\n\nSELECT 1;"),
	} {
		if a != b {
			t.Errorf("%s: it differs", what)
		}
	}
	if a == sum("1_a.up.sql", "CREATE TABLE a (b bigint);\nSELECT 1;\n") {
		t.Error("another source has the same")
	}
}

func TestBadFilesAreNamed(t *testing.T) {
	up := "-- +goose Up\nSELECT 1;\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"no file":          {map[string]string{"a.txt": "x"}, []string{"no file that ends in .sql"}},
		"UTF-16":           {map[string]string{"1_a.up.sql": "\xff\xfeS\x00E\x00L\x00"}, []string{"1_a.up.sql: it is UTF-16", "UTF-8"}},
		"UTF-16, no mark":  {map[string]string{"1_a.tx.up.sql": "S\x00E\x00L\x00E\x00"}, []string{"1_a.tx.up.sql", "UTF-16", "UTF-8"}},
		"NUL first":        {map[string]string{"1_a.up.sql": "\x00SELECT 1;"}, []string{"1_a.up.sql: there is a NUL byte in line 1"}},
		"NUL in a comment": {map[string]string{"1_a.sql": up + "-- a\x00b\n"}, []string{"1_a.sql: there is a NUL byte in line 3"}},
		"NUL, bun":         {map[string]string{"1_a.tx.up.sql": "SELECT 1;\nSELECT\x00 2;"}, []string{"1_a.tx.up.sql: there is a NUL byte in line 2"}},
		"carriage returns": {map[string]string{"1_a.up.sql": "-- a\rCREATE TABLE a (b int);\r"}, []string{"1_a.up.sql: the comment in line 1", "line feeds"}},
		"Go, goose":        {map[string]string{"1_a.sql": up, "2_b.go": "package m", "2_b_test.go": "package m"}, []string{"2_b.go is a migration in Go", "goosemigrate"}},
		"Go, bun":          {map[string]string{"1_a.tx.up.sql": "SELECT 1", "2_b.go": "package m"}, []string{"2_b.go is a migration in Go", "bunmigrate"}},
		"two endings":      {map[string]string{"1_a.up.sql": "SELECT 1", "1_a.up.SQL": "SELECT 1"}, []string{"1_a.up.sql", "1_a.up.SQL", "one version"}},
		"two of a version": {map[string]string{"1_a.up.sql": "SELECT 1", "1_b.up.sql": "SELECT 1"}, []string{"1_a.up.sql and 1_b.up.sql are of one version"}},
		"one number":       {map[string]string{"1_a.up.sql": "SELECT 1", "01_b.up.sql": "SELECT 1"}, []string{"1_a.up.sql", "01_b.up.sql", "are of one version"}},
		"tx and not":       {map[string]string{"1_a.up.sql": "SELECT 1", "1_a.tx.up.sql": "SELECT 1"}, []string{"1_a.tx.up.sql", "1_a.up.sql", "one version"}},
		"no version":       {map[string]string{"a.up.sql": "SELECT 1"}, []string{"a.up.sql is of no format", "VERSION_name.up.sql"}},
		"no version, bun":  {map[string]string{"1_a.tx.up.sql": "SELECT 1", "b.up.sql": "SELECT 1"}, []string{"b.up.sql: want VERSION_name.up.sql"}},
		"no format":        {map[string]string{"1_a.sql": "SELECT 1"}, []string{"1_a.sql is of no format"}},
		"too large":        {map[string]string{"99999999999999999999_a.up.sql": "SELECT 1"}, []string{"99999999999999999999_a.up.sql: the version", "larger"}},
		"below":            {map[string]string{"m/1_a.up.sql": "SELECT 1"}, []string{"m/1_a.up.sql is in a folder below", "fs.Sub"}},
		"bun directive":    {map[string]string{"1_a.tx.up.sql": "--bun:join\nSELECT 1"}, []string{"1_a.tx.up.sql", "directive"}},
		"psql command":     {map[string]string{"1_a.up.sql": "SELECT 1;\n\\connect x\n", "1_a.down.sql": "SELECT ' \n\\d';"}, []string{`1_a.up.sql: \connect in line 2`, "psql"}},
		"psql rows":        {map[string]string{"1_a.sql": "-- +goose Up\nCOPY a (b) FROM stdin;\n-- +goose Down\n\\echo;\n"}, []string{"1_a.sql: COPY … FROM stdin", `1_a.sql: \echo`}},
		"goose zero":       {map[string]string{"00000_a.sql": up}, []string{"00000_a.sql: goose has a version 0"}},
		"goose twice":      {map[string]string{"1_a.sql": up, "01_b.sql": up}, []string{"1_a.sql", "01_b.sql", "one version"}},
		"goose unended":    {map[string]string{"1_a.sql": "-- +goose Up\nSELECT 1\n"}, []string{"1_a.sql", "semicolon"}},
		"goose no end":     {map[string]string{"1_a.sql": "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n"}, []string{"1_a.sql", "StatementEnd"}},
		"goose no up":      {map[string]string{"1_a.sql": up, "2_b.sql": "-- +goose Down\nSELECT 1;"}, []string{"2_b.sql", "Down"}},
		"goose word":       {map[string]string{"1_a.sql": up + "-- +goose Sideways\n"}, []string{"1_a.sql: line 3", "Sideways"}},
		"goose envsub":     {map[string]string{"1_a.sql": up + "-- +goose ENVSUB ON\n"}, []string{"1_a.sql: line 3", "goosemigrate"}},
	} {
		_, err := migrate.Files(folder(tt.files))
		if !errors.Is(err, migrate.ErrFiles) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
	if _, err := migrate.Files(nil); !errors.Is(err, migrate.ErrFiles) {
		t.Error(err)
	}
}

func TestAStepWithoutDownIsRefusedBeforeAnythingIsUndone(t *testing.T) {
	s := ledger(t)
	f := maps.Clone(formats["golang-migrate"].files)
	f["000001_users.down.sql"] = "\n"
	sequencer := seq.New(s, files(t, folder(f))...)
	if _, err := sequencer.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := schema(t, s)
	_, preview := sequencer.PreviewRollback(t.Context())
	_, run := sequencer.Rollback(t.Context())
	for _, err := range []error{preview, run} {
		if !errors.Is(err, seq.ErrNotReversible) || !strings.Contains(err.Error(), "1970_01_01_000001_users") {
			t.Errorf("got %v", err)
		}
	}
	if after := schema(t, s); after != before {
		t.Errorf("it changed:\n%s", after)
	}
	if p, err := sequencer.PreviewRollback(t.Context(), seq.Last(1)); err != nil || len(p.Steps) != 1 {
		t.Errorf("the last one can be: %v, %v", p, err)
	}
}

func TestAFailedStepLeavesNothing(t *testing.T) {
	s := ledger(t)
	sequencer := seq.New(s, files(t, folder(map[string]string{
		"1_a.up.sql": "CREATE TABLE a (b int); INSERT INTO nowhere VALUES (1)",
	}))...)
	if _, err := sequencer.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("got %v", err)
	}
	if left := schema(t, s); left != "" {
		t.Errorf("left: %s", left)
	}
}

func TestAStepWithoutTransactionGoesOnWhereItStopped(t *testing.T) {
	s := ledger(t)
	db := s.DB()
	sequencer := seq.New(s, files(t, folder(map[string]string{
		"1_a.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\nINSERT INTO c VALUES (1);\n-- +goose Down\nDROP TABLE a;\n",
	}))...)
	if _, err := sequencer.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "statement 3 of 3") {
		t.Fatalf("got %v", err)
	}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE c (d int)`); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and from the start after a rollback
		if _, err := sequencer.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := db.NewSelect().Table("a").Count(t.Context()); n != 1 || err != nil {
			t.Errorf("%d rows, %v", n, err)
		}
		if _, err := sequencer.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A fuse blows when the ledger keeps what an op saves for the n-th time, as if its process had died
// before it could.
type fuse struct{ n int }

func (f *fuse) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	if strings.Contains(e.Query, "SET saved = ") {
		if f.n--; f.n == 0 {
			dead, die := context.WithCancel(ctx)
			die()
			return dead
		}
	}
	return ctx
}

func (f *fuse) AfterQuery(context.Context, *bun.QueryEvent) {}

// Wherever a process dies, the statement whose end nobody saw is not in the way of the next.
func TestAChangeThatWasMadeAndNotNoted(t *testing.T) {
	for n := range 10 { // and of five statements there are two notes each
		blown := &fuse{n + 1}
		s := bunstore.New(ledger(t).DB().WithQueryHook(blown))
		sequencer := seq.New(s, files(t, folder(map[string]string{"1_a.sql": `-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE a (b int);
ALTER TABLE a ADD COLUMN c int; -- and more
ALTER TABLE a RENAME COLUMN b TO d;
CREATE TABLE e (id int);
DROP TABLE e;
`}))...)
		if _, err := sequencer.Run(t.Context()); err == nil || blown.n != 0 {
			t.Fatalf("it did not save for the %d. time: %v", n+1, err)
		}
		if _, err := sequencer.Run(t.Context()); err != nil {
			t.Errorf("it died when it saved for the %d. time: %v", n+1, err)
		}
		if got := schema(t, s); got != "CREATE TABLE a (d int, c int)" {
			t.Errorf("it died when it saved for the %d. time: %s", n+1, got)
		}
	}
}

// What was there before is no success.
func TestWhatIsThereAlreadyIsAnError(t *testing.T) {
	s := ledger(t)
	exec(t, s, `CREATE TABLE b (id int)`)
	sequencer := seq.New(s, files(t, folder(map[string]string{"1_a.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE a (b int);\nCREATE TABLE b (c int);\n"}))...)
	for range 2 {
		if _, err := sequencer.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "statement 2 of 2") {
			t.Errorf("got %v", err)
		}
	}
}

// A transaction of a script's own is done when it has ended, and not before.
func TestATransactionOfAScriptsOwn(t *testing.T) {
	for name, text := range map[string]string{
		"1_a.up.sql": "BEGIN;\nCREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\nINSERT INTO c VALUES (1);\nCOMMIT;",
		"2_a.sql":    "-- +goose NO TRANSACTION\n-- +goose Up\nBEGIN;\nCREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\nINSERT INTO c VALUES (1);\nCOMMIT;\n",
		"1_a.sql":    "-- +goose NO TRANSACTION\n-- +goose Up\nPRAGMA user_version = 1;\nBEGIN;\nCREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\nINSERT INTO c VALUES (1);\nCOMMIT;\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := ledger(t)
			sequencer := seq.New(s, files(t, folder(map[string]string{name: text}))...)
			if _, err := sequencer.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no such table: c") {
				t.Fatalf("got %v", err)
			}
			if left := schema(t, s); left != "" {
				t.Errorf("left: %s", left)
			}
			exec(t, s, `CREATE TABLE c (d int)`)
			if _, err := sequencer.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n, err := s.DB().NewSelect().Table("a").Count(t.Context()); n != 1 || err != nil {
				t.Errorf("%d rows, %v", n, err)
			}
		})
	}
}

// The rebuild of a table as SQLite's documentation has it: in a transaction the pragma would do
// nothing, and the rows of the other table would go.
func TestPragmasEndWithTheStep(t *testing.T) {
	s := ledger(t)
	sequencer := seq.New(s, files(t, folder(map[string]string{
		"1_a.up.sql": "CREATE TABLE a (id integer PRIMARY KEY); CREATE TABLE b (a REFERENCES a ON DELETE CASCADE); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)",
		"2_b.up.sql": "PRAGMA foreign_keys = OFF; BEGIN; CREATE TABLE c (id integer PRIMARY KEY, d); INSERT INTO c SELECT id, 0 FROM a; DROP TABLE a; ALTER TABLE c RENAME TO a; COMMIT",
	}))...)
	if _, err := sequencer.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.DB().NewSelect().Table("b").Count(t.Context()); n != 1 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	if _, err := s.DB().ExecContext(t.Context(), `INSERT INTO b VALUES (7)`); err == nil {
		t.Error("foreign keys are off")
	}
}

func exec(t *testing.T, s *bunstore.Store, query string) {
	t.Helper()
	if _, err := s.DB().ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}
