package bunstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

// A transaction is one of the database, on a connection of its own.
type transaction struct {
	bun.Tx
	store  *Store
	conn   bun.Conn
	giveUp func() // gives up the connection; nil once that is done
	over   bool
}

// begin waits for a connection until ctx ends. The transaction lives until during does.
func (s *Store) begin(ctx, during context.Context) (*transaction, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return s.beginOn(during, conn, func() { _ = conn.Close() })
}

// beginOn begins a transaction on a connection, which is given up when it ends or cannot begin.
func (s *Store) beginOn(during context.Context, conn bun.Conn, giveUp func()) (*transaction, error) {
	tx, err := conn.BeginTx(during, nil)
	if err != nil {
		giveUp()
		return nil, err
	}
	return &transaction{Tx: tx, store: s, conn: conn, giveUp: giveUp}, nil
}

// end undoes the transaction, if it is not over, and gives up the connection.
func (t *transaction) end() {
	if !t.over {
		t.over = true
		_ = t.Rollback()
	}
	if giveUp := t.giveUp; giveUp != nil {
		t.giveUp = nil
		giveUp()
	}
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

// What a batch leaves that tells it from every other. A token stays with its attempt, in whichever table
// that is.
var (
	hasOutcome = define("has outcome", `SELECT 1 FROM {ops} WHERE ns = {ns} AND id = @id AND token = @token AND state = @state AND finished IS NOT NULL
	UNION ALL SELECT 1 FROM {attempts} WHERE ns = {ns} AND id = @id AND token = @token AND state = @state`)
	hasClaim = define("has claim", `SELECT 1 FROM {ops} WHERE ns = {ns} AND id = @id AND token = @token
	UNION ALL SELECT 1 FROM {attempts} WHERE ns = {ns} AND id = @id AND token = @token`)
	hasMark = define("has mark", `SELECT 1 FROM {ops} WHERE ns = {ns} AND id = @id AND attempt = @attempt AND state = @state AND run = @run`)
	hasSave = define("has save", `SELECT 1 FROM {ops} WHERE ns = {ns} AND id = @id AND token = @token AND saved = CAST(@saved AS {blob})`)
	isOpen  = define("is open", `SELECT 1 FROM {ops} WHERE ns = {ns} AND id = @id AND token = @token AND finished IS NULL`)
	hasPart = define("has part", `SELECT 1 FROM {ops} WHERE ns = {ns} AND id = @id AND token = @token AND tx >= @tx`)

	statusOf = define("transaction status", `SELECT txid_status(@number)`)
)

// A proof is a query that answers with a row if a transaction was committed.
type proof struct {
	statement *statement
	args      []arg
	// of is the claim whose attempt the proof is of, if it shows only as long as that is open; else zero.
	of store.Claim
}

// proven looks whether the transaction of c was committed, when it is surely over. It locks nothing: a
// database that numbers its transactions tells when one is over, and one with a single writer undoes it
// with the connection.
func (s *Store) proven(ctx context.Context, c *changes) (committed bool, err error) {
	status, err := s.awaitEnd(ctx, c.number)
	switch {
	case err != nil || status == "aborted":
		return false, err
	case c.proof.statement != nil:
		committed, err = s.matches(ctx, s.db, c.proof.statement, c.proof.args...)
		if of := c.proof.of; err == nil && !committed && !of.Token.IsZero() {
			open, oerr := s.matches(ctx, s.db, isOpen, arg{"id", of.ID}, arg{"token", of.Token.String()})
			if err = oerr; err == nil && !open {
				err = errNoProof // whoever closed the attempt may have covered it
			}
		}
		return committed, err
	case status != "":
		return status == "committed", nil
	default:
		return false, errNoProof
	}
}

// awaitEnd waits until a transaction is over, and returns how: committed or aborted. It is "" if that is not
// known: the number is 0, or too old.
func (s *Store) awaitEnd(ctx context.Context, number int64) (status string, err error) {
	for pause := time.Millisecond; number != 0; pause = min(2*pause, 100*time.Millisecond) {
		err := s.query(ctx, s.db, func(r *row) error { status = r.text(0); return nil }, statusOf, arg{"number", number})
		if err != nil || status != "in progress" {
			return status, err
		}
		if err := clock.Sleep(ctx, clock.Wall(), pause); err != nil {
			return "", err
		}
	}
	return "", nil
}
