package goosemigrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/internal/dbsession"
)

// A table is goose's own, for those steps in SQL that need nothing of goose but their row in it. goose
// asks four things more for each step than it does for a whole set, and reads its folder again.
type table struct {
	name string
	yes  string // true, as the database has it
}

// insert is how goose writes a row, on the databases that the ledger is in.
var insert = regexp.MustCompile(`^INSERT INTO (\S+) \(version_id, is_applied\) VALUES \((?:\$1, \$2|\?, \?)\)$`)

// learn has goose apply a version to a database that only answers, and finds its table in what goose
// asks. It is nil, and goose has to be called for each step, if goose does anything but look for the
// table and the version, execute the statements, and insert the row, all in one transaction; also if
// it would log what it does.
func (c *collection) learn(version int64, statements []string) *table {
	a := &answerer{}
	db := sql.OpenDB(a)
	defer func() { _ = db.Close() }()
	heard := &listener{}
	p, err := goose.NewProvider(c.dialect, db, c.fsys, append(slices.Clip(c.opts), goose.WithLogger(heard))...)
	if err != nil {
		return nil
	}
	if _, err = p.ApplyVersion(context.Background(), version, true); err != nil || heard.said || a.other {
		return nil
	}
	n := len(statements)
	if a.queries != 2 || a.begun != 1 || a.committed != 1 || len(a.executed) != n+1 || !slices.Equal(a.executed[:n], statements) {
		return nil
	}
	m := insert.FindStringSubmatch(a.executed[n])
	if m == nil {
		return nil
	}
	t := &table{name: m[1], yes: "true"}
	if c.dialect == goose.DialectSQLite3 {
		t.yes = "1"
	}
	return t
}

// row is the statement that goose's row is written or deleted with.
func (t *table) row(version int64, up bool) string {
	if up {
		return fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES (%d, %s)", t.name, version, t.yes)
	}
	return fmt.Sprintf("DELETE FROM %s WHERE version_id = %d", t.name, version)
}

// known are the versions that the table has, read once in a session and kept up to date in it; nil if
// nobody has read it. A session in which a step fails is not used again, so what it knows is committed.
func (t *table) known(ctx context.Context) map[int64]bool {
	if s := dbsession.In(ctx); s != nil {
		if v, ok := s.Memo().Load(*t); ok {
			known, _ := v.(map[int64]bool)
			return known
		}
	}
	return nil
}

// read reads the table, which is there, for the session.
func (t *table) read(ctx context.Context, tx bun.Tx) error {
	s := dbsession.In(ctx)
	if s == nil {
		return nil
	}
	rows, err := tx.Tx.QueryContext(ctx, `SELECT version_id FROM `+t.name)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	known := map[int64]bool{}
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return err
		}
		known[version] = true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	s.Memo().Store(*t, known)
	return nil
}

// listener hears what goose would log.
type listener struct{ said bool }

func (l *listener) Fatalf(string, ...any) { l.said = true }
func (l *listener) Printf(string, ...any) { l.said = true }

// An answerer is a database that has goose's table and no version in it but 0.
type answerer struct {
	executed         []string
	queries          int
	begun, committed int
	other            bool // it was asked for something else
}

func (a *answerer) Connect(context.Context) (driver.Conn, error) { return a, nil }
func (*answerer) Driver() driver.Driver                          { return nil }
func (*answerer) Close() error                                   { return nil }
func (a *answerer) Prepare(string) (driver.Stmt, error)          { a.other = true; return nil, errUnused }
func (a *answerer) Begin() (driver.Tx, error)                    { a.begun++; return a, nil }
func (a *answerer) Commit() error                                { a.committed++; return nil }
func (a *answerer) Rollback() error                              { a.other = true; return nil }

func (a *answerer) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	a.executed = append(a.executed, query)
	return driver.RowsAffected(1), nil
}

func (a *answerer) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	a.queries++
	switch {
	case len(args) == 0: // is the table there?
		return &answer{values: []driver.Value{true}}, nil
	case len(args) == 1 && args[0].Value == int64(0):
		return &answer{values: []driver.Value{time.Time{}, true}}, nil
	}
	return &answer{values: []driver.Value{time.Time{}, true}, over: true}, nil
}

// answer is one row, or none.
type answer struct {
	values []driver.Value
	over   bool
}

func (a *answer) Columns() []string { return make([]string, len(a.values)) }
func (*answer) Close() error        { return nil }

func (a *answer) Next(dest []driver.Value) error {
	if a.over {
		return io.EOF
	}
	a.over = true
	copy(dest, a.values)
	return nil
}
