package goosemigrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"

	"github.com/pressly/goose/v3"
)

// A function is what goose tells of one direction of a migration in Go.
type function struct {
	missing bool // it is nil
	takesDB bool // a *sql.DB, and not a transaction; such a one may be missing all the same
}

// ask has goose begin with a function that it cannot call: it wants a transaction first and gets
// none, or wants two connections where there is one. What it complains of is the answer. Who has set
// a locker gets none, for goose takes only one.
func (c *collection) ask(version int64, up bool) (f function) {
	db := sql.OpenDB(refuser{})
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	p, err := goose.NewProvider(c.dialect, db, c.fsys, append(slices.Clip(c.opts),
		goose.WithDisableVersioning(true), goose.WithIsolateDDL(false), goose.WithSessionLocker(unlocked{}))...)
	if err != nil {
		return f
	}
	_, err = p.ApplyVersion(context.Background(), version, up)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		f.missing = partial.Failed != nil && partial.Failed.Empty
	} else {
		f.takesDB = true
	}
	return f
}

// A refuser is a database that begins nothing.
type refuser struct{}

var errUnused = errors.New("not a database")

func (r refuser) Connect(context.Context) (driver.Conn, error) { return r, nil }
func (refuser) Driver() driver.Driver                          { return nil }
func (refuser) Prepare(string) (driver.Stmt, error)            { return nil, errUnused }
func (refuser) Close() error                                   { return nil }
func (refuser) Begin() (driver.Tx, error)                      { return nil, errUnused }

// unlocked is a lock that everybody has.
type unlocked struct{}

func (unlocked) SessionLock(context.Context, *sql.Conn) error   { return nil }
func (unlocked) SessionUnlock(context.Context, *sql.Conn) error { return nil }
