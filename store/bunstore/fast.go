package bunstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/sequencer-go/seq/store"
)

// What a run writes most, outcomes and claims, goes to Postgres in one statement. Its parts see one
// snapshot and run in an order of their own, so each waits by name for what must come before: first the
// ops of the outcomes are written and those of the claims locked, then the lease is, then the claims are
// made. That is the order of every other transaction. It is the same as one part after the other only
// if no op occurs twice.
//
// In an op's transaction it closes one attempt, and fails unless it did, in the very transaction whose
// number is given. So COMMIT may be sent behind it without waiting for its answer: behind a failure it has
// no effect, or undoes the transaction.
func singleStatement(outcomes, claims, inTx bool) *statement {
	name, parts, answer, before := "single", []string{}, []string{}, "0"
	if inTx { // from here on the transaction is the store's own
		name += " in the op's transaction"
		answer = append(answer, `SELECT 's', `+brief+` || CAST(CASE WHEN txid_current() <> @number THEN '`+anotherTransaction+`'
	WHEN (SELECT count(*) FROM closed) <> 1 THEN '`+notRecorded+`' ELSE '0' END AS bigint)`)
	}
	if outcomes {
		name += ", outcomes"
		parts = append(parts, `@v`, `{numbered}`, `closed AS (
	`+closing+`
	`+closed+`
	RETURNING id)`)
		answer = append(answer, `SELECT 'o', id FROM closed`)
		before = `(SELECT count(*) FROM closed)`
	}
	if claims {
		name += ", claims"
		parts = append(parts, `@k`, `there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM {ops} AS p WHERE p.ns = {ns} AND p.id = k_id FOR UPDATE) AS o)`, `lease AS MATERIALIZED (
	SELECT 1 FROM {leases} WHERE ns = {ns} AND name = @name AND epoch = @epoch AND holder = @holder
		AND (SELECT count(*) FROM there) + `+before+` >= 0
	FOR KEY SHARE)`, `archived AS (
	`+archiving+`
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND {idle} AND o.attempt = o.k_attempt - 1 AND {known})`, `opened AS (
	INSERT INTO {ops} AS o (`+openingColumns+`)
	SELECT {ns}, k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, {now}, k_direction, k_owner, k_executable,
		@name, @epoch, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
	`+opening+`
	RETURNING id)`)
		answer = append(answer, `SELECT 'l', '' FROM lease`, `SELECT 'c', id FROM opened`)
	}
	return often(name, "WITH "+strings.Join(parts, ", ")+"\n"+strings.Join(answer, " UNION ALL "))
}

// What the statement in an op's transaction fails with, in place of a number (SQLSTATE 22P02).
const (
	anotherTransaction = "seq: the transaction of the op was ended"
	notRecorded        = "seq: the attempt of the op is not open"
)

// single are the statements by what is in them.
var single = func() (all [2][2][2]*statement) {
	for i := range 8 {
		outcomes, claims, inTx := i&1 > 0, i&2 > 0, i&4 > 0
		if outcomes || claims && !inTx { // in an op's transaction there is an outcome
			all[i&1][i>>1&1][i>>2&1] = singleStatement(outcomes, claims, inTx)
		}
	}
	return all
}()

// fitsOne reports whether one statement can make these changes. A statement that was sent and not
// answered is made harmless by sending it again, for its tokens are good for one time; so there
// must be nothing in it that is not guarded by a token of its own.
func (c *changes) fitsOne() bool {
	b := c.batch
	n := len(b.Outcomes) + len(b.Claims)
	if c.store.dialect.oneWriter || n == 0 || n > chunkRows/10 || len(b.Saves)+len(b.Headway)+len(b.Marks) > 0 || b.Run != nil || c.hasLost() {
		return false
	}
	bytes := 0
	for i := range b.Outcomes {
		bytes += len(b.Outcomes[i].Saved) + len(b.Outcomes[i].Error)
	}
	return bytes < chunkBytes && (n == 1 || len(c.ids()) == n)
}

// together makes the changes with one statement. If number is not 0, it is that of an op's transaction, and
// the statement fails unless it is made in it and closes the one attempt of the batch.
func (c *changes) together(ctx context.Context, number int64) error {
	b := c.batch
	args := make([]arg, 0, 6)
	var has [3]int
	if len(b.Outcomes) > 0 {
		has[0] = 1
		src := source{columns: outcomeColumns, rows: make([][]any, len(b.Outcomes))}
		for i := range b.Outcomes {
			src.rows[i] = outcomeRow(int64(i+1), &b.Outcomes[i])
		}
		args = append(args, arg{"v", src})
	}
	if len(b.Claims) > 0 {
		has[1] = 1
		src := source{columns: claimColumns, rows: make([][]any, len(b.Claims))}
		for i := range b.Claims {
			src.rows[i] = c.claimRow(&b.Claims[i])
		}
		args = append(append(args, arg{"k", src}), leaseArgs(c.lease)...)
	}
	if number != 0 {
		has[2] = 1
		args = append(args, arg{"number", number})
	}
	closed, opened := map[string]bool{}, map[string]bool{}
	err := c.store.query(ctx, c.conn, func(r *row) error {
		switch id := r.text(1); r.text(0) {
		case "l":
			c.current = true
		case "o":
			closed[id] = true
		case "c":
			opened[id] = true
		}
		return nil
	}, single[has[0]][has[1]][has[2]], args...)
	if err != nil {
		return unrecorded(err)
	}
	c.note(closed, opened)
	return nil
}

// unrecorded finds out what the statement in an op's transaction says with its error.
func unrecorded(err error) error {
	switch {
	case sqlState(err) != "22P02":
		return err
	case strings.Contains(err.Error(), anotherTransaction):
		return fmt.Errorf("%w: %w", store.ErrTxBroken, err)
	case strings.Contains(err.Error(), notRecorded):
		return fmt.Errorf("%w: %w", store.ErrFenced, err)
	default:
		return err
	}
}

// note notes what was written, by ID.
func (c *changes) note(closed, opened map[string]bool) {
	c.noteOutcomes(func(i int) bool { return closed[c.batch.Outcomes[i].ID] })
	c.noteClaims(func(i int) bool { return opened[c.batch.Claims[i].ID] })
}

// writeTogether is Write with one statement and no more.
func (s *Store) writeTogether(ctx context.Context, c *changes) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	c.conn = conn
	err = c.together(ctx, 0)
	_ = conn.Close()
	if err == nil || refusal(err) {
		return err
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	found, serr := s.settleTogether(settle, c, ctx.Err() == nil)
	switch {
	case serr != nil && errors.Is(err, driver.ErrBadConn): // the driver's word that nothing was sent
		return err
	case serr != nil:
		return fmt.Errorf("%w: %w (%w)", store.ErrUnknownOutcome, err, serr)
	case !found:
		return fmt.Errorf("%w: %w", store.ErrUnknownOutcome, err)
	}
	return nil
}

// settleTogether finds out what became of a statement that was not answered. It waits for it, if it
// has begun, at the rows that it has locked: the ops', and then the lease's. If nothing of it is there
// it may still be on its way: then it is made again, so that it finds its tokens used.
func (s *Store) settleTogether(ctx context.Context, c *changes, again bool) (found bool, err error) {
	tx, err := s.begin(ctx, ctx)
	if err != nil {
		return false, err
	}
	defer tx.end()
	c.conn = tx
	if err := c.lock(ctx); err != nil {
		return false, err
	}
	if c.needsLease() {
		if err := s.exec(ctx, tx, lockLease, arg{"name", c.lease.Name}); err != nil {
			return false, err
		}
	}
	closed, opened, err := c.left(ctx)
	found = len(closed)+len(opened) > 0
	switch {
	case err != nil:
		return false, err
	case !found && !again:
		return false, nil
	case !found:
		if err := c.together(ctx, 0); err != nil {
			return false, err
		}
		return true, tx.commit(ctx, c)
	}
	if err := c.lead(ctx); err != nil {
		return false, err
	}
	c.note(closed, opened)
	return true, nil
}

// left finds what a statement has left, by its tokens.
func (c *changes) left(ctx context.Context) (closed, opened map[string]bool, err error) {
	closed, opened = map[string]bool{}, map[string]bool{}
	for i := range c.batch.Outcomes {
		o := &c.batch.Outcomes[i]
		switch there, err := c.store.matches(ctx, c.conn, hasOutcome, arg{"id", o.ID}, arg{"token", o.Token.String()}, arg{"state", o.State.String()}); {
		case err != nil:
			return nil, nil, err
		case there:
			closed[o.ID] = true
		}
	}
	for i := range c.batch.Claims {
		k := &c.batch.Claims[i]
		switch there, err := c.store.matches(ctx, c.conn, hasClaim, arg{"id", k.ID}, arg{"token", k.Token.String()}); {
		case err != nil:
			return nil, nil, err
		case there:
			opened[k.ID] = true
		}
	}
	return closed, opened, nil
}

var lockLease = define("lock lease", `SELECT 1 FROM {leases} WHERE ns = {ns} AND name = @name FOR UPDATE`)

// refusal reports whether an error is the database's word that it has not done the statement.
func refusal(err error) bool {
	if errors.Is(err, store.ErrTxBroken) {
		return true
	}
	state := sqlState(err)
	return state != "" && !strings.HasPrefix(state, "08") && !strings.HasPrefix(state, "57P") && state != "40003"
}
