package bunstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

// What a run writes most, outcomes and claims, goes to a database that allows it in one statement.
// Its parts see one snapshot, in no order, which is the same only if no op occurs twice. The ids are
// in it twice because Postgres, as long as it has no statistics, would look through all of the
// namespace for each join.
const (
	togetherLease = `lease AS MATERIALIZED (
		SELECT 1 FROM ?leases WHERE ns = ?ns AND epoch = ?epoch AND holder = ?holder AND ?same FOR SHARE)`
	togetherOutcomes = `v (v_id, v_token, v_state, v_seq, v_error, v_saved, v_lost) AS (VALUES ?outcomes),
	closed AS (UPDATE ?ops AS o SET ` + closing + `
		FROM v
		WHERE o.ns = ?ns AND o.id IN (?ids) AND o.id = v_id AND o.token = v_token AND ?same
			AND (NOT v_lost OR o.fence < ?epoch AND EXISTS (SELECT 1 FROM lease))
		RETURNING o.id, o.attempt, v_state, v_lost, v_error),
	told AS (UPDATE ?attempts AS a SET finished = ?now, state = v_state, lost = v_lost, error = v_error
		FROM closed WHERE a.ns = ?ns AND a.id IN (?ids) AND a.id = closed.id AND a.number = closed.attempt)`
	togetherClaims = `k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_checksum,
			k_direction, k_host, k_pid, k_revision, k_actor) AS (VALUES ?claims),
	opened AS (INSERT INTO ?ops AS o (ns, id, state, run, delivery, generation, attempt, token, fence, checksum)
		SELECT ?ns, k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, ?epoch, k_checksum FROM k, lease
		WHERE k_attempt = 1 OR k_id IN (SELECT id FROM ?ops WHERE ns = ?ns AND id IN (?kids))
		` + opening + `
		RETURNING id),
	begun AS (INSERT INTO ?attempts (ns, id, number, direction, run, host, pid, revision, actor, token, state, started)
		SELECT ?ns, k_id, k_attempt, k_direction, k_run, k_host, k_pid, k_revision, k_actor, k_token, k_state, ?now
		FROM k JOIN opened ON opened.id = k_id)`
)

// fitsOne reports whether one statement can make these changes. A statement that was sent and not
// answered is made harmless by sending it again, for its tokens are good for one time; so there
// must be nothing in it that is not guarded by a token of its own.
func (c *changes) fitsOne() bool {
	b := c.batch
	n := len(b.Outcomes) + len(b.Claims)
	if !c.store.dialect.together || n == 0 || n > chunkRows/10 || len(b.Saves)+len(b.Headway)+len(b.Marks) > 0 || b.Run != nil {
		return false
	}
	seen, bytes := make(map[string]bool, n), 0
	for i := range b.Outcomes {
		seen[b.Outcomes[i].ID] = true
		bytes += len(b.Outcomes[i].Saved) + len(b.Outcomes[i].Error)
	}
	for i := range b.Claims {
		seen[b.Claims[i].ID] = true
	}
	return len(seen) == n && bytes < chunkBytes
}

// together makes the changes with one statement. If it is in a transaction whose number is not 0, and
// which is not that of the statement, it does nothing and fails with ErrTxBroken.
func (c *changes) together(ctx context.Context, number int64) error {
	b := c.batch
	o := c.store.often(len(b.Outcomes) < 2 && len(b.Claims) < 2)
	v := map[string]any{}
	if number != 0 {
		v["number"] = o.put(number)
	}
	v["epoch"] = o.put(c.lease.Epoch)
	if c.needsLease() {
		v["holder"] = o.put(c.lease.Holder.String())
	}
	v["outcomes"] = valuesOf(o, b.Outcomes, outcomeColumns)
	v["ids"] = idsOf(o, b.Outcomes, outcomeID)
	v["claims"] = valuesOf(o, b.Claims, func(k *store.Claim) []any {
		return append(claimColumns(k), k.Direction.String(), clean(k.Owner.Host), k.Owner.PID, clean(k.Owner.Revision), clean(k.Owner.Actor))
	})
	v["kids"] = idsOf(o, b.Claims, claimID)
	shape := [4]int{len(b.Outcomes), len(b.Claims), int(min(number, 1)), 0}
	if c.needsLease() {
		shape[3] = 1
	}
	text := o.text(shape, func() string { return c.togetherText(v) })
	held := false
	closed, opened := map[string]bool{}, map[string]bool{}
	err := o.scanText(ctx, c.conn, func(r *row) error {
		switch id := r.text(1); r.text(0) {
		case "s":
			held = true
		case "l":
			c.current = true
		case "o":
			closed[id] = true
		case "c":
			opened[id] = true
		}
		return nil
	}, text)
	if err != nil {
		return err
	}
	if !held {
		return store.ErrTxBroken
	}
	c.noteOutcomes(func(o *store.Outcome) bool { return closed[o.ID] })
	c.noteClaims(func(k *store.Claim) bool { return opened[k.ID] })
	return nil
}

// togetherText is the statement with these values in it, or what stands for them.
func (c *changes) togetherText(values map[string]any) string {
	parts, answer := []string{`lease AS (SELECT 1 WHERE FALSE)`}, []string{`SELECT 's', ?brief WHERE ?same`}
	if c.needsLease() {
		parts[0] = togetherLease
		answer = append(answer, `SELECT 'l', '' FROM lease`)
	}
	if len(c.batch.Outcomes) > 0 {
		parts = append(parts, togetherOutcomes)
		answer = append(answer, `SELECT 'o', id FROM closed`)
	}
	if len(c.batch.Claims) > 0 {
		parts = append(parts, togetherClaims)
		answer = append(answer, `SELECT 'c', id FROM opened`)
	}
	same, limit := "TRUE", "''"
	if number, inTx := values["number"]; inTx { // the transaction is the store's own from here on
		same, limit = c.store.sql(c.store.dialect.same, number), c.store.sql(brief)
	}
	gen := c.store.gen.WithNamedArg("same", bun.Safe(same)).WithNamedArg("brief", bun.Safe(limit))
	for name, value := range values {
		gen = gen.WithNamedArg(name, value)
	}
	return gen.FormatQuery(mutate("WITH " + strings.Join(parts, ",\n\t") + "\n" + strings.Join(answer, " UNION ALL ")))
}

const readTogether = `WITH v (v_id, v_token, v_state) AS (VALUES ?) SELECT v_id FROM v
	WHERE EXISTS (SELECT 1 FROM ?attempts AS a WHERE a.ns = ?ns AND a.id = v_id AND a.token = v_token
		AND (v_state = '' OR a.state = v_state AND a.finished IS NOT NULL))`

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

// settleTogether finds out what became of a statement that was not answered. If nothing of it is
// there it may still be on its way: then it is made again, so that it finds its tokens used.
func (s *Store) settleTogether(ctx context.Context, c *changes, again bool) (found bool, err error) {
	tx, err := s.begin(ctx, ctx)
	if err != nil {
		return false, err
	}
	defer tx.end()
	if err := s.exec(ctx, tx, s.dialect.settle[0]); err != nil { // it holds the lease, if it has begun
		return false, err
	}
	in := map[string]bool{}
	err = s.scan(ctx, tx, func(r *row) error { in[r.text(0)] = true; return nil }, readTogether, c.evidence())
	if err != nil {
		return false, err
	}
	c.conn = tx
	switch {
	case len(in) > 0:
	case !again:
		return false, nil
	default:
		if err := c.together(ctx, 0); err != nil {
			return false, err
		}
		return true, tx.commit(ctx, c)
	}
	if c.needsLease() {
		if c.current, err = s.current(ctx, tx, c.lease, false); err != nil {
			return false, err
		}
	}
	c.noteOutcomes(func(o *store.Outcome) bool { return in[o.ID] })
	c.noteClaims(func(k *store.Claim) bool { return in[k.ID] })
	return true, nil
}

// evidence is what the attempts of the batch look like when it was written.
func (c *changes) evidence() bun.Safe {
	o := &often{store: c.store}
	left := valuesOf(o, c.batch.Outcomes, func(o *store.Outcome) []any { return []any{o.ID, o.Token.String(), o.State.String()} })
	right := valuesOf(o, c.batch.Claims, func(k *store.Claim) []any { return []any{k.ID, k.Token.String(), ""} })
	if left == "" || right == "" {
		return left + right
	}
	return left + "," + right
}

// refusal reports whether an error is the database's word that it has not done the statement.
func refusal(err error) bool {
	if errors.Is(err, store.ErrTxBroken) {
		return true
	}
	state := sqlState(err)
	return state != "" && !strings.HasPrefix(state, "08") && !strings.HasPrefix(state, "57P") && state != "40003"
}
