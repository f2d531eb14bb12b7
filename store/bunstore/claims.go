package bunstore

import (
	"context"
	"time"

	"github.com/sequencer-go/seq/store"
)

var claimColumns = []column{
	{"id", "text"},
	{"state", "text"},
	{"run", "text"},
	{"delivery", "text"},
	{"generation", "bigint"},
	{"attempt", "bigint"},
	{"token", "text"},
	{"direction", "text"},
	{"owner", "text"},
	{"executable", "text"},
	{"life", "text"},
	{"checksum", "text"},
}

// opening is what a claim makes of an op that is there, if it may.
const (
	opening = `ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, delivery = excluded.delivery, attempt = excluded.attempt,
		token = excluded.token, started = excluded.started, finished = NULL, direction = excluded.direction, ended = '',
		owner = excluded.owner, executable = excluded.executable,
		lease = excluded.lease, fence = excluded.fence, life = excluded.life, checksum = excluded.checksum,
		generation = excluded.generation,
		saved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.saved END,
		done = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.done END,
		total = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.total END,
		best = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.best END,
		moved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.moved END,
		failures = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.failures END,
		crashes = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.crashes END
	WHERE {idle} AND o.attempt = excluded.attempt - 1 AND {known}`
	openingColumns = `ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum`
)

// archiving moves the attempt out of the row of an op.
const archiving = `INSERT INTO {attempts} (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error`

var (
	archiveClaimed = define("archive what a claim supersedes", `WITH @v
	`+archiving+`
	FROM v JOIN {ops} AS o ON o.id = v_id
	WHERE o.ns = {ns} AND o.started IS NOT NULL AND {idle} AND o.attempt = v_attempt - 1 AND {known}
	RETURNING id`)

	claimOps = often("claim", `WITH @v
	INSERT INTO {ops} AS o (`+openingColumns+`)
	SELECT {ns}, v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, {now}, v_direction, v_owner, v_executable,
		@name, @epoch, v_life, v_checksum
	FROM v
	WHERE v_attempt = 1 OR EXISTS (SELECT 1 FROM {ops} AS p WHERE p.ns = {ns} AND p.id = v_id {eachrow})
	`+opening+`
	RETURNING id`)

	archiveMarked = define("archive what a mark supersedes", `WITH @v
	`+archiving+`
	FROM v JOIN {ops} AS o ON o.id = v_id
	WHERE o.ns = {ns} AND o.started IS NOT NULL AND {idle} AND o.attempt = v_attempt AND {known}
	RETURNING id`)

	markOps = define("mark", `WITH @v
	INSERT INTO {ops} AS o (ns, id, delivery, attempt, state, run, not_before, error, seq, checksum)
	SELECT {ns}, v_id, 'repeatable', v_attempt, v_state, v_run, CAST(v_due AS bigint), v_error, v_seq, v_checksum FROM v
	WHERE v_attempt = 0 OR EXISTS (SELECT 1 FROM {ops} AS p WHERE p.ns = {ns} AND p.id = v_id {eachrow})
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, not_before = excluded.not_before, error = excluded.error,
		token = NULL, started = NULL, finished = NULL, ended = '',
		fence = CASE WHEN excluded.seq = 0 THEN o.fence ELSE 0 END,
		seq = CASE WHEN excluded.seq = 0 THEN o.seq ELSE excluded.seq END,
		checksum = CASE WHEN excluded.checksum = '' THEN o.checksum ELSE excluded.checksum END
	WHERE {idle} AND o.attempt = excluded.attempt AND {known}
	RETURNING id`)
)

// claims opens attempts.
func (c *changes) claims(ctx context.Context) error {
	claims := c.batch.Claims
	if len(claims) == 0 {
		return nil
	}
	opened, err := inGroups(claims, claimID, func(group []store.Claim) (map[string]bool, error) {
		if !c.current {
			return nil, nil
		}
		row := func(_ int64, k *store.Claim) []any { return c.claimRow(k) }
		later := func(k *store.Claim) bool { return k.Attempt > 1 }
		if _, err := writeRows(ctx, c, archiveClaimed, claimColumns, group, later, row); err != nil {
			return nil, err
		}
		return writeRows(ctx, c, claimOps, claimColumns, group, nil, row, arg{"name", c.lease.Name}, arg{"epoch", c.lease.Epoch})
	})
	if err == nil {
		c.noteClaims(opened)
	}
	return err
}

// claimRow is a row of claimColumns.
func (c *changes) claimRow(k *store.Claim) []any {
	return []any{
		k.ID, stateOf(k), k.Run, k.Delivery.String(), int64(k.Generation), int64(k.Attempt), k.Token.String(), k.Direction.String(),
		c.store.ownerOf(k.Owner), clean(k.Owner.Binary), clean(k.Life), clean(k.Checksum),
	}
}

// noteClaims notes which claims were opened, and by what that can be proven.
func (c *changes) noteClaims(opened func(i int) bool) {
	var last *store.Claim
	refuse(c, c.batch.Claims, claimID, func(i int) bool {
		if !opened(i) {
			return false
		}
		last = &c.batch.Claims[i]
		c.store.size.Add(1)
		return true
	})
	if last != nil {
		c.proof = proof{statement: hasClaim, args: []arg{{"id", last.ID}, {"token", last.Token.String()}}}
	}
}

// stateOf is what a claim makes of its op.
func stateOf(k *store.Claim) string {
	if k.Direction == store.Rollback {
		return store.RollingBack.String()
	}
	return store.Running.String()
}

var markColumns = []column{
	{"id", "text"}, {"attempt", "bigint"}, {"state", "text"}, {"run", "text"}, {"due", "bigint"}, {"error", "text"}, {"seq", "bigint"}, {"checksum", "text"},
}

func markRow(_ int64, m *store.Mark) []any {
	return []any{m.ID, int64(m.Attempt), m.State.String(), m.Run, due(m.NotBefore), clean(m.Reason), m.Seq, clean(m.Checksum)}
}

// marks sets states that no attempt led to.
func (c *changes) marks(ctx context.Context) error {
	marks := c.batch.Marks
	if len(marks) == 0 {
		return nil
	}
	written, err := inGroups(marks, markID, func(group []store.Mark) (map[string]bool, error) {
		if !c.current {
			return nil, nil
		}
		if _, err := writeRows(ctx, c, archiveMarked, markColumns, group, func(m *store.Mark) bool { return m.Attempt > 0 }, markRow); err != nil {
			return nil, err
		}
		return writeRows(ctx, c, markOps, markColumns, group, nil, markRow)
	})
	if err != nil {
		return err
	}
	refuse(c, marks, markID, func(i int) bool {
		if m := &marks[i]; written(i) && c.proof.statement == nil {
			c.proof = proof{statement: hasMark, args: []arg{{"id", m.ID}, {"attempt", int64(m.Attempt)}, {"state", m.State.String()}, {"run", m.Run}}}
		}
		return written(i)
	})
	return nil
}

// due is a time as it is stored: rounded up, so that nothing is due too early.
func due(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Add(time.Millisecond - 1).UnixMilli()
}
