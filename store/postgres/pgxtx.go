package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sequencer-go/seq/store/bunstore"
)

// ErrNotYours is what Commit and Rollback of a [PgxTx] fail with, and do nothing: the store ends the
// transaction when the op has returned.
var ErrNotYours = errors.New("the transaction of an op is not the op's to end")

// PgxTx is the transaction of a Transactional op, that of bunstore.Tx and bunstore.SQLTx, as pgx has it:
// with CopyFrom, SendBatch and the code that sqlc generates for pgx. It costs a round trip. Begin on it
// makes a savepoint, which the op may end; Commit and Rollback fail with [ErrNotYours]. Use one of the three
// at a time: like any connection of pgx it serves one goroutine, and rows must be closed before the next
// query.
//
// Outside of a Transactional op the error matches bunstore.ErrNoTx. In one, the ledger must be in a
// database that was opened over pgx, as [Open] does, or by yourself with pgx/v5/stdlib.
func PgxTx(ctx context.Context) (pgx.Tx, error) {
	var conn *pgx.Conn
	err := bunstore.Raw(ctx, func(driverConn any) error {
		c, ok := driverConn.(interface{ Conn() *pgx.Conn }) // ours, or stdlib's
		if !ok {
			return fmt.Errorf("postgres.PgxTx: the database is not open over pgx/v5/stdlib, but with a %T", driverConn)
		}
		conn = c.Conn()
		return nil
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begun})
	if err != nil {
		return nil, fmt.Errorf("postgres.PgxTx: %w", err)
	}
	return opTx{tx}, nil
}

// begun is sent in place of a BEGIN, because the store has begun the transaction: an empty statement, which
// succeeds also when an error has aborted that. pgx gives up the connection if it fails.
const begun = ";"

// opTx is a transaction that only the store ends.
type opTx struct{ pgx.Tx }

func (opTx) Commit(context.Context) error   { return ErrNotYours }
func (opTx) Rollback(context.Context) error { return ErrNotYours }
