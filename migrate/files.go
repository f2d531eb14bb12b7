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
	"slices"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/migrate/internal/step"
)

// ErrFiles is matched by every error about the files of a folder.
var ErrFiles = errors.New("migration files")

// Files makes one op of each migration in a folder. Files that the tool of the format would not apply
// are passed over; of those that it would, none is. Without a format it looks which one the files of
// the folder itself are in. The ops are in the order in which the tool would apply them. What is wrong
// with any of the files comes back as one error that matches [ErrFiles].
//
// The ID is the version and the name: "20240115120000_add_users". A version that is no date counts
// seconds since 1970, so that 000001_init, which is "1970_01_01_000001_init", comes before
// everything dated, 000002 next, and a Unix time stands where it belongs; docs/migrations.md has the
// rules for all others. Characters that an ID does not take become "_". The op's Alias is the name of
// the file without its endings. Where the tool's order is not that of the IDs, the later op depends on
// the one before it.
//
// A step is Transactional if the database allows, whatever the other tool would do: its effect and its
// record are one commit. A transaction of its own that is all of the script is that of the step. One that
// the database refuses in a transaction, that has others of its own, or whose author said "NO
// TRANSACTION" (in goose's format) or "-- seq:no-transaction" (before the first statement, in any), in
// either direction, is Repeatable and runs on a connection of its own; [seq.Op.DeliveryNote] says why.
// After a crash it goes on with the statement whose end nobody saw, an index that was being built
// concurrently is built anew, and a change that was made counts. A script that ends with a transaction
// open is committed if its tool would commit it, and else fails. What it does to its session ends with
// the step. Databases do not read a text alike: the op's Delivery holds for both, and Preview and Run find
// what it promises on the database that they have. An up file without a statement is a step that does
// nothing, and the plan notes it. A step without down file, or with one without a statement, has no
// Rollback.
//
// Preview and Run refuse with [ErrNotAdopted] if the table of the format's tool says that one of the
// steps that are left to do is applied, see [Adopt].
//
// The ops find their database by the store of the run, which must be one of package bunstore.
func Files(fsys fs.FS, format ...Format) ([]seq.Op, error) {
	ops, err := readFiles(fsys, format)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFiles, err)
	}
	return ops, nil
}

func readFiles(fsys fs.FS, format []Format) ([]seq.Op, error) {
	d := &folder{fsys: fsys, texts: map[string]text{}}
	if err := d.list(); err != nil {
		return nil, err
	}
	var f Format
	if len(format) > 0 {
		f = format[0]
	}
	if f.read == nil {
		found, err := d.detect()
		if err != nil {
			return nil, err
		}
		found.Table = f.Table
		f = found
	}
	steps, err := f.read(d)
	if err == nil {
		err = finish(steps, f)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	ops := make([]seq.Op, len(steps))
	for i, m := range steps {
		ops[i] = step.Op(step.Migration{ID: m.id, Alias: m.alias(), Up: m.up, Down: m.down, Notes: m.notes})
	}
	step.InOrder(ops)
	if f.Table != NoTable {
		Guard(ops, f.from(f.Table))
	}
	return ops, nil
}

// A Format is a way in which a tool names and writes its migration files. The zero Format is the
// one that the files look like.
type Format struct {
	Name string
	// Table is where the tool keeps what it has applied; "" is its usual table. It is looked at before
	// one of the steps runs for the first time, to find what should be adopted. [NoTable] looks nowhere.
	Table string

	read  func(d *folder) ([]*migration, error)
	order func(a, b string) int // of versions
	from  func(table string) Source
}

// NoTable is the Table of a [Format] of which no tool ever applied anything to the database; another
// service's table may be there by its name.
const NoTable = "-"

// migration is what the files of one version say.
type migration struct {
	version  string
	name     string
	file     string // of the up step; "" if there is none
	downFile string
	id       string
	up, down *step.Script
	notes    []string
}

func (m *migration) someFile() string { return cmp.Or(m.file, m.downFile) }

// alias is the name of the file without its endings.
func (m *migration) alias() string {
	if m.name == "" {
		return m.version
	}
	return m.version + "_" + m.name
}

// note adds a remark for the plan.
func (m *migration) note(format string, args ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

// finish checks the steps, gives them their IDs, and puts them into the tool's order.
func finish(steps []*migration, f Format) error {
	var errs []error
	for _, m := range steps {
		var err error
		if m.id, err = step.ID(m.version, m.name); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.someFile(), err))
		}
		switch {
		case m.file == "":
			m.up = &step.Script{File: m.downFile}
			m.note("%s has no up file beside it, so there is nothing to do", m.downFile)
		case m.up.Nothing():
			m.note("%s has no statement", m.file)
		}
		if m.down.Nothing() {
			m.down = nil
		}
		for _, s := range []*step.Script{m.up, m.down} {
			if err := s.Check(); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.File, err))
			}
		}
	}
	slices.SortStableFunc(steps, func(a, b *migration) int { return f.order(a.version, b.version) })
	for i := range steps[min(1, len(steps)):] {
		if a, b := steps[i], steps[i+1]; step.CompareVersions(a.version, b.version) == 0 {
			errs = append(errs, fmt.Errorf("%s and %s are of one version", a.someFile(), b.someFile()))
		}
	}
	return errors.Join(errs...)
}
