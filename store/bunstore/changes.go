package bunstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq/store"
)

// changes is a batch on its way into the ledger, in one transaction.
type changes struct {
	store *Store
	conn  bun.IConn // of the transaction
	lease store.Lease
	batch *store.Batch

	locked  bool     // the transaction has locked out all other writers
	current bool     // the lease is, and stays so until the commit
	refused []string // IDs, in the order of the batch
	proof   proof    // that the transaction was committed
}

// apply makes the changes, in the order that the contract fixes.
func (c *changes) apply(ctx context.Context) (err error) {
	steps := []func(context.Context) error{c.lead, c.outcomes, c.saves, c.headway, c.marks, c.claims, c.run}
	if c.store.dialect.oneWriter && len(c.batch.Outcomes) > 0 && !c.hasLost() {
		steps[0], steps[1] = steps[1], steps[0] // outcomes take the write lock as well
	}
	for i, step := range steps {
		c.locked = c.store.dialect.oneWriter && i > 0
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lead finds out whether the lease is current, where that matters.
func (c *changes) lead(ctx context.Context) (err error) {
	if c.needsLease() && !c.current {
		c.current, err = c.store.current(ctx, c.conn, c.lease, c.locked)
	}
	return err
}

// current reports whether a lease is, and keeps it so until the transaction ends, which needs no more
// than a look if it has locked out all other writers.
func (s *Store) current(ctx context.Context, conn bun.IConn, lease store.Lease, locked bool) (bool, error) {
	query := s.dialect.authority
	if locked {
		query = `SELECT 1 FROM ?leases WHERE ns = ?ns AND epoch = ? AND holder = ?`
	}
	o := s.often(true)
	return o.matches(ctx, conn, query, o.all(lease.Epoch, lease.Holder.String())...)
}

// needsLease reports whether the batch has anything that only the holder of the lease may write.
func (c *changes) needsLease() bool {
	b := c.batch
	return b.Run != nil || len(b.Marks) > 0 || len(b.Claims) > 0 || c.hasLost()
}

// hasLost reports whether the batch closes attempts of the dead.
func (c *changes) hasLost() bool {
	return slices.ContainsFunc(c.batch.Outcomes, func(o store.Outcome) bool { return o.Lost })
}

// verdict is the error of a write that was committed.
func (c *changes) verdict() error {
	if c.needsLease() && !c.current {
		return fmt.Errorf("write the ledger: %w", store.ErrLeaseLost)
	}
	return nil
}

// refuseAll refuses the whole batch.
func (c *changes) refuseAll() {
	refuse(c, c.batch.Outcomes, outcomeID, nil)
	refuse(c, c.batch.Saves, func(s *store.Snapshot) string { return s.ID }, nil)
	refuse(c, c.batch.Headway, headwayID, nil)
	refuse(c, c.batch.Marks, markID, nil)
	refuse(c, c.batch.Claims, claimID, nil)
}

// refuse notes which items were not written.
func refuse[T any](c *changes, items []T, id func(*T) string, written func(*T) bool) {
	for i := range items {
		if written == nil || !written(&items[i]) {
			c.refused = append(c.refused, id(&items[i]))
		}
	}
}

// idsOf puts the IDs of items into a statement, as a list.
func idsOf[T any](o *often, items []T, id func(*T) string) any {
	ids := make([]any, len(items))
	for i := range items {
		ids[i] = o.put(id(&items[i]))
	}
	return bun.List(ids)
}

func outcomeID(o *store.Outcome) string { return o.ID }
func headwayID(p *store.Headway) string { return p.ID }
func markID(m *store.Mark) string       { return m.ID }
func claimID(c *store.Claim) string     { return c.ID }

// The epoch of a run is that of the lease it is written under.
const upsertRun = `INSERT INTO ?runs AS r (ns, id, number, strategy, state, host, pid, revision, actor, epoch, started, finished, reason)
	VALUES (?ns, ?0, (SELECT coalesce(max(number), 0) + 1 FROM ?runs WHERE ns = ?ns),
		?1, ?2, ?3, ?4, ?5, ?6, ?7, ?now, CASE WHEN ?8 THEN ?now END, ?9)
	ON CONFLICT (ns, id) DO UPDATE SET
		strategy = excluded.strategy, state = excluded.state,
		host = excluded.host, pid = excluded.pid, revision = excluded.revision, actor = excluded.actor,
		epoch = excluded.epoch, finished = excluded.finished, reason = excluded.reason`

func (c *changes) run(ctx context.Context) error {
	r := c.batch.Run
	if r == nil || !c.current {
		return nil
	}
	if c.proof.query == "" {
		c.proof = proof{
			query: `SELECT 1 FROM ?runs WHERE ns = ?ns AND id = ? AND state = ? AND epoch = ?`,
			args:  []any{r.ID, r.State.String(), c.lease.Epoch},
		}
	}
	return c.store.exec(ctx, c.conn, upsertRun, r.ID, clean(r.Strategy), r.State.String(),
		clean(r.Owner.Host), r.Owner.PID, clean(r.Owner.Revision), clean(r.Owner.Actor), c.lease.Epoch, r.State.Final(), clean(r.Reason))
}
