package bunstore

import (
	"context"

	"github.com/sequencer-go/seq/store"
)

var outcomeColumns = []column{{"order", "bigint"}, {"id", "text"}, {"token", "text"}, {"state", "text"}, {"ended", "text"}, {"error", "text"}, {"saved", "bytea"}}

// An outcome is written as a row that is there already, and closes it. So the database looks the row up
// by its key, whatever it believes of the table's size: a join would be planned when the table is small,
// as a look through all of it, and the plan be kept while it grows. A row that is not there is left out
// before, row by row ({eachrow} keeps that from becoming a join); rows are never deleted.
const (
	closing = `INSERT INTO {ops} AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT {ns}, v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS {blob}), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM {ops} AS p WHERE p.ns = {ns} AND p.id = v_id {eachrow})`
	closed = `ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = {now}, ended = excluded.ended, error = excluded.error,
		saved = coalesce(excluded.saved, o.saved),
		seq = CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN o.seq
			WHEN excluded.state IN ('succeeded', 'rolled-back') THEN excluded.seq
			WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END,
		crashes = CASE WHEN excluded.ended = 'lost' THEN o.crashes + 1
			WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END,
		failures = CASE WHEN o.direction = 'by hand' THEN 0
			WHEN o.direction = 'run' AND excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent') THEN o.failures + 1
			ELSE o.failures END,
		permanent = CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END
	WHERE o.token = excluded.token AND o.finished IS NULL`

	openAttempt = `o.ns = {ns} AND o.id = v_id AND o.token = v_token AND o.finished IS NULL`
)

var (
	closeOps = often("close", `WITH @v, {numbered}
	`+closing+`
	`+closed+`
	RETURNING id`)

	// Whoever died may have been of another lease, or of this very epoch, or live on.
	closeLost = define("close lost", `WITH @v, {numbered}
	`+closing+`
	`+closed+` AND o.lease = @name AND {known}
		AND (o.life = '' AND o.fence < @epoch OR o.life <> '' AND NOT EXISTS (
			SELECT 1 FROM {leases} AS l WHERE l.ns = {ns} AND l.name = o.life AND l.holder IS NOT NULL AND l.expires > {now}))
	RETURNING id`)

	saveOps = define("save", `WITH @v
	UPDATE {ops} AS o SET saved = CAST(v_saved AS {blob}),
		crashes = CASE WHEN o.saved IS NOT NULL AND o.saved = CAST(v_saved AS {blob}) THEN o.crashes ELSE 0 END
	FROM v
	WHERE `+openAttempt+`
	RETURNING id`)

	progressOps = define("progress", `WITH @v
	UPDATE {ops} AS o SET done = v_done, total = v_total, best = {greatest}(o.best, v_done), moved = {now},
		crashes = CASE WHEN v_done > o.best THEN 0 ELSE o.crashes END
	FROM v
	WHERE `+openAttempt+`
	RETURNING id`)
)

// A checkpoint is a save and a progress in one statement. Its text says itself whether the attempt is still
// open, and on a database that numbers transactions whether this is still the one that was begun.
var keepCheckpoint = often("checkpoint", `UPDATE {ops} AS o SET saved = CAST(@saved AS {blob}), done = @done, total = @total, best = {greatest}(o.best, @done), moved = {now},
		crashes = CASE WHEN @done <= o.best AND o.saved IS NOT NULL AND o.saved = CAST(@saved AS {blob}) THEN o.crashes ELSE 0 END
	WHERE o.ns = {ns} AND o.id = @id AND o.token = @token AND o.finished IS NULL AND {sametransaction}
	RETURNING id`)

// ended is the word for how an attempt ended, beyond its state.
func ended(o *store.Outcome) string {
	switch {
	case o.Lost:
		return "lost"
	case o.Interrupted:
		return "interrupted"
	case o.Withdrawn:
		return "withdrawn"
	case o.Permanent:
		return "permanent"
	default:
		return ""
	}
}

// outcomeRow is a row of outcomeColumns.
func outcomeRow(n int64, o *store.Outcome) []any {
	return []any{n, o.ID, o.Token.String(), o.State.String(), ended(o), clean(o.Error), bytesOrNil(o.Saved)}
}

// bytesOrNil is NULL if there are no bytes, which is not the same as none of them.
func bytesOrNil(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// outcomes closes attempts. Whoever has the token may, the others need the lease.
func (c *changes) outcomes(ctx context.Context) error {
	if len(c.batch.Outcomes) == 0 {
		return nil
	}
	closed, err := inGroups(c.batch.Outcomes, outcomeID, func(group []store.Outcome) (map[string]bool, error) {
		told := func(o *store.Outcome) bool { return !o.Lost }
		ids, err := writeRows(ctx, c, closeOps, outcomeColumns, group, told, outcomeRow)
		if err != nil || !c.current || !c.hasLost() {
			return ids, err
		}
		lost, err := writeRows(ctx, c, closeLost, outcomeColumns, group, func(o *store.Outcome) bool { return o.Lost }, outcomeRow,
			arg{"name", c.lease.Name}, arg{"epoch", c.lease.Epoch})
		for id := range lost {
			ids[id] = true
		}
		return ids, err
	})
	if err == nil {
		c.noteOutcomes(closed)
	}
	return err
}

// noteOutcomes notes which attempts were closed, and by what that can be proven.
func (c *changes) noteOutcomes(closed func(i int) bool) {
	var last *store.Outcome
	refuse(c, c.batch.Outcomes, outcomeID, func(i int) bool {
		if !closed(i) {
			return false
		}
		last = &c.batch.Outcomes[i]
		return true
	})
	if last != nil {
		c.proof = proof{statement: hasOutcome, args: []arg{{"id", last.ID}, {"token", last.Token.String()}, {"state", last.State.String()}}}
	}
}

// saves keeps what ops saved.
func (c *changes) saves(ctx context.Context) error {
	if len(c.batch.Saves) == 0 {
		return nil
	}
	saved, err := inGroups(c.batch.Saves, saveID, func(group []store.Snapshot) (map[string]bool, error) {
		return writeRows(ctx, c, saveOps, saveColumns, group, nil, func(_ int64, s *store.Snapshot) []any {
			return []any{s.ID, s.Token.String(), append([]byte{}, s.Data...)}
		})
	})
	if err != nil {
		return err
	}
	refuse(c, c.batch.Saves, saveID, func(i int) bool {
		if s := &c.batch.Saves[i]; saved(i) && c.proof.statement == nil {
			args := []arg{{"id", s.ID}, {"token", s.Token.String()}, {"saved", append([]byte{}, s.Data...)}}
			c.proof = proof{statement: hasSave, args: args, of: store.Claim{ID: s.ID, Token: s.Token}}
		}
		return saved(i)
	})
	return nil
}

// headway keeps how far ops have come.
func (c *changes) headway(ctx context.Context) error {
	if len(c.batch.Headway) == 0 {
		return nil
	}
	told, err := inGroups(c.batch.Headway, headwayID, func(group []store.Headway) (map[string]bool, error) {
		return writeRows(ctx, c, progressOps, progressColumns, group, nil, func(_ int64, p *store.Headway) []any {
			return []any{p.ID, p.Token.String(), p.Done, p.Total}
		})
	})
	if err == nil {
		refuse(c, c.batch.Headway, headwayID, told)
	}
	return err
}

var (
	saveColumns     = []column{{"id", "text"}, {"token", "text"}, {"saved", "bytea"}}
	progressColumns = []column{{"id", "text"}, {"token", "text"}, {"done", "bigint"}, {"total", "bigint"}}
)
