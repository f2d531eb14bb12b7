package migrate

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sequencer-go/seq/migrate/internal/step"
)

// GolangMigrate is the format of github.com/golang-migrate/migrate: 000001_name.up.sql and
// 000001_name.down.sql, with any ending for .sql, sent to the database as they are. Where Postgres
// refuses one of several statements in what is sent as one, they are sent one by one, as by
// golang-migrate with x-multi-statement. It does not look into folders below.
func GolangMigrate() Format {
	return Format{Name: "golang-migrate", order: step.CompareVersions, from: FromGolangMigrate, read: func(d *folder) ([]*migration, error) {
		return d.pairs(d.names, golangMigrateName, func(name, text string) (*step.Script, error) {
			return &step.Script{Statements: []string{text}, Whole: true}, nil
		})
	}}
}

// Bun is the format of github.com/uptrace/bun/migrate: 20240115120000_name.up.sql, with .tx before
// .up where the author wants a transaction, and lines --bun:split between statements that are sent
// one by one. Files in folders below are read, too. Templates, and migrations in Go, need package
// bunmigrate.
func Bun() Format {
	return Format{Name: "bun", order: strings.Compare, from: FromBun, read: func(d *folder) ([]*migration, error) {
		names, err := d.below()
		if err != nil {
			return nil, err
		}
		if err := inGo(names, "bunmigrate"); err != nil {
			return nil, err
		}
		return d.pairs(names, bunName, func(name, text string) (*step.Script, error) {
			parts, err := bunParts(text)
			return &step.Script{Statements: parts, Tx: strings.HasSuffix(name, ".tx.up.sql") || strings.HasSuffix(name, ".tx.down.sql")}, err
		})
	}}
}

// A pairName is what the name of one of two files says.
type pairName struct {
	version, name string
	down          bool
}

// golangMigrateName reads VERSION_name.up.ending, of which golang-migrate takes any: it asks for
// ^([0-9]+)_(.*)\.(down|up)\.(.*)$, whose first star is greedy.
func golangMigrateName(file string) (p pairName, ok bool) {
	version, rest, ok := strings.Cut(file, "_")
	if !ok || !digits(version) {
		return p, false
	}
	up, down := strings.LastIndex(rest, ".up."), strings.LastIndex(rest, ".down.")
	at := max(up, down)
	if at < 0 {
		return p, false
	}
	return pairName{version, strings.TrimSuffix(rest[:at], ".tx"), down > up}, true
}

// bunName reads VERSION_name.up.sql, with .tx in it or not. bun takes the name up to the first full
// stop, of small letters, digits, - and _; here others will do.
func bunName(file string) (p pairName, ok bool) {
	file = path.Base(file)
	switch {
	case strings.HasSuffix(file, ".up.sql"):
	case strings.HasSuffix(file, ".down.sql"):
		p.down = true
	default:
		return p, false
	}
	version, rest, found := strings.Cut(file, "_")
	if p.version = version; !found || !digits(version) {
		return p, true // bun refuses it, and so do we
	}
	p.name, _, _ = strings.Cut(rest, ".")
	return p, true
}

func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// pairs reads the up and the down file of each version.
func (d *folder) pairs(names []string, parse func(string) (pairName, bool), script func(name, text string) (*step.Script, error)) ([]*migration, error) {
	var errs []error
	var steps []*migration
	byVersion := map[string]*migration{}
	for _, name := range names {
		p, ok := parse(name)
		if !ok {
			continue
		}
		if !digits(p.version) {
			errs = append(errs, fmt.Errorf("%s: want VERSION_name.up.sql or VERSION_name.down.sql", name))
			continue
		}
		m := byVersion[p.version]
		if m == nil {
			m = &migration{version: p.version, name: p.name}
			byVersion[p.version] = m
			steps = append(steps, m)
		}
		slot, to := &m.file, &m.up
		if p.down {
			slot, to = &m.downFile, &m.down
		} else {
			m.name = p.name // the up file's, if they differ
		}
		if *slot != "" {
			errs = append(errs, fmt.Errorf("%s and %s are of one version", *slot, name))
			continue
		}
		*slot = name
		text, err := d.read(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s, err := script(name, text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		s.File, s.Sum = name, step.Checksum(text)
		*to = s
	}
	if len(steps) == 0 && len(errs) == 0 {
		errs = append(errs, d.nothing())
	}
	return steps, errors.Join(errs...)
}

// bunParts are the texts that bun sends one by one: blank lines are left out.
func bunParts(text string) (parts []string, err error) {
	var part strings.Builder
	flush := func() {
		if part.Len() > 0 {
			parts = append(parts, part.String())
			part.Reset()
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		directive, is := strings.CutPrefix(line, "--bun:")
		switch {
		case is && directive == "split":
			flush()
		case is:
			return nil, fmt.Errorf("bun knows no directive --bun:%s", directive)
		case strings.TrimSpace(line) != "":
			part.WriteString(line + "\n")
		}
	}
	flush()
	return parts, nil
}

// inGo is an error if there are migrations in Go among the files, which the other tool would apply.
func inGo(names []string, adapter string) error {
	i := slices.IndexFunc(names, func(name string) bool {
		version, _, ok := strings.Cut(path.Base(name), "_")
		return ok && digits(version) && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
	})
	if i < 0 {
		return nil
	}
	return fmt.Errorf("%s is a migration in Go; use package %s, which has the tool run it", names[i], adapter)
}
