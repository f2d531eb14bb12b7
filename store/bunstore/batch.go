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

	locked  bool  // the rows are locked, or the transaction has locked out all other writers
	current bool  // the lease is, and stays so until the commit
	number  int64 // of the transaction; 0 if it is not known, or the database numbers none
	refused []string
	proof   proof // that the transaction was committed
}

// apply makes the changes, in the order that the contract fixes. All transactions lock the rows of ops
// first, in the order of their IDs, and then the lease: so nobody waits for an op and keeps a lease
// from its owner meanwhile, and no two wait for each other.
func (c *changes) apply(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.lock, c.lead, c.outcomes, c.saves, c.headway, c.marks, c.claims, c.run} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lock locks the rows of all ops of the batch, where others may write at the same time.
func (c *changes) lock(ctx context.Context) error {
	if c.locked || c.store.dialect.lockOps == nil {
		return nil
	}
	ids := c.ids()
	if len(ids) == 0 {
		return nil
	}
	for chunk := range slices.Chunk(ids, chunkRows) {
		err := c.store.query(ctx, c.conn, func(r *row) error {
			c.number = r.number(0)
			return nil
		}, c.store.dialect.lockOps, arg{"ids", list(chunk)})
		if err != nil {
			return err
		}
	}
	return nil
}

// ids are those of the ops that the batch is about, in order, each once.
func (c *changes) ids() []string {
	b := c.batch
	ids := make([]string, 0, len(b.Outcomes)+len(b.Saves)+len(b.Headway)+len(b.Marks)+len(b.Claims))
	for i := range b.Outcomes {
		ids = append(ids, b.Outcomes[i].ID)
	}
	for i := range b.Saves {
		ids = append(ids, b.Saves[i].ID)
	}
	for i := range b.Headway {
		ids = append(ids, b.Headway[i].ID)
	}
	for i := range b.Marks {
		ids = append(ids, b.Marks[i].ID)
	}
	for i := range b.Claims {
		ids = append(ids, b.Claims[i].ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// lead finds out whether the lease is current, where that matters.
func (c *changes) lead(ctx context.Context) (err error) {
	if c.needsLease() && !c.current {
		c.current, err = c.store.matches(ctx, c.conn, c.store.dialect.authority, leaseArgs(c.lease)...)
	}
	return err
}

// leaseArgs are the values that a lease is shown by.
func leaseArgs(lease store.Lease) []arg {
	return []arg{{"name", lease.Name}, {"epoch", lease.Epoch}, {"holder", lease.Holder.String()}}
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
	refuse(c, c.batch.Saves, saveID, nil)
	refuse(c, c.batch.Headway, headwayID, nil)
	refuse(c, c.batch.Marks, markID, nil)
	refuse(c, c.batch.Claims, claimID, nil)
}

// refuse notes which items were not written.
func refuse[T any](c *changes, items []T, id func(*T) string, written func(i int) bool) {
	for i := range items {
		if written == nil || !written(i) {
			c.refused = append(c.refused, id(&items[i]))
		}
	}
}

func outcomeID(o *store.Outcome) string { return o.ID }
func saveID(s *store.Snapshot) string   { return s.ID }
func headwayID(p *store.Headway) string { return p.ID }
func markID(m *store.Mark) string       { return m.ID }
func claimID(c *store.Claim) string     { return c.ID }

// What one statement holds at most: enough to make trips cheap, little enough for any database's limit
// on the length of a statement.
const (
	chunkRows  = 5000
	chunkBytes = 768 << 10
)

// inGroups calls do with the items, as few times as it can without two of one op in a call: a
// statement does to a row what it does once. do answers with the IDs of those that were written.
func inGroups[T any](items []T, id func(*T) string, do func(group []T) (map[string]bool, error)) (written func(i int) bool, err error) {
	did := make([]bool, len(items))
	seen, first := make(map[string]bool, len(items)), 0
	for i := range len(items) + 1 {
		if i < len(items) && !seen[id(&items[i])] {
			seen[id(&items[i])] = true
			continue
		}
		ids, err := do(items[first:i])
		if err != nil {
			return nil, err
		}
		for j := first; j < i; j++ {
			did[j] = ids[id(&items[j])]
		}
		clear(seen)
		if first = i; i < len(items) {
			seen[id(&items[i])] = true
		}
	}
	return func(i int) bool { return did[i] }, nil
}

// writeRows makes a statement for as many items at a time as it may hold. values is what the source v has
// of an item, which is the nth of the statement. The result are the IDs that the statement answers
// with.
func writeRows[T any](ctx context.Context, c *changes, st *statement, columns []column, items []T, may func(*T) bool, values func(n int64, item *T) []any, args ...arg) (map[string]bool, error) {
	ids := map[string]bool{}
	args = append([]arg{{"v", nil}}, args...)
	src, bytes := source{columns: columns}, 0
	for i := range items {
		if may == nil || may(&items[i]) {
			made := values(int64(len(src.rows)+1), &items[i])
			for _, v := range made {
				switch v := v.(type) {
				case string:
					bytes += len(v)
				case []byte:
					bytes += 2 * len(v)
				}
			}
			src.rows = append(src.rows, made)
		}
		if len(src.rows) == 0 || i < len(items)-1 && len(src.rows) < chunkRows && bytes < chunkBytes {
			continue
		}
		args[0].value = src
		err := c.store.query(ctx, c.conn, func(r *row) error { ids[r.text(0)] = true; return nil }, st, args...)
		if err != nil {
			return nil, err
		}
		src.rows, bytes = nil, 0
	}
	return ids, nil
}
