package bunstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

// A transaction is one of the database, on a connection of its own.
type transaction struct {
	bun.Tx
	store *Store
	conn  bun.Conn
	over  bool
}

// begin waits for a connection until ctx ends. The transaction lives until during does.
func (s *Store) begin(ctx, during context.Context) (*transaction, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(during, nil)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &transaction{Tx: tx, store: s, conn: conn}, nil
}

// end undoes the transaction, if it is not over, and gives the connection back.
func (t *transaction) end() {
	if !t.over {
		t.over = true
		_ = t.Rollback()
	}
	_ = t.conn.Close()
}

// settleTimeout bounds the search for what became of a commit.
const settleTimeout = 5 * time.Second

// commit commits what c changed. An error alone does not say whether it did: the answer may have
// been lost. Then the proof that c left tells, read on another connection.
func (t *transaction) commit(ctx context.Context, c *changes) error {
	t.over = true
	err := t.Commit()
	if err == nil {
		return nil
	}
	t.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	committed, perr := t.store.proven(ctx, c)
	switch {
	case perr != nil:
		return fmt.Errorf("%w: commit: %w (%w)", store.ErrUnknownOutcome, err, perr)
	case committed:
		return nil
	default:
		return fmt.Errorf("commit: %w", err)
	}
}

var errNoProof = errors.New("the batch left nothing to recognise it by")

// proven looks for the proof of c, when the transaction that would have left it is surely over.
func (s *Store) proven(ctx context.Context, c *changes) (bool, error) {
	if c.proof.query == "" {
		return false, errNoProof
	}
	tx, err := s.begin(ctx, ctx)
	if err != nil {
		return false, err
	}
	defer tx.end()
	for _, wait := range s.dialect.settle {
		gen := s.gen.WithNamedArg("op", c.proof.op)
		if _, err := tx.ExecContext(ctx, "?", bun.Safe(gen.FormatQuery(wait))); err != nil {
			return false, err
		}
	}
	return s.matches(ctx, tx, c.proof.query, c.proof.args...)
}

// A proof is a query that answers with a row if a transaction was committed.
type proof struct {
	op    string // that it is about; "" if about none
	query string
	args  []any
}
