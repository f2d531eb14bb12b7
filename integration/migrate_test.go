package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"
	bunlib "github.com/uptrace/bun/migrate"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/migrate/bunmigrate"
	"github.com/sequencer-go/seq/migrate/goosemigrate"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store/bunstore"
)

// dump is the schema of a database in pg_dump's words, but for the ledger and the tables of the
// other tools.
func dump(t *testing.T, dsn string) string {
	t.Helper()
	bin := "pg_dump"
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump"); len(found) > 0 {
		bin = found[len(found)-1]
	} else if _, err := exec.LookPath(bin); err != nil {
		return catalog(t, dsn)
	}
	out, err := exec.CommandContext(t.Context(), bin, "--schema-only", "--no-owner", "-T", "seq_*", "-T", "goose_db_version*", "-T", "bun_migration*", "-T", "schema_migrations", dsn).CombinedOutput()
	if err != nil {
		t.Fatalf("pg_dump: %v: %s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		// Each dump has a random word of its own.
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// catalog is a schema in few words, for where there is no pg_dump.
func catalog(t *testing.T, dsn string) string {
	t.Helper()
	var lines []string
	err := ledger(t, dsn).DB().NewRaw(`SELECT l FROM (
		SELECT table_name || '.' || column_name || ' ' || udt_name || coalesce(' ' || column_default, '') || ' ' || is_nullable AS l
			FROM information_schema.columns WHERE table_schema = 'public'
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT typname || ' ' || enumlabel FROM pg_enum JOIN pg_type t ON t.oid = enumtypid
		UNION ALL SELECT proname || ' ' || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
		UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
	) x WHERE l !~ '^(seq_|goose_|bun_)' AND l !~ ' (ON|INDEX) (public\.)?(seq_|goose_|bun_)' ORDER BY l`).Scan(t.Context(), &lines)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// steps are what migrations of a Postgres service are made of: up and down.
var steps = []struct{ name, up, down string }{
	{
		"users", `SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TYPE public.mood AS ENUM ('sad', 'ok');
CREATE TABLE public.users (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE, mood public.mood DEFAULT 'ok', data jsonb, updated timestamptz);`,
		"DROP TABLE public.users;\nDROP TYPE public.mood;",
	},
	{
		"touch", `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  -- a comment; with a semicolon
  NEW.updated := now();
  IF NEW.data ? 'x' THEN RAISE NOTICE 'it''s %', NEW.email; END IF;
  RETURN NEW;
END;
$body$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();`,
		"DROP TRIGGER touch ON users;\nDROP FUNCTION touch();",
	},
	{"by_mood", "CREATE INDEX CONCURRENTLY users_by_mood ON users (mood);", "DROP INDEX CONCURRENTLY users_by_mood;"},
	{"happy", "ALTER TYPE mood ADD VALUE 'happy';", "SELECT 1;"},
	{
		"posts", `CREATE TABLE posts (id bigint PRIMARY KEY, author bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE, mood mood DEFAULT 'happy', words int GENERATED ALWAYS AS (length(body)) STORED, body text CHECK (body <> ''));
COMMENT ON TABLE posts IS 'what they say; and -- how';
CREATE VIEW moods AS SELECT mood, count(*) FROM posts GROUP BY mood;
DO $$ BEGIN PERFORM 1; END $$;`,
		"DROP VIEW moods;\nDROP TABLE posts;",
	},
}

var bunFiles, gooseFiles, plainFiles = func() (b, g, p fstest.MapFS) {
	b, g, p = fstest.MapFS{}, fstest.MapFS{}, fstest.MapFS{}
	for i, s := range steps {
		file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }
		stamp := "2024011512000" + string(rune('0'+i)) + "_" + s.name
		// As bun has it, a file is a transaction or not; here is one that is not and has several
		// statements, where bun leaves half.
		b[stamp+".up.sql"], b[stamp+".down.sql"] = file(strings.ReplaceAll(s.up, ";\nC", ";\n--bun:split\nC")), file(s.down)
		p["00000"+string(rune('1'+i))+"_"+s.name+".up.sql"], p["00000"+string(rune('1'+i))+"_"+s.name+".down.sql"] = file(s.up), file(s.down)
		head := ""
		if strings.Contains(s.up, "CONCURRENTLY") {
			head = "-- +goose NO TRANSACTION\n"
		}
		block := func(text string) string {
			if strings.Contains(text, "$") {
				return "-- +goose StatementBegin\n" + text + "\n-- +goose StatementEnd\n"
			}
			return text + "\n"
		}
		g["0000"+string(rune('1'+i))+"_"+s.name+".sql"] = file(head + "-- +goose Up\n" + block(s.up) + "-- +goose Down\n" + block(s.down))
	}
	return b, g, p
}()

// sources are the ways to the same schema.
func sources() (map[string][]seq.Op, error) {
	found := bunlib.NewMigrations()
	errs := []error{found.Discover(bunFiles)}
	must := func(ops []seq.Op, err error) []seq.Op {
		errs = append(errs, err)
		return ops
	}
	ways := map[string][]seq.Op{
		"bun-files":            must(migrate.Files(bunFiles)),
		"goose-files":          must(migrate.Files(gooseFiles)),
		"golang-migrate-files": must(migrate.Files(plainFiles)),
		"bun":                  must(bunmigrate.Ops(found)),
		"goose":                must(goosemigrate.Ops(goose.DialectPostgres, withoutSettings(gooseFiles))),
	}
	return ways, errors.Join(errs...)
}

func waysOf(t *testing.T) map[string][]seq.Op {
	t.Helper()
	ways, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	return ways
}

const (
	migrating  = "migrate:"
	migrateTTL = 2 * time.Second
)

// migrateChild is a process that migrates, and may be killed.
func migrateChild(s *bunstore.Store, way string) error {
	ops, err := opsOf(way)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = seq.New(s, ops...).Run(context.Background())
	return err
}

// opsOf are those of a way, or of a published set and a way.
func opsOf(way string) ([]seq.Op, error) {
	name, by, isSet := strings.Cut(way, "/")
	if !isSet {
		ways, err := sources()
		return ways[way], err
	}
	all, err := sets(context.Background())
	if err != nil {
		return nil, err
	}
	return all[name].ways[by](all[name].files)
}

// A process is killed somewhere on the way, and the next, again and again, until one gets through.
func TestMigrationsThatAreKilledFinish(t *testing.T) {
	want := reference(t)
	for name := range waysOf(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			killed(t, dsn, name)
			if got := dump(t, dsn); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// killed has processes migrate by a way until one gets through.
func killed(t *testing.T, dsn, way string) {
	t.Helper()
	killed := 0
	for round := 0; ; round++ {
		cmd := command(t, migrating+way, dsn)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_, _ = bufio.NewReader(out).ReadString('\n')
		if round < 5 {
			wait := time.Duration(round*70) * time.Millisecond
			if round > 0 {
				wait += migrateTTL // of the one before
			}
			time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		}
		err = cmd.Wait()
		if err == nil {
			break
		}
		if cmd.ProcessState.ExitCode() >= 0 && (round > 9 || !strings.Contains(said.String(), "lease lost")) { // a busy machine loses it
			t.Fatalf("after %d kills: %s", killed, said.String())
		}
		killed++
	}
	t.Logf("killed %d times", killed)
}

// reference is the schema that goose and bun themselves make.
func reference(t *testing.T) string {
	t.Helper()
	byGoose, byBun := pgtest.DSN(t), pgtest.DSN(t)
	p, err := goose.NewProvider(goose.DialectPostgres, ledger(t, byGoose).DB().DB, withoutSettings(gooseFiles))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := bunlib.NewMigrations()
	if err := found.Discover(withoutSettings(bunFiles)); err != nil {
		t.Fatal(err)
	}
	migrator := bunlib.NewMigrator(ledger(t, byBun).DB(), found)
	if err := migrator.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := dump(t, byGoose)
	if got := dump(t, byBun); got != want {
		t.Fatalf("bun itself and goose itself differ:\n%s\n%s", got, want)
	}
	return want
}

// withoutSettings leaves out the line, as pg_dump writes it, that the tools themselves stumble over:
// they do not find their own table any more.
func withoutSettings(files fstest.MapFS) fs.FS {
	clean := fstest.MapFS{}
	for name, f := range files {
		clean[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(f.Data), "SELECT pg_catalog.set_config('search_path', '', false);\n", ""))}
	}
	return clean
}

func TestMigrationsEndWhereTheirOwnToolDoes(t *testing.T) {
	want := reference(t)
	for name, ops := range waysOf(t) {
		t.Run(name, func(t *testing.T) {
			dsn := pgtest.DSN(t)
			s := ledger(t, dsn)
			report, err := seq.New(s, ops...).Run(t.Context())
			if err != nil {
				t.Fatalf("%v\n%s", err, report)
			}
			if got := dump(t, dsn); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			var path string
			if err := s.DB().QueryRowContext(t.Context(), "SHOW search_path").Scan(&path); err != nil || path == `""` {
				t.Errorf("search_path is %s, %v", path, err)
			}
		})
	}
}

func TestMigrationsUpDownUp(t *testing.T) {
	for name, ops := range waysOf(t) {
		t.Run(name, func(t *testing.T) {
			dsn := pgtest.DSN(t)
			seqtest.UpDownUp(t, seq.New(ledger(t, dsn), ops...), func(context.Context) (string, error) { return dump(t, dsn), nil })
		})
	}
}

// An index that is built while others have the table in their transactions, and while the ledger
// renews its lease: it waits for them, they do not wait for it.
func TestAnIndexIsBuiltConcurrently(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	query(t, s, "CREATE TABLE users (id int)")
	tx, err := s.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO users VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	ops, err := migrate.Files(fstest.MapFS{"1_by_id.up.sql": {Data: []byte("CREATE INDEX CONCURRENTLY by_id ON users (id)")}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if report, err := seq.New(s, ops...).Run(t.Context()); err != nil {
			t.Errorf("%v\n%s", err, report)
		}
	})
	for { // until it waits for the transaction
		var n int
		if err := s.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			break
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
}

// What is left of an index that was broken off is of no use, and in the way of the next attempt.
func TestAHalfBuiltIndexIsBuiltAnew(t *testing.T) {
	for _, exists := range []string{"", "IF NOT EXISTS "} {
		for name, files := range map[string]fstest.MapFS{
			"golang-migrate": {"1_by_id.up.sql": {Data: []byte("CREATE UNIQUE INDEX CONCURRENTLY " + exists + "by_id ON users (id)")}},
			"goose":          {"1_by_id.sql": {Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\nCREATE UNIQUE INDEX CONCURRENTLY " + exists + "by_id ON users (id);\n")}},
		} {
			t.Run(name+exists, func(t *testing.T) {
				s := ledger(t, pgtest.DSN(t))
				query(t, s, "CREATE TABLE users (id int); INSERT INTO users VALUES (1), (1)")
				ops, err := migrate.Files(files)
				if name == "goose" {
					ops, err = goosemigrate.Ops(goose.DialectPostgres, files)
				}
				if err != nil {
					t.Fatal(err)
				}
				q := seq.New(s, ops...)
				if _, err := q.Run(t.Context()); err == nil {
					t.Fatal("two rows are alike, and it succeeded")
				}
				query(t, s, "DELETE FROM users")
				if report, err := q.Run(t.Context()); err != nil {
					t.Fatalf("%v\n%s", err, report)
				}
				var valid bool
				if err := s.DB().QueryRowContext(t.Context(), "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_id'::regclass").Scan(&valid); err != nil || !valid {
					t.Errorf("valid: %v, %v", valid, err)
				}
			})
		}
	}
}

func TestWhatTheToolsAppliedOnPostgresIsAdopted(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	p, err := goose.NewProvider(goose.DialectPostgres, s.DB().DB, withoutSettings(gooseFiles))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	query(t, s, "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); INSERT INTO schema_migrations VALUES (5, false)")
	for name, from := range map[string]migrate.Source{"goose": migrate.FromGoose(""), "golang-migrate": migrate.FromGolangMigrate("")} {
		files, err := migrate.Files(map[string]fs.FS{"goose": gooseFiles, "golang-migrate": plainFiles}[name])
		if err != nil {
			t.Fatal(err)
		}
		store := bunstore.New(s.DB(), bunstore.Namespace(name))
		q := seq.New(store, files...)
		got, err := migrate.Adopt(t.Context(), q, s.DB(), from)
		if err != nil || len(got.Imported) != len(steps) || !slices.IsSorted(got.Imported) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if report, err := q.Run(t.Context()); err != nil || len(report.Steps) > 0 {
			t.Errorf("%s: %s, %v", name, report, err)
		}
	}
}
