// Package tunnel makes a *sql.DB of the transaction that an op runs in, for libraries that take
// nothing else: what they begin and commit in it are savepoints, and the commit is the ledger's.
package tunnel

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
)

// A Taker is offered what is executed, and reports whether it has dealt with it.
type Taker func(ctx context.Context, query string) (bool, error)

// Open returns a database whose connections all are tx. The caller closes it, which closes nothing
// but itself. Its users must not use two connections at a time from two goroutines. takes may be
// nil.
func Open(tx bun.Tx, takes Taker) *sql.DB {
	db := sql.OpenDB(&connector{to: tx.Tx, takes: takes})
	db.SetMaxIdleConns(-1)
	return db
}

// OpenConn returns a database whose connections all are conn, which is in no transaction. One that
// is begun is real, unless takes is given: then each statement is committed as it is executed, for
// who notes that it is done must not see it undone.
func OpenConn(to bun.Conn, takes Taker) *sql.DB {
	db := sql.OpenDB(&connector{to: to.Conn, outer: to.Conn, takes: takes})
	db.SetMaxIdleConns(-1)
	return db
}

// queryer is what a transaction and a connection have in common.
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

type connector struct {
	to    queryer
	outer *sql.Conn // nil if all is in a transaction
	takes Taker
	depth int // of savepoints
}

func (c *connector) Connect(context.Context) (driver.Conn, error) { return conn{c}, nil }
func (c *connector) Driver() driver.Driver                        { return nil }

// conn is one end of the tunnel.
type conn struct{ *connector }

var errPrepare = errors.New("a statement cannot be prepared in an op's transaction")

func (conn) Prepare(string) (driver.Stmt, error) { return nil, errPrepare }
func (conn) Close() error                        { return nil }

func (c conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx sets a savepoint. Its options are those of the transaction, whatever is asked for.
func (c conn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if c.outer != nil && c.takes != nil {
		return none{}, nil
	}
	if c.outer != nil {
		tx, err := c.outer.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		c.to = tx
		return transaction{c, tx}, nil
	}
	c.depth++
	s := savepoint{c, fmt.Sprintf("seq_tunnel_%d", c.depth)}
	return s, s.exec(ctx, "SAVEPOINT "+s.name)
}

// CheckNamedValue leaves arguments to the driver at the other end.
func (conn) CheckNamedValue(*driver.NamedValue) error { return nil }

func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.takes != nil {
		if taken, err := c.takes(ctx, query); taken {
			return driver.RowsAffected(0), err
		}
	}
	return c.to.ExecContext(ctx, query, values(args)...)
}

func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	found, err := c.to.QueryContext(ctx, query, values(args)...) //nolint:rowserrcheck // rows does
	if err != nil {
		return nil, err
	}
	columns, err := found.Columns()
	if err != nil {
		return nil, errors.Join(err, found.Close()) //nolint:sqlclosecheck // else rows closes it
	}
	return &rows{found, columns}, nil
}

func values(args []driver.NamedValue) []any {
	var list []any // nil if there are none, so that several statements may stand in one text
	for _, a := range args {
		if a.Name != "" {
			list = append(list, sql.Named(a.Name, a.Value))
			continue
		}
		list = append(list, a.Value)
	}
	return list
}

// transaction is one that is not the op's: the connection is in none.
type transaction struct {
	conn
	tx *sql.Tx
}

func (r transaction) Commit() error {
	r.to = r.outer
	return r.tx.Commit()
}

func (r transaction) Rollback() error {
	r.to = r.outer
	return r.tx.Rollback()
}

// none is a transaction of statements that are committed one by one.
type none struct{}

func (none) Commit() error   { return nil }
func (none) Rollback() error { return nil }

type savepoint struct {
	conn
	name string
}

func (s savepoint) exec(ctx context.Context, query string) error {
	_, err := s.to.ExecContext(ctx, query)
	return err
}

func (s savepoint) Commit() error {
	return s.exec(context.Background(), "RELEASE SAVEPOINT "+s.name)
}

func (s savepoint) Rollback() error {
	return s.exec(context.Background(), "ROLLBACK TO SAVEPOINT "+s.name)
}
