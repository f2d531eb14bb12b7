package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

// opening is what a claim makes of an op that is there, if it may.
const opening = `ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, delivery = excluded.delivery,
		generation = excluded.generation, attempt = excluded.attempt,
		token = excluded.token, fence = excluded.fence, checksum = excluded.checksum, done = 0, total = 0,
		seq = CASE WHEN excluded.state = ?running THEN 0 ELSE o.seq END
	WHERE o.token IS NULL AND o.attempt = excluded.attempt - 1`

const claimOps = `WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_checksum) AS (VALUES ?)
	INSERT INTO ?ops AS o (ns, id, state, run, delivery, generation, attempt, token, fence, checksum)
	SELECT ?ns, v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, ?, v_checksum FROM v
	WHERE v_attempt = 1 OR EXISTS (SELECT 1 FROM ?ops WHERE ns = ?ns AND id = v_id)
	` + opening + `
	RETURNING token`

const openAttempts = `WITH v (v_id, v_number, v_direction, v_run, v_host, v_pid, v_revision, v_actor, v_token, v_state) AS (VALUES ?)
	INSERT INTO ?attempts (ns, id, number, direction, run, host, pid, revision, actor, token, state, started)
	SELECT ?ns, v_id, v_number, v_direction, v_run, v_host, v_pid, v_revision, v_actor, v_token, v_state, ?now FROM v`

// claims opens attempts.
func (c *changes) claims(ctx context.Context) error {
	opened := map[string]bool{} // by token
	may := c.batch.Claims
	if !c.current {
		may = nil
	}
	err := inChunks(c, may, claimColumns, func(o *often, chunk []store.Claim, values bun.Safe) error {
		err := o.scan(ctx, c.conn, func(r *row) error {
			opened[r.text(0)] = true
			return nil
		}, claimOps, values, o.put(c.lease.Epoch))
		if err != nil {
			return err
		}
		var won []store.Claim
		for i := range chunk {
			if opened[chunk[i].Token.String()] {
				won = append(won, chunk[i])
			}
		}
		return inChunks(c, won, func(k *store.Claim) []any {
			return []any{
				k.ID, k.Attempt, k.Direction.String(), k.Run, clean(k.Owner.Host), k.Owner.PID, clean(k.Owner.Revision), clean(k.Owner.Actor),
				k.Token.String(), stateOf(k),
			}
		}, func(o *often, _ []store.Claim, values bun.Safe) error {
			return o.exec(ctx, c.conn, openAttempts, values)
		})
	})
	c.noteClaims(func(k *store.Claim) bool { return opened[k.Token.String()] })
	return err
}

func claimColumns(k *store.Claim) []any {
	return []any{k.ID, stateOf(k), k.Run, k.Delivery.String(), k.Generation, k.Attempt, k.Token.String(), clean(k.Checksum)}
}

// noteClaims notes which claims were opened, and by what that can be proven.
func (c *changes) noteClaims(opened func(*store.Claim) bool) {
	refuse(c, c.batch.Claims, claimID, func(k *store.Claim) bool {
		if !opened(k) {
			return false
		}
		c.proof = proof{
			op:    k.ID,
			query: `SELECT 1 FROM ?attempts WHERE ns = ?ns AND id = ? AND token = ?`,
			args:  []any{k.ID, k.Token.String()},
		}
		return true
	})
}

// stateOf is what a claim makes of its op.
func stateOf(k *store.Claim) string {
	if k.Direction == store.Rollback {
		return store.RollingBack.String()
	}
	return store.Running.String()
}

const markOps = `WITH v (v_id, v_attempt, v_state, v_run, v_not_before, v_error, v_seq, v_checksum) AS (VALUES ?)
	INSERT INTO ?ops AS o (ns, id, delivery, attempt, state, run, not_before, error, seq, checksum)
	SELECT ?ns, v_id, ?, v_attempt, v_state, v_run, CAST(v_not_before AS bigint), v_error, v_seq, v_checksum FROM v
	WHERE v_attempt = 0 OR EXISTS (SELECT 1 FROM ?ops WHERE ns = ?ns AND id = v_id)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, not_before = excluded.not_before, error = excluded.error,
		fence = CASE WHEN excluded.seq = 0 THEN o.fence ELSE 0 END,
		seq = CASE WHEN excluded.seq = 0 THEN o.seq ELSE excluded.seq END,
		checksum = CASE WHEN excluded.checksum = '' THEN o.checksum ELSE excluded.checksum END
	WHERE o.token IS NULL AND o.attempt = excluded.attempt
	RETURNING id`

// marks sets states that no attempt led to.
func (c *changes) marks(ctx context.Context) error {
	marked := map[string]bool{}
	may := c.batch.Marks
	if !c.current {
		may = nil
	}
	err := inChunks(c, may, func(m *store.Mark) []any {
		return []any{m.ID, m.Attempt, m.State.String(), m.Run, due(m.NotBefore), clean(m.Reason), m.Seq, clean(m.Checksum)}
	}, func(o *often, _ []store.Mark, values bun.Safe) error {
		return o.scan(ctx, c.conn, func(r *row) error {
			marked[r.text(0)] = true
			return nil
		}, markOps, values, o.put(store.Repeatable.String()))
	})
	refuse(c, c.batch.Marks, markID, func(m *store.Mark) bool {
		if !marked[m.ID] {
			return false
		}
		if c.proof.query == "" {
			c.proof = proof{
				op:    m.ID,
				query: `SELECT 1 FROM ?ops WHERE ns = ?ns AND id = ? AND attempt = ? AND state = ? AND run = ?`,
				args:  []any{m.ID, m.Attempt, m.State.String(), m.Run},
			}
		}
		return true
	})
	return err
}

// due is a time as it is stored: rounded up, so that nothing is due too early.
func due(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Add(time.Millisecond - 1).UnixMilli()
}
