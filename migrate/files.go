// Package migrate makes migration steps of the SQL files that a team has, and takes over what
// another tool has applied, so that a database in use goes on where it is.
//
// A step is a [seq.Op] like any other: it stands in the plan by its timestamp, ops may depend on
// it and it on them, and it is recorded, previewed and rolled back.
package migrate

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/internal/step"
)

// ErrFiles is matched by every error about the files of a folder.
var ErrFiles = errors.New("migration files")

// Files makes one op of each migration in a folder; files that do not end in ".sql" are not its
// business. Without a format it looks which one the files are in. The ops are in the order of their
// versions. What is wrong with any of the files comes back as one error that matches [ErrFiles].
//
// The ID is the version and the name: "20240115120000_add_users". A version that is no date counts
// seconds since 1970, so that 000001_init, which is "1970_01_01_000001_init", comes before
// everything dated, 000002 next, and a Unix time stands where it belongs. Characters that an ID
// does not take become "_".
//
// A step is Transactional, whatever the other tool would do: its effect and its record are one
// commit. A transaction of its own that is all of the script is that of the step. One that the
// database refuses in a transaction, that has others of its own, or whose author said "NO
// TRANSACTION", in either direction, is Repeatable and runs on a connection of its own; after a
// crash it goes on with the statement whose end nobody saw, an index that was being built
// concurrently is built anew, and a change that was made counts. Session settings end with the step. A step without
// down file, or with an empty one, has no Rollback.
//
// The ops find their database by the store of the run, which must be one of package bunstore.
func Files(fsys fs.FS, format ...Format) ([]seq.Op, error) {
	names, err := sqlFiles(fsys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	var f Format
	if len(format) > 0 {
		f = format[0]
	}
	if f.read == nil {
		if f, err = detect(fsys, names); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFiles, err)
		}
	}
	steps, err := f.read(fsys, names)
	if err == nil {
		err = ordered(steps)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFiles, f.Name, err)
	}
	ops := make([]seq.Op, len(steps))
	for i, m := range steps {
		ops[i] = step.Op(m.id, m.up, m.down)
	}
	return ops, nil
}

// A Format is a way in which a tool names and writes its migration files. The zero Format is the
// one that the files look like.
type Format struct {
	Name string
	read func(fsys fs.FS, names []string) ([]*migration, error)
}

// migration is what the files of one version say.
type migration struct {
	version  string
	file     string // of the up step
	downFile string
	id       string
	up, down *step.Script
}

// sqlFiles are the names of the SQL files in a folder and below it.
func sqlFiles(fsys fs.FS) (names []string, err error) {
	if fsys == nil {
		return nil, errors.New("the file system is nil")
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".sql") {
			names = append(names, name)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(names) == 0:
		return nil, errors.New("there is no file that ends in .sql")
	}
	return names, nil
}

// detect chooses the format. bun's and golang-migrate's files are alike but for what bun adds.
func detect(fsys fs.FS, names []string) (Format, error) {
	pairs, bun := 0, false
	for _, name := range names {
		isPair := strings.HasSuffix(name, ".up.sql") || strings.HasSuffix(name, ".down.sql")
		text, err := read(fsys, name)
		if err != nil {
			return Format{}, err
		}
		if !isPair && gooseUp.MatchString(text) {
			return Goose(), nil
		}
		if isPair {
			pairs++
			bun = bun || strings.HasSuffix(name, ".tx.up.sql") || strings.Contains(text, "\n--bun:") || strings.HasPrefix(text, "--bun:")
		}
	}
	switch {
	case bun:
		return Bun(), nil
	case pairs > 0:
		return GolangMigrate(), nil
	}
	return Format{}, fmt.Errorf("%s is of no format known here: want NAME.up.sql, or a line \"-- +goose Up\"", names[0])
}

// read is a file without the mark that some editors begin it with.
func read(fsys fs.FS, name string) (string, error) {
	text, err := fs.ReadFile(fsys, name)
	return strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n"), err
}

// ordered gives the steps their IDs, in the order of their versions, which must be that of the IDs.
func ordered(steps []*migration) error {
	var errs []error
	for _, m := range steps {
		_, name, _ := strings.Cut(path.Base(m.file), "_")
		name, _, _ = strings.Cut(name, ".")
		var err error
		if m.id, err = step.ID(m.version, name); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.file, err))
		}
		if err := m.up.Check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.file, err))
		}
		if err := m.down.Check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", cmp.Or(m.downFile, m.file), err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	slices.SortFunc(steps, func(a, b *migration) int { return compareVersions(a.version, b.version) })
	for i := range steps[1:] {
		a, b := steps[i], steps[i+1]
		at, _, _ := seq.ParseID(a.id)
		bt, _, _ := seq.ParseID(b.id)
		if at.After(bt) {
			errs = append(errs, fmt.Errorf("%s comes before %s by its version and after it by its date; give one of them another version", a.file, b.file))
		}
	}
	return errors.Join(errs...)
}

// compareVersions compares numbers of any length.
func compareVersions(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
