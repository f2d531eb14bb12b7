package integration_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/golang-migrate/migrate/v4"
	migratepgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/openfga/openfga/assets"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	bunlib "github.com/uptrace/bun/migrate"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	seqmigrate "github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/migrate/bunmigrate"
	"github.com/sequencer-go/seq/migrate/goosemigrate"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A set is what a project has published: its files, the tool they are for, and the ways to have them
// here.
type set struct {
	files  fs.FS
	tool   func(ctx context.Context, s *bunstore.Store, dsn string, files fs.FS) error
	from   seqmigrate.Source
	ways   map[string]func(files fs.FS) ([]seq.Op, error)
	undoes bool // its down files take all of it back
}

var files = func(files fs.FS) ([]seq.Op, error) { return seqmigrate.Files(files) }

// sets are those of River, OpenFGA and go-auth, and one in each format with what else there is in
// the folders of services.
func sets(ctx context.Context) (map[string]set, error) {
	river, err1 := fs.Sub(riverpgxv5.New(nil).GetMigrationFS("main"), "migration/main")
	openfga, err2 := fs.Sub(assets.EmbedMigrations, assets.PostgresMigrationDir)
	goauth, err3 := goauth(ctx)
	inGoose := map[string]func(fs.FS) ([]seq.Op, error){"files": files, "goose": func(files fs.FS) ([]seq.Op, error) {
		return goosemigrate.Ops(goose.DialectPostgres, files)
	}}
	inBun := map[string]func(fs.FS) ([]seq.Op, error){
		"files": func(files fs.FS) ([]seq.Op, error) { return seqmigrate.Files(files, seqmigrate.Bun()) },
		"bun": func(files fs.FS) ([]seq.Op, error) {
			found := bunlib.NewMigrations()
			if err := found.Discover(files); err != nil {
				return nil, err
			}
			return bunmigrate.Ops(found)
		},
	}
	plain := map[string]func(fs.FS) ([]seq.Op, error){"files": files}
	return map[string]set{
		"river":               {without{river, "/* TEMPLATE: schema */"}, byGolangMigrate, seqmigrate.FromGolangMigrate(""), plain, true},
		"openfga":             {openfga, byGoose, seqmigrate.FromGoose(""), inGoose, true},
		"go-auth":             {folder{goauth}, byBun, seqmigrate.FromBun(""), inBun, false}, // its first down file drops a table that others refer to
		"odd, goose":          {oddGoose, byGoose, seqmigrate.FromGoose(""), inGoose, true},
		"odd, bun":            {oddBun, byBun, seqmigrate.FromBun(""), inBun, true},
		"odd, golang-migrate": {oddPlain, byGolangMigrate, seqmigrate.FromGolangMigrate(""), plain, true},
	}, errors.Join(err1, err2, err3)
}

func byGoose(ctx context.Context, s *bunstore.Store, _ string, files fs.FS) error {
	p, err := goose.NewProvider(goose.DialectPostgres, s.DB().DB, files)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

func byBun(ctx context.Context, s *bunstore.Store, _ string, files fs.FS) error {
	found := bunlib.NewMigrations()
	if err := found.Discover(files); err != nil {
		return err
	}
	by := bunlib.NewMigrator(s.DB(), found)
	if err := by.Init(ctx); err != nil {
		return err
	}
	_, err := by.Migrate(ctx)
	return err
}

func byGolangMigrate(_ context.Context, _ *bunstore.Store, dsn string, files fs.FS) error {
	src, err := iofs.New(files, ".")
	if err != nil {
		return err
	}
	pool, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	db, err := migratepgx.WithInstance(pool, &migratepgx.Config{})
	if err != nil {
		return errors.Join(err, pool.Close())
	}
	m, err := migrate.NewWithInstance("files", src, "pgx", db)
	if err != nil {
		return err
	}
	err = m.Up()
	srcErr, dbErr := m.Close()
	return errors.Join(err, srcErr, dbErr)
}

// goauth is the source of a module whose package does not compile with this version of bun.
func goauth(ctx context.Context) (fs.FS, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", "github.com/goliatone/go-auth@v0.43.0")
	cmd.Dir = os.TempDir()
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var got struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, err
	}
	if want := "h1:Ti2IXbbkEIp1Aa3Rvwz8yYP8TuaSaMbyYqtzhEnlhr0="; got.Sum != want {
		return nil, errors.New("go-auth has the sum " + got.Sum + ", want " + want)
	}
	return fs.Sub(os.DirFS(got.Dir), "data/sql/migrations")
}

// without leaves a word out of the files.
type without struct {
	fs.FS
	word string
}

func (w without) ReadFile(name string) ([]byte, error) {
	text, err := fs.ReadFile(w.FS, name)
	return bytes.ReplaceAll(text, []byte(w.word), nil), err
}

func (w without) Open(name string) (fs.File, error) {
	if !strings.HasSuffix(name, ".sql") {
		return w.FS.Open(name)
	}
	text, err := w.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return memory{name: text}.Open(name)
}

// folder hides the folders in it.
type folder struct{ fs.FS }

func (f folder) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	var plain []fs.DirEntry
	for _, e := range entries {
		if !e.IsDir() {
			plain = append(plain, e)
		}
	}
	return plain, err
}

// Each set, by each way: it ends where its own tool does, also if it is killed again and again; it
// goes back and comes again, if its author wrote that; and what its own tool did is adopted and does
// not run again.
func TestPublishedSets(t *testing.T) {
	all, err := sets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, set := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			byTool := pgtest.DSN(t)
			theirs := ledger(t, byTool)
			if err := set.tool(t.Context(), theirs, byTool, set.files); err != nil {
				t.Fatalf("the tool itself: %v", err)
			}
			want := dump(t, byTool)
			for way, read := range set.ways {
				t.Run(way, func(t *testing.T) {
					ops, err := read(set.files)
					if err != nil {
						t.Fatal(err)
					}
					dsn := pgtest.DSN(t)
					s := ledger(t, dsn)
					if report, err := seq.New(s, ops...).Run(t.Context()); err != nil {
						t.Fatalf("%v\n%s", err, report)
					}
					if got := dump(t, dsn); got != want {
						t.Errorf("got\n%s\nwant\n%s", got, want)
					}
					interrupted := pgtest.DSN(t)
					killed(t, interrupted, name+"/"+way)
					if got := dump(t, interrupted); got != want {
						t.Errorf("killed: got\n%s\nwant\n%s", got, want)
					}
					if set.undoes {
						scratch := pgtest.DSN(t)
						seqtest.UpDownUp(t, seq.New(ledger(t, scratch), ops...), func(context.Context) (string, error) { return dump(t, scratch), nil })
					}
					adopter := seq.New(bunstore.New(theirs.DB(), bunstore.Namespace(way)), ops...)
					if got, err := seqmigrate.Adopt(t.Context(), adopter, theirs.DB(), set.from); err != nil || len(got.Imported) != len(ops) {
						t.Errorf("%v, %v", got, err)
					}
					if report, err := adopter.Run(t.Context()); err != nil || len(report.Steps) > 0 {
						t.Errorf("it ran again: %s, %v", report, err)
					}
				})
			}
		})
	}
}
