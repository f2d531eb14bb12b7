package goosemigrate

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/sequencer-go/seq/migrate/internal/step"
)

// A reader is a goose that reads SQL files, and tells what it would send.
type reader struct {
	by  *goose.Provider
	db  *sql.DB
	rec *step.Recorder
}

func newReader(dialect goose.Dialect, fsys fs.FS) (*reader, error) {
	rec := &step.Recorder{}
	db := sql.OpenDB(rec)
	p, err := goose.NewProvider(dialect, db, sqlOnly{fsys}, goose.WithDisableVersioning(true), goose.WithDisableGlobalRegistry(true))
	if errors.Is(err, goose.ErrNoMigrations) { // all are in Go
		err = nil
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &reader{p, db, rec}, nil
}

func (r *reader) close() { _ = r.db.Close() }

// script is what goose would send for one direction of a version.
func (r *reader) script(version int64, up bool) (*step.Script, error) {
	r.rec.Statements, r.rec.Begun = nil, false
	_, err := r.by.ApplyVersion(context.Background(), version, up)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		err = partial.Err
	}
	return &step.Script{Statements: r.rec.Statements, Alone: !r.rec.Begun, Tx: r.rec.Begun}, err
}

// read has goose read a SQL file, in both directions.
func (m *migration) read(by *reader, file string) error {
	text, err := fs.ReadFile(m.fsys, file)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(text)) == "" {
		return errors.New("it is empty")
	}
	if m.up, err = by.script(m.version, true); err != nil {
		return err
	}
	m.up.Sum = step.Checksum(step.GooseUp(string(text)))
	if !m.learned && !m.up.Alone {
		m.learned, m.table = true, m.learn(m.version, m.up.Statements)
	}
	m.down, err = by.script(m.version, false)
	if err == nil && m.down.Nothing() {
		m.down, m.final = nil, true
	}
	return err
}

// sqlOnly hides the migrations in Go.
type sqlOnly struct{ fs.FS }

func (s sqlOnly) Glob(pattern string) ([]string, error) {
	if strings.HasSuffix(pattern, ".go") {
		return nil, nil
	}
	return fs.Glob(s.FS, pattern)
}
