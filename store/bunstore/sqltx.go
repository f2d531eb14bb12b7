package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"

	"github.com/sequencer-go/seq/internal/opctx"
)

// SQLTx is the transaction of [Tx] as database/sql has it, for code that does not know bun: what sqlc
// generates, gorm (as the Conn of its dialect), or plain queries with the placeholders of the driver ($1 on
// Postgres). The op must not commit or roll back: then nothing is recorded, and its error matches
// [store.ErrTxBroken].
//
// Anywhere else, also in an op that is not Transactional, each query on it fails with [ErrNoTx].
func SQLTx(ctx context.Context) *sql.Tx {
	if a, ok := ctx.Value(opctx.TxKey{}).(*atomically); ok {
		return a.tx.Tx.Tx
	}
	if ctx.Done() != nil {
		if tx := refusingTx(ctx); tx != nil {
			return tx
		}
	}
	return endless()
}

// Raw calls f with the driver's own connection that the transaction of [Tx] is on, and returns what f does.
// It is for what database/sql has no words for; store/postgres.PgxTx is made with it. f must leave the
// connection in that transaction, and not keep it for longer than the op runs. While f runs, nothing else
// must use the transaction. Outside of a Transactional op the error is [ErrNoTx].
func Raw(ctx context.Context, f func(driverConn any) error) error {
	a, ok := ctx.Value(opctx.TxKey{}).(*atomically)
	if !ok {
		return ErrNoTx
	}
	return a.tx.conn.Raw(f)
}

// refusingTx is what SQLTx returns where there is no transaction. database/sql keeps a goroutine for it
// until ctx ends. nil means that ctx has ended.
func refusingTx(ctx context.Context) *sql.Tx {
	db := sql.OpenDB(refusing{})
	tx, _ := db.BeginTx(ctx, nil)
	_ = db.Close() // the connection of tx stays
	return tx
}

// endless is for contexts that never end: one for all of them.
var endless = sync.OnceValue(func() *sql.Tx { return refusingTx(context.Background()) })

// refusing is a connection, and what makes one, in whose transactions nothing can be done.
type refusing struct{}

func (refusing) Connect(context.Context) (driver.Conn, error) { return refusing{}, nil }
func (refusing) Driver() driver.Driver                        { return nil }
func (refusing) Close() error                                 { return nil }
func (refusing) Begin() (driver.Tx, error)                    { return refusing{}, nil }
func (refusing) Prepare(string) (driver.Stmt, error)          { return nil, ErrNoTx }
func (refusing) Commit() error                                { return ErrNoTx }
func (refusing) Rollback() error                              { return ErrNoTx }
