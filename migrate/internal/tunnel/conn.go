package tunnel

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// conn is one end of the tunnel.
type conn struct{ *connector }

func (conn) Close() error { return nil }

func (c conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx sets a savepoint. Its options are those of the transaction, whatever is asked for.
func (c conn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if c.apart {
		return none{}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(ctx, "SAVEPOINT"); err != nil {
		return nil, err
	}
	c.depth++
	s := savepoint{c, fmt.Sprintf("seq_tunnel_%d", c.depth)}
	_, err := c.to.ExecContext(ctx, "SAVEPOINT "+s.name)
	return s, err
}

// CheckNamedValue leaves arguments to the driver at the other end.
func (conn) CheckNamedValue(*driver.NamedValue) error { return nil }

func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(ctx, query); err != nil {
		return nil, err
	}
	if c.takes != nil {
		if taken, err := c.takes(ctx, query); taken {
			return driver.RowsAffected(0), err
		}
	}
	res, err := c.to.ExecContext(ctx, query, values(args)...)
	return res, c.failed(err)
}

func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(ctx, query, func() (*sql.Rows, error) { return c.to.QueryContext(ctx, query, values(args)...) })
}

func (c conn) query(ctx context.Context, query string, ask func() (*sql.Rows, error)) (driver.Rows, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(ctx, query); err != nil {
		return nil, err
	}
	found, err := ask() //nolint:rowserrcheck // rows does
	if err != nil {
		return nil, c.failed(err)
	}
	columns, err := found.ColumnTypes()
	if err != nil {
		return nil, errors.Join(err, found.Close()) //nolint:sqlclosecheck // else rows closes it
	}
	c.reading = &rows{Rows: found, c: c.connector, columns: columns}
	return c.reading, nil
}

func (c conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext prepares a statement at the other end, for as long as the transaction lasts or it is
// closed.
func (c conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(ctx, query); err != nil {
		return nil, err
	}
	prepared, err := c.to.PrepareContext(ctx, query)
	if err != nil {
		return nil, c.failed(err)
	}
	return stmt{prepared, c, query}, nil
}

// stmt is one end of a prepared statement.
type stmt struct {
	*sql.Stmt
	conn  conn
	query string
}

// NumInput leaves it to the driver at the other end to count the arguments.
func (stmt) NumInput() int { return -1 }

func (s stmt) Close() error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if r := s.conn.reading; r != nil {
		r.drain()
		s.conn.reading = nil
	}
	return s.Stmt.Close()
}

// CheckNamedValue leaves arguments to the driver at the other end.
func (stmt) CheckNamedValue(*driver.NamedValue) error { return nil }

func (s stmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (s stmt) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }

func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if err := s.conn.ready(ctx, s.query); err != nil {
		return nil, err
	}
	res, err := s.Stmt.ExecContext(ctx, values(args)...)
	return res, s.conn.failed(err)
}

func (s stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(ctx, s.query, func() (*sql.Rows, error) { return s.Stmt.QueryContext(ctx, values(args)...) })
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

// none is a transaction of statements that are committed one by one.
type none struct{}

func (none) Commit() error   { return nil }
func (none) Rollback() error { return nil }

type savepoint struct {
	conn
	name string
}

func (s savepoint) Commit() error   { return s.end("RELEASE SAVEPOINT ") }
func (s savepoint) Rollback() error { return s.end("ROLLBACK TO SAVEPOINT ") }

func (s savepoint) end(how string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading != nil {
		s.reading.drain()
		s.reading = nil
	}
	s.guarded = false // it goes with the one that it was set in
	_, err := s.to.ExecContext(context.Background(), how+s.name)
	return err
}
