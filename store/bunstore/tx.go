package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/store"
)

// ErrNoTx is the error of every query through a [Tx] that was asked for outside of an op.
var ErrNoTx = errors.New("bunstore.Tx outside of a Transactional op")

// Tx is the transaction that a Transactional op runs in: what the op writes through it is
// committed together with the record that the op is done, or not at all. The op must not commit
// or roll back; RunInTx and BeginTx on it make savepoints, which it may. (The context that bun
// hands to the function of RunInTx does not end with the op's.)
//
// Anywhere else, also in an op that is not Transactional, each of its methods fails with
// [ErrNoTx].
func Tx(ctx context.Context) bun.IDB {
	if a, ok := ctx.Value(opctx.TxKey{}).(*atomically); ok {
		return a.tx.Tx
	}
	return outside()
}

// InTx reports whether ctx is that of a Transactional op in its transaction, so that [Tx] is one.
func InTx(ctx context.Context) bool {
	_, in := ctx.Value(opctx.TxKey{}).(*atomically)
	return in
}

// DB is the database that an op works on: the transaction of a Transactional op, see [Tx], and for
// any other op the store's own [Store.DB]. So an op that was registered long before the database
// was opened finds it, also if the sequencer was given a store that stands before this one, see
// store.As. An op's ShouldRun and Verify find it too, outside of any transaction. Elsewhere each of
// its methods fails with [ErrNoTx].
func DB(ctx context.Context) bun.IDB {
	if _, inTx := ctx.Value(opctx.TxKey{}).(*atomically); inTx {
		return Tx(ctx)
	}
	if s, ok := store.As[*Store](store.FromContext(ctx)); ok {
		return s.DB()
	}
	return outside()
}

// outside is what Tx returns where there is no transaction. Queries that are built with it find
// noTx in its place; its own methods are overridden.
var outside = sync.OnceValue(func() bun.IDB {
	db := sql.OpenDB(noTx{})
	_ = db.Close() // it never had a connection, only a goroutine
	return noTxDB{bun.NewDB(db, sqlitedialect.New(), bun.WithConnResolver(noTx{}))}
})

type noTxDB struct{ *bun.DB }

func (noTxDB) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return noTx{}.ExecContext(ctx, query, args...)
}

func (noTxDB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return noTx{}.QueryContext(ctx, query, args...)
}

func (noTxDB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return noTx{}.QueryRowContext(ctx, query, args...)
}

func (noTxDB) BeginTx(context.Context, *sql.TxOptions) (bun.Tx, error) { return bun.Tx{}, ErrNoTx }

func (noTxDB) RunInTx(context.Context, *sql.TxOptions, func(context.Context, bun.Tx) error) error {
	return ErrNoTx
}

// noTx fails in every role: a connection, what makes one, and what chooses one.
type noTx struct{}

func (noTx) ExecContext(context.Context, string, ...any) (sql.Result, error) { return nil, ErrNoTx }

func (noTx) QueryContext(context.Context, string, ...any) (*sql.Rows, error) { return nil, ErrNoTx }

// QueryRowContext asks a database that has no connection: nobody else can make a row that is an
// error.
func (noTx) QueryRowContext(ctx context.Context, query string, _ ...any) *sql.Row {
	db := sql.OpenDB(noTx{})
	defer func() { _ = db.Close() }()
	return db.QueryRowContext(ctx, query)
}

func (noTx) Connect(context.Context) (driver.Conn, error)     { return nil, ErrNoTx }
func (noTx) Driver() driver.Driver                            { return nil }
func (noTx) ResolveConn(context.Context, bun.Query) bun.IConn { return noTx{} }
func (noTx) Close() error                                     { return nil }
