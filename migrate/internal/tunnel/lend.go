package tunnel

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync"
)

// Lend returns a pool whose connections are those of another pool, for functions that run in no
// transaction: whatever they do to a session, the other pool does not see it, because at the end of the
// loan each connection is closed. The caller closes the pool. One connection of the other pool, if
// these are limited, is not lent: the ledger needs it.
func Lend(from *sql.DB) *sql.DB {
	l := &lender{from: from, over: make(chan struct{})}
	db := sql.OpenDB(l)
	idle := 1 << 10 // a connection that is closed early would not be free for the other pool all the same
	if most := from.Stats().MaxOpenConnections; most > 0 {
		db.SetMaxOpenConns(max(most-1, 1))
		idle = most
	}
	db.SetMaxIdleConns(idle)
	return db
}

// A lender connects by taking a connection out of a pool.
type lender struct {
	from *sql.DB
	lent sync.WaitGroup
	over chan struct{}
}

// Connect hands out the connection that the driver made, so that who reaches for it with sql.Conn.Raw
// finds it. Until the loan is over a goroutine keeps others from it.
func (l *lender) Connect(ctx context.Context) (driver.Conn, error) {
	one, err := l.from.Conn(ctx)
	if err != nil {
		return nil, err
	}
	taken := make(chan driver.Conn, 1)
	l.lent.Go(func() {
		_ = one.Raw(func(driverConn any) error {
			c, _ := driverConn.(driver.Conn)
			if wrapped, is := driverConn.(interface{ Unwrap() driver.Conn }); is {
				c = wrapped.Unwrap()
			}
			taken <- c
			<-l.over
			return driver.ErrBadConn // the other pool closes it
		})
		_ = one.Close()
	})
	c := <-taken
	if c == nil {
		return nil, fmt.Errorf("the driver %T has a connection that is none", l.from.Driver())
	}
	return c, nil
}

// Driver implements [driver.Connector].
func (l *lender) Driver() driver.Driver { return l.from.Driver() }

// Close ends the loan: the pool calls it when it is closed.
func (l *lender) Close() error {
	close(l.over)
	l.lent.Wait()
	return nil
}
