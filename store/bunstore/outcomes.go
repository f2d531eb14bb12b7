package bunstore

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

// closing is what an outcome makes of its op.
const closing = `state = v_state, token = NULL, error = v_error,
		seq = CASE WHEN v_seq = 0 THEN o.seq ELSE v_seq END,
		saved = coalesce(CAST(v_saved AS ?blob), o.saved),
		crashes = CASE WHEN v_lost THEN o.crashes + 1 ELSE 0 END`

const closeOps = `WITH v (v_id, v_token, v_state, v_seq, v_error, v_saved, v_lost) AS (VALUES ?)
	UPDATE ?ops AS o SET ` + closing + `
	FROM v
	WHERE o.ns = ?ns AND o.id = v_id AND o.token = v_token AND (NOT v_lost OR o.fence < ?)
	RETURNING id, attempt`

const closeAttempts = `WITH v (v_id, v_number, v_state, v_lost, v_error) AS (VALUES ?)
	UPDATE ?attempts AS a SET finished = ?now, state = v_state, lost = v_lost, error = v_error
	FROM v
	WHERE a.ns = ?ns AND a.id = v_id AND a.number = v_number`

// outcomes closes attempts. Whoever has the token may, the others need the lease.
func (c *changes) outcomes(ctx context.Context) error {
	closed := map[string]int64{} // attempt by ID
	may := c.batch.Outcomes
	if !c.current {
		may = slices.DeleteFunc(slices.Clone(may), func(o store.Outcome) bool { return o.Lost })
	}
	err := inChunks(c, may, outcomeColumns, func(o *often, chunk []store.Outcome, values bun.Safe) error {
		err := o.scan(ctx, c.conn, func(r *row) error {
			closed[r.text(0)] = r.number(1)
			return nil
		}, closeOps, values, o.put(c.lease.Epoch))
		if err != nil {
			return err
		}
		chunk = slices.DeleteFunc(slices.Clone(chunk), func(o store.Outcome) bool { return closed[o.ID] == 0 })
		return inChunks(c, chunk, func(o *store.Outcome) []any {
			return []any{o.ID, closed[o.ID], o.State.String(), o.Lost, clean(o.Error)}
		}, func(o *often, _ []store.Outcome, values bun.Safe) error {
			return o.exec(ctx, c.conn, closeAttempts, values)
		})
	})
	c.noteOutcomes(func(o *store.Outcome) bool { return closed[o.ID] != 0 && (!o.Lost || c.current) })
	return err
}

func outcomeColumns(o *store.Outcome) []any {
	return []any{o.ID, o.Token.String(), o.State.String(), o.Seq, clean(o.Error), o.Saved, o.Lost}
}

// noteOutcomes notes which attempts were closed, and by what that can be proven.
func (c *changes) noteOutcomes(closed func(*store.Outcome) bool) {
	refuse(c, c.batch.Outcomes, outcomeID, func(o *store.Outcome) bool {
		if !closed(o) {
			return false
		}
		c.proof = proof{
			op:    o.ID,
			query: `SELECT 1 FROM ?attempts WHERE ns = ?ns AND id = ? AND token = ? AND state = ? AND finished IS NOT NULL`,
			args:  []any{o.ID, o.Token.String(), o.State.String()},
		}
		return true
	})
}

const saveOps = `WITH v (v_id, v_token, v_saved) AS (VALUES ?)
	UPDATE ?ops AS o SET saved = CAST(v_saved AS ?blob)
	FROM v
	WHERE o.ns = ?ns AND o.id = v_id AND o.token = v_token
	RETURNING token`

const headwayOps = `WITH v (v_id, v_token, v_done, v_total) AS (VALUES ?)
	UPDATE ?ops AS o SET done = v_done, total = v_total
	FROM v
	WHERE o.ns = ?ns AND o.id = v_id AND o.token = v_token
	RETURNING token`

func (c *changes) headway(ctx context.Context) error {
	told := map[string]bool{} // by token
	err := inChunks(c, c.batch.Headway, func(p *store.Headway) []any {
		return []any{p.ID, p.Token.String(), p.Done, p.Total}
	}, func(o *often, _ []store.Headway, values bun.Safe) error {
		return o.scan(ctx, c.conn, func(r *row) error {
			told[r.text(0)] = true
			return nil
		}, headwayOps, values)
	})
	refuse(c, c.batch.Headway, headwayID, func(p *store.Headway) bool { return told[p.Token.String()] })
	return err
}

func (c *changes) saves(ctx context.Context) error {
	saved := map[string]bool{} // by token
	err := inChunks(c, c.batch.Saves, func(s *store.Snapshot) []any {
		return []any{s.ID, s.Token.String(), s.Data}
	}, func(o *often, _ []store.Snapshot, values bun.Safe) error {
		return o.scan(ctx, c.conn, func(r *row) error {
			saved[r.text(0)] = true
			return nil
		}, saveOps, values)
	})
	refuse(c, c.batch.Saves, func(s *store.Snapshot) string { return s.ID }, func(s *store.Snapshot) bool {
		if !saved[s.Token.String()] {
			return false
		}
		if c.proof.query == "" {
			c.proof = proof{
				op:    s.ID,
				query: `SELECT 1 FROM ?ops WHERE ns = ?ns AND id = ? AND token = ? AND saved = CAST(? AS ?blob)`,
				args:  []any{s.ID, s.Token.String(), s.Data},
			}
		}
		return true
	})
	return err
}
