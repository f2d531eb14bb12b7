package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	bunmigrate "github.com/uptrace/bun/migrate"

	"github.com/sequencer-go/seq/migrate/internal/bunsql"
	"github.com/sequencer-go/seq/migrate/internal/step"
)

// GolangMigrate is the format of github.com/golang-migrate/migrate: 000001_name.up.sql and
// 000001_name.down.sql, sent to the database as they are. Where Postgres refuses one of several
// statements in what is sent as one, they are sent one by one, as by golang-migrate with
// x-multi-statement. It does not look into folders below.
func GolangMigrate() Format {
	return Format{"golang-migrate", func(fsys fs.FS, names []string) ([]*migration, error) {
		steps, err := pairs(names, false)
		if err != nil {
			return nil, err
		}
		var errs []error
		for _, m := range steps {
			var err error
			if m.up, err = whole(fsys, m.file); err == nil && m.up == nil {
				err = fmt.Errorf("%s is empty", m.file)
			}
			errs = append(errs, err)
			if m.downFile != "" {
				m.down, err = whole(fsys, m.downFile)
				errs = append(errs, err)
			}
		}
		return steps, errors.Join(errs...)
	}}
}

// whole is a file as one text, nil if there is nothing in it.
func whole(fsys fs.FS, name string) (*step.Script, error) {
	text, err := read(fsys, name)
	if err != nil || strings.TrimSpace(text) == "" {
		return nil, err
	}
	return &step.Script{Statements: step.Statements(text), Source: text}, nil
}

// Bun is the format of github.com/uptrace/bun/migrate: 20240115120000_name.up.sql, with .tx before
// .up where the author wants a transaction, and lines --bun:split between statements that are sent
// one by one. bun itself reads the files, those in folders below too.
func Bun() Format {
	return Format{"bun", func(fsys fs.FS, names []string) ([]*migration, error) {
		steps, err := pairs(names, true)
		if err != nil {
			return nil, err
		}
		found := bunmigrate.NewMigrations()
		if err := found.Discover(fsys); err != nil {
			return nil, err
		}
		byVersion := map[string]*migration{}
		for _, m := range steps {
			byVersion[m.version] = m
		}
		var errs []error
		for _, b := range found.Sorted() {
			m := byVersion[b.Name]
			if m == nil {
				continue // cannot be: both looked at the same names
			}
			if m.up, err = bunsql.Script(b, b.Up); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", m.file, err))
			} else if len(m.up.Statements) == 0 {
				errs = append(errs, fmt.Errorf("%s is empty", m.file))
			}
			if b.Down == nil {
				continue
			}
			if m.down, err = bunsql.Script(b, b.Down); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", m.downFile, err))
			} else if len(m.down.Statements) == 0 {
				m.down = nil
			}
		}
		return steps, errors.Join(errs...)
	}}
}

var pairName = regexp.MustCompile(`^(\d+)(?:_(.*?))?(?:\.tx)?\.(up|down)\.sql$`)

// pairs finds the up and the down file of each version.
func pairs(names []string, below bool) ([]*migration, error) {
	var errs []error
	var steps []*migration
	byVersion := map[string]*migration{}
	for _, name := range names {
		if !below && strings.Contains(name, "/") {
			continue
		}
		part := pairName.FindStringSubmatch(path.Base(name))
		if part == nil {
			errs = append(errs, fmt.Errorf("%s: want VERSION_name.up.sql or VERSION_name.down.sql", name))
			continue
		}
		m := byVersion[part[1]]
		if m == nil {
			m = &migration{version: part[1]}
			byVersion[part[1]] = m
			steps = append(steps, m)
		}
		slot := &m.file
		if part[3] == "down" {
			slot = &m.downFile
		}
		if *slot != "" {
			errs = append(errs, fmt.Errorf("%s and %s are of one version", *slot, name))
		}
		*slot = name
	}
	for _, m := range steps {
		if m.file == "" {
			errs = append(errs, fmt.Errorf("%s has no up file beside it", m.downFile))
		}
	}
	errs = append(errs, sameNumber(steps))
	if len(steps) == 0 && len(errs) == 1 {
		errs = append(errs, fmt.Errorf("%s is in a folder below; use fs.Sub", names[0]))
	}
	return steps, errors.Join(errs...)
}

// sameNumber is an error if two versions are one number, as 1 and 001.
func sameNumber(steps []*migration) error {
	var errs []error
	seen := map[string]*migration{}
	for _, m := range steps {
		number := strings.TrimLeft(m.version, "0")
		if first := seen[number]; first != nil {
			errs = append(errs, fmt.Errorf("%s and %s are of one version", first.someFile(), m.someFile()))
		}
		seen[number] = m
	}
	return errors.Join(errs...)
}

func (m *migration) someFile() string {
	if m.file != "" {
		return m.file
	}
	return m.downFile
}
