package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/sequencer-go/seq/migrate/internal/step"
)

// Goose is the format of github.com/pressly/goose: one file a version, 00001_name.sql, with the
// annotations "-- +goose Up", "Down", "StatementBegin", "StatementEnd" and "NO TRANSACTION". It does
// not look into folders below. Files with ENVSUB are refused: package goosemigrate lets goose itself
// run them, and migrations written in Go as well.
func Goose() Format {
	return Format{"goose", func(fsys fs.FS, names []string) ([]*migration, error) {
		var errs []error
		var steps []*migration
		for _, name := range names {
			if strings.Contains(name, "/") {
				continue
			}
			m, err := gooseFile(fsys, name)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
				continue
			}
			steps = append(steps, m)
		}
		if len(steps) == 0 && len(errs) == 0 {
			errs = append(errs, fmt.Errorf("%s is in a folder below; use fs.Sub", names[0]))
		}
		return steps, errors.Join(append(errs, sameNumber(steps))...)
	}}
}

var (
	gooseName = regexp.MustCompile(`^(\d+)_.+\.sql$`)
	gooseUp   = regexp.MustCompile(`(?mi)^\s*--\s*\+goose\s+Up\b`)
	gooseNote = regexp.MustCompile(`^\s*--\s*\+goose\s+(.*?)\s*$`)
)

func gooseFile(fsys fs.FS, name string) (*migration, error) {
	part := gooseName.FindStringSubmatch(path.Base(name))
	if part == nil {
		return nil, errors.New("want VERSION_name.sql")
	}
	if strings.Trim(part[1], "0") == "" {
		return nil, errors.New("goose has a version 0 of its own; want 1 or more")
	}
	text, err := read(fsys, name)
	if err != nil {
		return nil, err
	}
	up, down, err := gooseSections(text)
	if err != nil {
		return nil, err
	}
	return &migration{version: part[1], file: name, up: up, down: down}, nil
}

// gooseSections reads the annotations. Within a section a statement ends with a line that ends in a
// semicolon, unless it stands between StatementBegin and StatementEnd.
func gooseSections(text string) (up, down *step.Script, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil, errors.New("it is empty")
	}
	var to *step.Script
	var stmt strings.Builder
	alone, block := false, false
	flush := func() {
		if s := strings.TrimSpace(stmt.String()); s != "" && to != nil {
			to.Statements = append(to.Statements, s)
		}
		stmt.Reset()
	}
	for n, line := range strings.Split(text, "\n") {
		note := gooseNote.FindStringSubmatch(line)
		if note == nil {
			bare := strings.TrimSpace(line)
			switch {
			case stmt.Len() == 0 && (bare == "" || strings.HasPrefix(bare, "--")):
			case to == nil:
				return nil, nil, fmt.Errorf("line %d: a statement before -- +goose Up", n+1)
			default:
				stmt.WriteString(line + "\n")
				if !block && endsStatement(line) {
					flush()
				}
			}
			continue
		}
		switch strings.ToUpper(note[1]) {
		case "UP":
			if up != nil {
				return nil, nil, fmt.Errorf("line %d: -- +goose Up stands there twice", n+1)
			}
			up = &step.Script{}
			to = up
		case "DOWN":
			if up == nil || down != nil || block {
				return nil, nil, fmt.Errorf("line %d: -- +goose Down is out of place", n+1)
			}
			if strings.TrimSpace(stmt.String()) != "" {
				return nil, nil, unfinished(stmt.String())
			}
			down = &step.Script{}
			to = down
		case "STATEMENTBEGIN":
			if to == nil || block {
				return nil, nil, fmt.Errorf("line %d: -- +goose StatementBegin is out of place", n+1)
			}
			block = true
		case "STATEMENTEND":
			if !block {
				return nil, nil, fmt.Errorf("line %d: -- +goose StatementEnd without StatementBegin", n+1)
			}
			block = false
			flush()
		case "NO TRANSACTION":
			alone = true
		case "ENVSUB ON", "ENVSUB OFF":
			return nil, nil, fmt.Errorf("line %d: ENVSUB is only understood by package goosemigrate", n+1)
		default:
			return nil, nil, fmt.Errorf("line %d: unknown annotation -- +goose %s", n+1, note[1])
		}
	}
	switch {
	case up == nil:
		return nil, nil, errors.New("it has no -- +goose Up")
	case block:
		return nil, nil, errors.New("-- +goose StatementBegin without StatementEnd")
	case strings.TrimSpace(stmt.String()) != "":
		return nil, nil, unfinished(stmt.String())
	}
	up.Alone, up.Tx, up.Source = alone, !alone, upSource(text)
	if down != nil {
		down.Alone, down.Tx = alone, !alone
		if len(down.Statements) == 0 {
			down = nil
		}
	}
	return up, down, nil
}

var gooseDown = regexp.MustCompile(`(?mi)^--\s*\+goose\s+Down\b`)

// upSource is the part of a file that its down step does not belong to.
func upSource(text string) string {
	if at := gooseDown.FindStringIndex(text); at != nil {
		return text[:at[0]]
	}
	return text
}

// endsStatement reports whether a line ends in a semicolon, but for a comment behind it.
func endsStatement(line string) bool {
	last := ""
	for word := range strings.FieldsSeq(line) {
		if strings.HasPrefix(word, "--") {
			break
		}
		last = word
	}
	return strings.HasSuffix(last, ";")
}

func unfinished(stmt string) error {
	first, _, _ := strings.Cut(strings.TrimSpace(stmt), "\n")
	return fmt.Errorf("the statement %q does not end: a semicolon is missing, or StatementBegin and StatementEnd around it", first)
}
