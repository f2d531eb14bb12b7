package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"modernc.org/sqlite"
)

// A conn is a connection that remembers the statements it is asked to.
type conn struct {
	native
	statements map[string]driver.Stmt
}

// native is what modernc's connections can do, also for those who reach for one with sql.Conn.Raw.
type native interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	sqlite.HookRegisterer
	NewBackup(to string) (*sqlite.Backup, error)
	NewRestore(from string) (*sqlite.Backup, error)
	Serialize() ([]byte, error)
	Deserialize([]byte) error
}

func remembering(one driver.Conn) (driver.Conn, error) {
	n, ok := one.(native)
	if !ok {
		_ = one.Close()
		return nil, fmt.Errorf("the connections of this version of modernc.org/sqlite, %T, lack a method that is needed", one)
	}
	return &conn{native: n, statements: map[string]driver.Stmt{}}, nil
}

// remember, in front of a query's values, asks for the statement to be prepared and kept for the next
// time. Whoever asks reads the rows to their end before asking for the same again.
type remember struct{}

// CheckNamedValue implements [driver.NamedValueChecker].
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if _, asked := v.Value.(remember); asked {
		return nil
	}
	return driver.ErrSkip
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 0 || args[0].Value != (remember{}) {
		return c.native.QueryContext(ctx, query, args)
	}
	stmt := c.statements[query]
	if stmt == nil {
		var err error
		if stmt, err = c.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		c.statements[query] = stmt
	}
	args = args[1:]
	for i := range args {
		args[i].Ordinal = i + 1
	}
	return stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

// Close implements [driver.Conn].
func (c *conn) Close() error {
	for _, stmt := range c.statements {
		_ = stmt.Close()
	}
	return c.native.Close()
}
