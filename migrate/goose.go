package migrate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sequencer-go/seq/migrate/internal/step"
)

// Goose is the format of github.com/pressly/goose: one file a version, 00001_name.sql, with the
// annotations "-- +goose Up", "Down", "StatementBegin", "StatementEnd" and "NO TRANSACTION". It does
// not look into folders below. Files with ENVSUB are refused, and so are migrations in Go: package
// goosemigrate lets goose itself run them.
func Goose() Format {
	return Format{Name: "goose", order: step.CompareVersions, from: FromGoose, read: func(d *folder) ([]*migration, error) {
		errs := []error{inGo(d.names, "goosemigrate")}
		var steps []*migration
		for _, name := range d.names {
			if !strings.HasSuffix(name, ".sql") {
				continue
			}
			m, err := d.gooseFile(name)
			if err != nil {
				errs = append(errs, err)
			} else if m != nil {
				steps = append(steps, m)
			}
		}
		err := errors.Join(errs...)
		if len(steps) == 0 && err == nil {
			err = d.nothing()
		}
		return steps, err
	}}
}

// gooseFile reads a file, nil if goose would pass it over.
func (d *folder) gooseFile(file string) (*migration, error) {
	version, name, ok := strings.Cut(strings.TrimSuffix(file, ".sql"), "_")
	if !ok || !digits(version) {
		return nil, nil
	}
	if strings.Trim(version, "0") == "" {
		return nil, fmt.Errorf("%s: goose has a version 0 of its own; want 1 or more", file)
	}
	text, err := d.read(file)
	if err != nil {
		return nil, err
	}
	m := &migration{version: version, name: name, file: file}
	if m.up, m.down, err = gooseSections(text); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	m.up.File = file
	if m.down != nil {
		m.down.File = file
	}
	return m, nil
}

// hasGooseUp reports whether a text has the annotation without which goose takes no file.
func hasGooseUp(text string) bool {
	for line := range strings.Lines(text) {
		if note, ok := step.GooseNote(line); ok && strings.EqualFold(note, "Up") {
			return true
		}
	}
	return false
}

// gooseReader reads a file line by line.
type gooseReader struct {
	up, down *step.Script
	to       *step.Script // where statements go
	stmt     strings.Builder
	alone    bool
	block    bool // between StatementBegin and StatementEnd
	downAt   int  // where the annotation Down begins, -1
}

// gooseSections reads the annotations. Within a section a statement ends with a line that ends in a
// semicolon, unless it stands between StatementBegin and StatementEnd. An empty file is an up step
// without statements.
func gooseSections(text string) (up, down *step.Script, err error) {
	r := &gooseReader{downAt: -1}
	if strings.TrimSpace(text) == "" {
		return &step.Script{Sum: step.Checksum(text)}, nil, nil
	}
	n, at := 0, 0
	for line := range strings.Lines(text) {
		n++
		if note, ok := step.GooseNote(line); ok {
			err = r.annotation(note, at)
		} else {
			err = r.line(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
		}
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		}
		at += len(line)
	}
	switch {
	case r.up == nil:
		return nil, nil, errors.New("it has no -- +goose Up")
	case r.block:
		return nil, nil, errors.New("-- +goose StatementBegin without StatementEnd")
	case r.unfinished() != nil:
		return nil, nil, r.unfinished()
	}
	if r.downAt >= 0 {
		text = text[:r.downAt]
	}
	r.up.Alone, r.up.Tx, r.up.Sum = r.alone, !r.alone, step.Checksum(text)
	if r.down != nil {
		r.down.Alone, r.down.Tx = r.alone, !r.alone
	}
	return r.up, r.down, nil
}

// line takes one that is no annotation.
func (r *gooseReader) line(line string) error {
	bare := strings.TrimSpace(line)
	switch {
	case r.stmt.Len() == 0 && (bare == "" || strings.HasPrefix(bare, "--")):
		return nil
	case r.to == nil:
		return errors.New("a statement before -- +goose Up")
	}
	r.stmt.WriteString(line)
	r.stmt.WriteByte('\n')
	if !r.block && endsStatement(line) {
		r.flush()
	}
	return nil
}

// flush ends a statement.
func (r *gooseReader) flush() {
	if s := strings.TrimSpace(r.stmt.String()); s != "" {
		r.to.Statements = append(r.to.Statements, s)
	}
	r.stmt.Reset()
}

// annotation takes one, which begins at an offset.
func (r *gooseReader) annotation(note string, at int) error {
	switch strings.ToUpper(note) {
	case "UP":
		if r.up != nil {
			return errors.New("-- +goose Up stands there twice")
		}
		r.up = &step.Script{}
		r.to = r.up
	case "DOWN":
		if r.up == nil || r.down != nil || r.block {
			return errors.New("-- +goose Down is out of place")
		}
		if err := r.unfinished(); err != nil {
			return err
		}
		r.down = &step.Script{}
		r.to, r.downAt = r.down, at
	case "STATEMENTBEGIN":
		if r.to == nil || r.block {
			return errors.New("-- +goose StatementBegin is out of place")
		}
		r.block = true
	case "STATEMENTEND":
		if !r.block {
			return errors.New("-- +goose StatementEnd without StatementBegin")
		}
		r.block = false
		r.flush()
	case "NO TRANSACTION":
		r.alone = true
	case "ENVSUB ON", "ENVSUB OFF":
		return errors.New("ENVSUB is only understood by package goosemigrate")
	default:
		return fmt.Errorf("unknown annotation -- +goose %s", note)
	}
	return nil
}

// unfinished is an error if a statement has begun and not ended.
func (r *gooseReader) unfinished() error {
	text := strings.TrimSpace(r.stmt.String())
	if text == "" {
		return nil
	}
	first, _, _ := strings.Cut(text, "\n")
	return fmt.Errorf("the statement %q does not end: a semicolon is missing, or StatementBegin and StatementEnd around it", first)
}

// endsStatement reports whether a line ends in a semicolon, but for a comment behind it.
func endsStatement(line string) bool {
	if !strings.Contains(line, ";") {
		return false
	}
	last := ""
	for word := range strings.FieldsSeq(line) {
		if strings.HasPrefix(word, "--") {
			break
		}
		last = word
	}
	return strings.HasSuffix(last, ";")
}
