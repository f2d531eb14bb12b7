// Package tunnel makes a *sql.DB of the transaction that an op runs in, for libraries that take
// nothing else: what they begin and commit in it are savepoints, and the commit is the ledger's.
package tunnel

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/sequencer-go/seq/migrate/internal/sqltext"
	"github.com/sequencer-go/seq/migrate/internal/step"
)

// A Taker is offered what is executed, and reports whether it has dealt with it.
type Taker func(ctx context.Context, query string) (bool, error)

// A Tunnel is a database all of whose connections are one. It may be used from several goroutines,
// whose statements come one after another. Rows that are being read while another statement is
// executed are read into memory first.
type Tunnel struct {
	*sql.DB
	c *connector
}

// Open returns a database whose connections all are tx. The caller closes it, which closes nothing
// but itself. takes may be nil.
func Open(tx bun.Tx, takes Taker) *Tunnel {
	return open(&connector{to: tx.Tx, takes: takes})
}

// OpenAsPool is like Open, for functions that expect a pool of connections in no transaction. A
// statement that fails leaves the transaction as it was before, so that the function may go on. One
// that has another meaning in a transaction, or none, is not executed: see Refused.
func OpenAsPool(tx bun.Tx) *Tunnel {
	return open(&connector{to: tx.Tx, asPool: true, dialect: step.DialectOfConn(tx), savepoints: tx.Dialect().Name() == dialect.PG})
}

// OpenConn returns a database whose connections all are conn, which is in no transaction. To begin one
// does nothing: each statement is committed as it is executed, for who notes that it is done must not
// see it undone.
func OpenConn(to bun.Conn, takes Taker) *Tunnel {
	return open(&connector{to: to.Conn, takes: takes, apart: true})
}

func open(c *connector) *Tunnel {
	db := sql.OpenDB(c)
	db.SetMaxIdleConns(-1)
	return &Tunnel{db, c}
}

// Refused is why what was executed needs connections in no transaction; nil if nothing was refused.
// A function may have ignored it.
func (t *Tunnel) Refused() error {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return t.c.refused
}

// queryer is what a transaction and a connection have in common.
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

type connector struct {
	takes      Taker
	apart      bool // in no transaction
	asPool     bool
	dialect    sqltext.Dialect // of asPool
	savepoints bool            // around each statement

	mu      sync.Mutex
	to      queryer
	depth   int   // of savepoints
	reading *rows // being read from the database; no statement can be sent meanwhile
	guarded bool  // the savepoint around the last statement is there
	refused error
}

func (c *connector) Connect(context.Context) (driver.Conn, error) { return conn{c}, nil }
func (c *connector) Driver() driver.Driver                        { return nil }

// The savepoint around a statement is released with the next one, in one round trip.
const guard = "seq_statement"

// ready makes the connection ready for a statement of the user's. Whoever calls it holds the lock.
func (c *connector) ready(ctx context.Context, query string) error {
	if c.reading != nil {
		c.reading.drain()
		c.reading = nil
	}
	if c.asPool {
		if why := step.NotAsPool(query, c.dialect); why != "" {
			c.refused = fmt.Errorf("%s does not work in a transaction", why)
			return c.refused
		}
	}
	switch {
	case !c.savepoints:
		return nil
	case step.Savepoints(query, c.dialect): // ours around it would take the user's with it
		return c.unguard(ctx)
	case c.guarded:
		_, err := c.to.ExecContext(ctx, "RELEASE SAVEPOINT "+guard+"; SAVEPOINT "+guard)
		return err
	default:
		_, err := c.to.ExecContext(ctx, "SAVEPOINT "+guard)
		c.guarded = err == nil
		return err
	}
}

// unguard releases the savepoint around the last statement.
func (c *connector) unguard(ctx context.Context) error {
	if !c.guarded {
		return nil
	}
	c.guarded = false
	_, err := c.to.ExecContext(ctx, "RELEASE SAVEPOINT "+guard)
	return err
}

// failed takes back what a statement that failed has done to the transaction.
func (c *connector) failed(err error) error {
	if err == nil || !c.asPool {
		return err
	}
	if step.NeedsNoTx(err) {
		c.refused = err
	}
	if c.guarded {
		_, _ = c.to.ExecContext(context.Background(), "ROLLBACK TO SAVEPOINT "+guard)
	}
	return err
}
