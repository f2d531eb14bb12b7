package postgres

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sequencer-go/seq/internal/pipeline"
)

// A connector makes connections that know of package pipeline.
type connector struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	one, ok := made.(*stdlib.Conn)
	if !ok {
		return nil, fmt.Errorf("the connections of this version of pgx, %T, are none of its stdlib", made)
	}
	return &conn{native: one}, nil
}

type native = stdlib.Conn

// A conn is a connection of pgx.
type conn struct {
	*native
	tx    *tx // the transaction that is under way, if BeginTx left its BEGIN to a query; nil: another, or none
	build pgx.ExtendedQueryBuilder
}

// BeginTx implements [driver.ConnBeginTx].
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if !pipeline.BeginWaits(ctx) || opts != (driver.TxOptions{}) {
		return c.native.BeginTx(ctx, opts)
	}
	if c.pgx().IsClosed() {
		return nil, driver.ErrBadConn
	}
	c.tx = &tx{conn: c, ctx: ctx}
	return c.tx, nil
}

// QueryContext implements [driver.QueryerContext].
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	commit := pipeline.CommitOf(ctx)
	if c.tx == nil || c.tx.begun && commit == nil {
		return c.native.QueryContext(ctx, query, args)
	}
	values, prepare, fits := split(args)
	if !fits {
		if err := c.begin(ctx); err != nil {
			return nil, err
		}
		return c.native.QueryContext(ctx, query, args)
	}
	rows, err := c.tx.query(ctx, query, values, prepare, commit)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// split tells how a query is to be sent: with its values in the text, or prepared with its values. Others
// do not fit in a pipeline, which nobody asks for.
func split(args []driver.NamedValue) (values []any, prepare, fits bool) {
	if len(args) == 0 {
		return nil, false, true
	}
	if args[0].Value != pgx.QueryExecModeCacheStatement {
		return nil, false, false
	}
	values = make([]any, len(args)-1)
	for i, a := range args[1:] {
		values[i] = a.Value
	}
	return values, true, true
}

// ExecContext implements [driver.ExecerContext].
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	return c.native.ExecContext(ctx, query, args)
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	return c.native.PrepareContext(ctx, query)
}

// begin sends the BEGIN that waits for a query which does not come.
func (c *conn) begin(ctx context.Context) error {
	if c.tx == nil || c.tx.begun {
		return nil
	}
	_, err := c.pgx().Exec(ctx, "begin")
	if err != nil && pgconn.SafeToRetry(err) {
		err = driver.ErrBadConn
	}
	c.tx.begun = err == nil
	return err
}

// Unwrap is the connection as pgx made it, for those who lend it to code that knows only that.
func (c *conn) Unwrap() driver.Conn { return c.native }

// pgx is the connection in pgx's own words.
func (c *conn) pgx() *pgx.Conn { return c.Conn() }
