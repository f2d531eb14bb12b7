package migrate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/sequencer-go/seq/migrate/internal/sqltext"
)

// A folder is where the files are. Each is read once.
type folder struct {
	fsys  fs.FS
	names []string // of the files in the folder itself
	texts map[string]text
}

type text struct {
	text string
	err  error
}

// list reads the names of the files in the folder itself. A link to a file is a file; that to a
// folder, as Kubernetes makes one of a ConfigMap, is not.
func (d *folder) list() error {
	if d.fsys == nil {
		return errors.New("the file system is nil")
	}
	entries, err := fs.ReadDir(d.fsys, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() && !hidden(e.Name()) {
			d.names = append(d.names, e.Name())
		}
	}
	return nil
}

// hidden reports whether a name is not the author's: ".git", "..data" of a ConfigMap, "._a" of macOS.
func hidden(name string) bool { return strings.HasPrefix(name, ".") && name != "." }

// below are the names of all files, also those in folders below.
func (d *folder) below() (names []string, err error) {
	err = fs.WalkDir(d.fsys, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case hidden(path.Base(name)) && e.IsDir():
			return fs.SkipDir
		case !hidden(path.Base(name)) && !e.IsDir():
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// read is a file as the database should get it: without the mark that some editors begin it with.
// What the two databases do not read alike, or not to its end, is an error.
func (d *folder) read(name string) (string, error) {
	if t, known := d.texts[name]; known {
		return t.text, t.err
	}
	raw, err := fs.ReadFile(d.fsys, name)
	if err == nil {
		err = legible(raw)
	}
	t := text{err: err}
	if err == nil {
		t.text = strings.TrimPrefix(string(raw), "\ufeff")
		err = lineBreaks(t.text)
	}
	if err != nil {
		t = text{err: fmt.Errorf("%s: %w", name, err)}
	}
	d.texts[name] = t
	return t.text, t.err
}

// legible is an error if a file is not text in UTF-8, as far as a database would not say so: SQLite
// stops at the first NUL and reports success.
func legible(raw []byte) error {
	if bytes.HasPrefix(raw, []byte{0xfe, 0xff}) || bytes.HasPrefix(raw, []byte{0xff, 0xfe}) {
		return errors.New("it is UTF-16; save it as UTF-8")
	}
	at := bytes.IndexByte(raw, 0)
	switch {
	case at < 0:
		return nil
	case len(raw) > 1 && bytes.Count(raw, []byte{0}) >= len(raw)/4:
		return errors.New("every other byte is NUL, so it looks like UTF-16; save it as UTF-8")
	default:
		return fmt.Errorf("there is a NUL byte in line %d; Postgres refuses it, and SQLite reads no further; remove it", 1+bytes.Count(raw[:at], []byte("\n")))
	}
}

// lineBreaks is an error if a carriage return alone ends a comment for Postgres and for SQLite does
// not, which hides what follows. Anywhere else it is a blank for both.
func lineBreaks(text string) error {
	if !strings.Contains(text, "\r") {
		return nil
	}
	s := sqltext.Scanner{Text: text}
	for t := s.Next(); t.Kind != sqltext.End; t = s.Next() {
		rest := text[t.To:]
		if t.Kind == sqltext.Comment && text[t.From] == '-' && strings.HasPrefix(rest, "\r") && !strings.HasPrefix(rest, "\r\n") {
			return fmt.Errorf("the comment in line %d ends with a carriage return alone, which Postgres takes for the end of the line, and SQLite does not; save it with line feeds",
				1+strings.Count(text[:t.From], "\n"))
		}
	}
	return nil
}

// detect chooses the format by the files in the folder itself. bun's and golang-migrate's files are
// alike but for what bun adds.
func (d *folder) detect() (Format, error) {
	pairs, bun, sql := 0, false, ""
	for _, name := range d.names {
		_, isPair := golangMigrateName(name)
		isSQL := strings.HasSuffix(name, ".sql")
		if !isPair && !isSQL {
			continue
		}
		text, err := d.read(name)
		if err != nil {
			return Format{}, err
		}
		if !isPair {
			if hasGooseUp(text) {
				return Goose(), nil
			}
			sql = name
			continue
		}
		pairs++
		bun = bun || strings.Contains(name, ".tx.up.") || strings.Contains(text, "\n--bun:") || strings.HasPrefix(text, "--bun:")
	}
	switch {
	case bun:
		return Bun(), nil
	case pairs > 0:
		return GolangMigrate(), nil
	case sql != "":
		return Format{}, fmt.Errorf("%s is of no format known here: want VERSION_name.up.sql, or a line \"-- +goose Up\"", sql)
	}
	return Format{}, d.nothing()
}

// nothing is the error for a folder without a migration.
func (d *folder) nothing() error {
	names, err := d.below()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.Contains(name, "/") && strings.HasSuffix(name, ".sql") {
			return fmt.Errorf("there is no migration in the folder itself, and %s is in a folder below; use fs.Sub", name)
		}
	}
	return errors.New("there is no migration: no file that ends in .sql")
}
