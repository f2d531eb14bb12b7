package step

import (
	"context"
	"database/sql/driver"
	"errors"
)

// A Recorder is a database that notes what it is asked to execute, so that a tool tells what it would
// send.
type Recorder struct {
	Statements []string
	Begun      bool // in a transaction
}

var errUnused = errors.New("not a database")

// Connect implements [driver.Connector]; all its connections are one.
func (r *Recorder) Connect(context.Context) (driver.Conn, error) { return r, nil }

// Driver implements [driver.Connector].
func (r *Recorder) Driver() driver.Driver { return nil }

// Prepare implements [driver.Conn]. It fails.
func (r *Recorder) Prepare(string) (driver.Stmt, error) { return nil, errUnused }

// Close implements [driver.Conn].
func (r *Recorder) Close() error { return nil }

// Begin implements [driver.Conn].
func (r *Recorder) Begin() (driver.Tx, error) {
	r.Begun = true
	return r, nil
}

// Commit implements [driver.Tx].
func (r *Recorder) Commit() error { return nil }

// Rollback implements [driver.Tx].
func (r *Recorder) Rollback() error { return nil }

// ExecContext implements [driver.ExecerContext].
func (r *Recorder) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	r.Statements = append(r.Statements, query)
	return driver.RowsAffected(0), nil
}
