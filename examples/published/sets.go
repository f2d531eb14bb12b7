package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"

	"github.com/openfga/openfga/assets"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	bunlib "github.com/uptrace/bun/migrate"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate"
	"github.com/sequencer-go/seq/migrate/bunmigrate"
	"github.com/sequencer-go/seq/migrate/goosemigrate"
)

// A kind is that of a database, and where the projects have the files for it.
type kind struct {
	riverFS    fs.FS
	openfgaDir string
	openfgaFor goose.Dialect
	goauthDir  string
}

var (
	postgres = kind{riverpgxv5.New(nil).GetMigrationFS("main"), assets.PostgresMigrationDir, goose.DialectPostgres, "data/sql/migrations"}
	sqlite   = kind{riversqlite.New(nil).GetMigrationFS("main"), assets.SqliteMigrationDir, goose.DialectSQLite3, "data/sql/migrations/sqlite"}
)

func (k kind) river() ([]seq.Op, error) {
	files, err := fs.Sub(k.riverFS, "migration/main")
	if err != nil {
		return nil, err
	}
	return migrate.Files(without{files, "/* TEMPLATE: schema */"})
}

func (k kind) openfga() ([]seq.Op, error) {
	files, err := fs.Sub(assets.EmbedMigrations, k.openfgaDir)
	if err != nil {
		return nil, err
	}
	return goosemigrate.Ops(k.openfgaFor, files)
}

func (k kind) goauth(ctx context.Context) ([]seq.Op, error) {
	module, err := download(ctx, "github.com/goliatone/go-auth@v0.43.0", "h1:Ti2IXbbkEIp1Aa3Rvwz8yYP8TuaSaMbyYqtzhEnlhr0=")
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(module, k.goauthDir)
	if err != nil {
		return nil, err
	}
	migrations := bunlib.NewMigrations()
	if err := migrations.Discover(folder{files}); err != nil {
		return nil, err
	}
	return bunmigrate.Ops(migrations)
}

// download is the source of a module whose files are wanted, and whose package, which has them too,
// does not compile with this version of bun.
func download(ctx context.Context, module, sum string) (fs.FS, error) {
	out, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", module).Output()
	if err != nil {
		return nil, fmt.Errorf("go mod download %s: %w", module, err)
	}
	var got struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, err
	}
	if got.Sum != sum {
		return nil, fmt.Errorf("%s has the sum %s, want %s", module, got.Sum, sum)
	}
	return os.DirFS(got.Dir), nil
}

// without leaves a word out of the files: where River's have it, River puts the name of a schema.
type without struct {
	fs.FS
	word string
}

func (w without) ReadFile(name string) ([]byte, error) {
	text, err := fs.ReadFile(w.FS, name)
	return bytes.ReplaceAll(text, []byte(w.word), nil), err
}

// folder hides the folders in it: go-auth has the files for SQLite in one below those for Postgres.
type folder struct{ fs.FS }

func (f folder) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(entries, fs.DirEntry.IsDir), err
}
