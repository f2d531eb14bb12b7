package goosemigrate

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"regexp"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/sequencer-go/seq/migrate/internal/step"
)

var downNote = regexp.MustCompile(`(?mi)^--\s*\+goose\s+Down\b`)

// read has goose read a SQL file, in both directions.
func (m *migration) read(file string) error {
	text, err := fs.ReadFile(m.fsys, file)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(text)) == "" {
		return errors.New("it is empty")
	}
	if m.up, err = m.script(true); err != nil {
		return err
	}
	m.up.Source = string(text)
	if at := downNote.FindIndex(text); at != nil {
		m.up.Source = string(text[:at[0]])
	}
	m.down, err = m.script(false)
	if err == nil && len(m.down.Statements) == 0 {
		m.down, m.final = nil, true
	}
	return err
}

// script is what goose would send for one direction.
func (m *migration) script(up bool) (*step.Script, error) {
	rec := &step.Recorder{}
	db := sql.OpenDB(rec)
	defer func() { _ = db.Close() }()
	p, err := goose.NewProvider(m.dialect, db, sqlOnly{m.fsys}, goose.WithDisableVersioning(true), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	_, err = p.ApplyVersion(context.Background(), m.version, up)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		err = partial.Err
	}
	return &step.Script{Statements: rec.Statements, Alone: !rec.Begun, Tx: rec.Begun}, err
}

// sqlOnly hides the migrations in Go.
type sqlOnly struct{ fs.FS }

func (s sqlOnly) Glob(pattern string) ([]string, error) {
	if strings.HasSuffix(pattern, ".go") {
		return nil, nil
	}
	return fs.Glob(s.FS, pattern)
}
