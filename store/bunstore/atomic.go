package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/internal/dbsession"
	"github.com/sequencer-go/seq/internal/opctx"
	"github.com/sequencer-go/seq/internal/pipeline"
	"github.com/sequencer-go/seq/store"
)

// Atomic implements [store.Store]. On Postgres the server ends the transaction if fn lets it idle
// for a minute, so that a process that was cut off does not keep it for hours; a fn that needs
// longer between two statements sets idle_in_transaction_session_timeout itself, with SET LOCAL.
//
// On SQLite a store has one writer at a time: other writes of this store wait until fn has
// returned.
func (s *Store) Atomic(ctx context.Context, lease store.Lease, claim store.Claim, fn func(context.Context) (store.Batch, error)) (refused []string, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.atomics.Add(1)
	defer s.atomics.Add(-1)
	s.preparing.learn(ctx, s)
	if err := s.turn.take(ctx); err != nil {
		return nil, fmt.Errorf("begin the op's transaction: %w", err)
	}
	defer s.turn.pass()
	a := &atomically{store: s, lease: lease, claim: claim, began: clock.Wall().Now()}
	during, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), opctx.TxKey{}, a))
	defer cancel()
	a.during = during
	if err := s.again(ctx, func() error { return a.begin(ctx) }); err != nil {
		if s.absent(ctx, err) {
			err = store.ErrFenced
		}
		return nil, s.explain(ctx, "begin the op's transaction", err)
	}
	defer func() { a.tx.end() }() // it may not be the first, see Restart
	batch, err := a.call(ctx, fn)
	// From here on the end of ctx stops nothing, so something else must.
	defer clock.Wall().AfterFunc(finishTimeout, cancel)()
	if err != nil {
		return nil, a.undo(during, err)
	}
	var dropped []string
	if a.isolated {
		dropped = dropClaims(&batch)
	}
	c, err := a.finish(during, &batch)
	if err != nil {
		a.tx.end()
		return nil, s.explain(during, "record the op in its transaction", err)
	}
	a.clean = !a.dirty && (a.own == nil || a.own.state.After(during, a.own.conn))
	return append(c.refused, dropped...), c.verdict()
}

// finishTimeout bounds what comes after fn.
const finishTimeout = 30 * time.Second

// atomically is one call of Atomic.
type atomically struct {
	store *Store
	lease store.Lease
	claim store.Claim
	tx    *transaction
	// current says that the lease was when the transaction took the only write lock there is,
	// and so that it will be until the end. Never true on a database with more writers.
	current bool
	// number is that of the transaction; on a database that does not number them, how many the attempt
	// has begun and committed, with this one.
	number int64
	asked  store.Control // of the op, if the claim is Steered
	began  time.Time     // when the lease had still
	left   time.Duration // to go, if it is current
	during context.Context

	// Of a migration, which runs in a session that is not the application's.
	own      *session // nil: it is the pool's
	wasReset bool     // the transaction has the session's settings again
	dirty    bool     // the script has left something that the transaction could not take back
	clean    bool     // the session can be used again
	isolated bool     // the op has chosen the transaction's isolation
}

// begin begins the transaction, locks the op and sets the savepoint that tells whether the
// transaction is still the same when fn has returned.
func (a *atomically) begin(ctx context.Context) (err error) {
	conn, giveUp, err := a.connect(ctx)
	if err != nil {
		return err
	}
	// The guard is the first query, so BEGIN may go with it.
	if a.tx, err = a.store.beginOn(pipeline.WithBegin(a.during), conn, giveUp); err != nil {
		return err
	}
	if err = a.guard(ctx); err != nil {
		a.tx.end()
	}
	return err
}

// connect is the connection for the transaction, and what gives it up.
func (a *atomically) connect(ctx context.Context) (conn bun.Conn, giveUp func(), err error) {
	if !a.claim.Migration {
		conn, err = a.store.db.Conn(ctx)
		return conn, func() { _ = conn.Close() }, err
	}
	own, err := a.store.checkout(ctx)
	if err != nil {
		return conn, nil, err
	}
	a.own = own
	return own.conn, func() { a.store.checkin(a.during, own, a.clean) }, nil
}

// guard locks the op in a transaction that has just begun.
func (a *atomically) guard(ctx context.Context) (err error) {
	s, open := a.store, false
	guard := s.dialect.guard
	switch {
	case a.claim.Steered:
		guard = s.dialect.guardSteered
	case a.own != nil && a.own.used && s.dialect.guardUsed != nil:
		guard = s.dialect.guardUsed
	}
	args := []arg{{"id", a.claim.ID}, {"token", a.claim.Token.String()}}
	if s.dialect.oneWriter {
		args = append(args, leaseArgs(a.lease)...)
	}
	err = s.query(ctx, a.tx, func(r *row) (err error) {
		open, a.number = true, r.number(0)
		if s.dialect.oneWriter {
			a.current, a.left = r.values[1] != nil, msOf(r, 1)
		}
		if a.claim.Steered {
			a.asked, err = s.controlOf(r, a.claim.ID, 2)
		}
		return err
	}, guard, args...)
	if err != nil {
		return err
	}
	if !open || a.claim.Token.IsZero() {
		return store.ErrFenced
	}
	if !s.dialect.oneWriter {
		return nil
	}
	return a.savepoint(ctx, "SAVEPOINT ")
}

// savepoint makes a statement about the savepoint that tells whether the transaction is still the same,
// on a database that does not number them.
func (a *atomically) savepoint(ctx context.Context, doing string) error {
	_, err := a.tx.ExecContext(ctx, "?", bun.Safe(doing+"seq_"+a.claim.Token.String()[:8]))
	return err
}

// call calls fn.
func (a *atomically) call(ctx context.Context, fn func(context.Context) (store.Batch, error)) (store.Batch, error) {
	if a.current {
		defer a.store.turn.hold(a.lease)()
	}
	ctx = context.WithValue(ctx, opctx.TxKey{}, a)
	if a.own != nil {
		ctx = dbsession.With(ctx, a)
	}
	if a.claim.Steered {
		ctx = store.WithControl(ctx, a.asked)
	}
	return fn(ctx)
}

// finish records the batch and commits.
func (a *atomically) finish(ctx context.Context, batch *store.Batch) (*changes, error) {
	c := &changes{store: a.store, conn: a.tx, lease: a.lease, batch: batch}
	if !a.store.dialect.oneWriter {
		c.number = a.number
	}
	if a.own != nil && !a.wasReset {
		if err := a.reset(ctx); err != nil {
			return nil, broken(err)
		}
	}
	if a.closesOnly(batch) && c.fitsOne() {
		return c, a.recordAndCommit(ctx, c)
	}
	if err := a.record(ctx, c); err != nil {
		return nil, broken(err)
	}
	if err := a.renew(ctx); err != nil {
		return nil, err
	}
	return c, a.tx.commit(ctx, c)
}

// broken says what the first error of a transaction means that fn has returned from.
func broken(err error) error {
	switch {
	case txEnded(err):
		return fmt.Errorf("%w: %w", store.ErrTxBroken, err)
	case sqlState(err) == "25P02":
		return fmt.Errorf("the op went on after an error of its transaction, which was undone: %w", err)
	default:
		return err
	}
}

// record applies the batch if the transaction is still the one that begin began.
func (a *atomically) record(ctx context.Context, c *changes) error {
	if a.claim.Steered && c.isCheckpoint(&a.claim) {
		return a.checkpoint(ctx, c)
	}
	if err := a.same(ctx, "RELEASE SAVEPOINT "); err != nil {
		return err
	}
	if ids := c.ids(); a.store.dialect.oneWriter || !a.claim.Steered && len(ids) == 1 && ids[0] == a.claim.ID {
		c.locked = true // by guard
	}
	c.current = a.current
	if err := c.apply(ctx); err != nil {
		return err
	}
	if a.claim.Steered && len(c.refused) > 0 { // the attempt was closed while the batch was running
		return store.ErrFenced
	}
	// What leaves the attempt open may save what was saved before, which proves nothing.
	if b := c.batch; a.store.dialect.oneWriter && len(b.Outcomes)+len(b.Claims)+len(b.Marks) == 0 && b.Run == nil {
		c.proof = a.part()
	}
	return nil
}

// part is the proof that a transaction which leaves the attempt open was committed.
func (a *atomically) part() proof {
	return proof{statement: hasPart, args: []arg{{"id", a.claim.ID}, {"token", a.claim.Token.String()}, {"tx", a.number}}, of: a.claim}
}

// isCheckpoint reports whether a batch is a save and a progress of one attempt, and nothing else.
func (c *changes) isCheckpoint(claim *store.Claim) bool {
	b := c.batch
	return len(b.Saves) == 1 && len(b.Headway) == 1 && len(b.Outcomes)+len(b.Marks)+len(b.Claims) == 0 && b.Run == nil &&
		b.Saves[0].ID == claim.ID && b.Saves[0].Token == claim.Token && b.Headway[0].ID == claim.ID && b.Headway[0].Token == claim.Token
}

// checkpoint keeps the point that a batch came to, if the attempt is still open.
func (a *atomically) checkpoint(ctx context.Context, c *changes) error {
	s := a.store
	if s.dialect.oneWriter {
		if err := a.savepoint(ctx, "RELEASE SAVEPOINT "); err != nil {
			return err
		}
		c.proof = a.part()
	}
	data, at := c.batch.Saves[0].Data, c.batch.Headway[0]
	if data == nil {
		data = []byte{}
	}
	kept, err := s.matches(ctx, a.tx, keepCheckpoint, arg{"id", a.claim.ID}, arg{"token", a.claim.Token.String()}, arg{"number", a.number},
		arg{"saved", data}, arg{"done", at.Done}, arg{"total", at.Total})
	if err != nil || kept {
		return err
	}
	if !s.dialect.oneWriter {
		if err := a.same(ctx, ""); err != nil {
			return err
		}
	}
	return store.ErrFenced
}

var sameTransaction = define("same transaction", `SELECT `+brief+` WHERE txid_current() = @number`)

// same fails with an error that is [txEnded] if fn ended the transaction. It asks for the number
// of the transaction, or with a statement about the savepoint. From then on the transaction is the
// store's own, and idles no longer than its others may.
func (a *atomically) same(ctx context.Context, savepoint string) error {
	if a.store.dialect.oneWriter {
		return a.savepoint(ctx, savepoint)
	}
	same, err := a.store.matches(ctx, a.tx, sameTransaction, arg{"number", a.number})
	if err == nil && !same {
		err = sql.ErrTxDone
	}
	return err
}

// undo keeps nothing of what fn did, and says so if fn saw to it that something is kept.
func (a *atomically) undo(ctx context.Context, own error) error {
	err := a.same(ctx, "ROLLBACK TO SAVEPOINT ")
	if sqlState(err) == "25P02" { // this one ends with nothing, but there may have been another
		err = a.gone(ctx)
	}
	if txEnded(err) {
		return errors.Join(own, store.ErrTxBroken)
	}
	if err == nil && a.late() && a.renew(ctx) == nil {
		a.tx.over = true
		_ = a.tx.Commit() // only the renewal: there is no moment at which others could take the lease
	}
	return own
}

// gone undoes the transaction, and fails with an error that is [txEnded] if the one that begin
// began was committed.
func (a *atomically) gone(ctx context.Context) error {
	a.tx.over = true
	if err := a.tx.Rollback(); err != nil {
		return err
	}
	status := ""
	err := a.store.query(ctx, a.tx.conn, func(r *row) error { status = r.text(0); return nil }, statusOf, arg{"number", a.number})
	if err == nil && status == "committed" {
		err = sql.ErrTxDone
	}
	return err
}

// late reports whether a renewal of the lease is due, which was not possible while the transaction held
// the write lock: it is renewed five times in a TTL.
func (a *atomically) late() bool {
	return a.current && a.left-clock.Wall().Now().Sub(a.began) < a.store.ttl*8/10
}

// renew makes up for the renewals that were not possible while the transaction held the write
// lock, if it held it for long: a write less is a page less to write. If the lease is not current, that
// is the caller's to find out.
func (a *atomically) renew(ctx context.Context) error {
	if !a.late() {
		return nil
	}
	return a.store.exec(ctx, a.tx, renewLease, leaseArgs(a.lease)...)
}
