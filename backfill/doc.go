// Package backfill makes an op of a loop over the rows of a table: in batches, each of which commits its
// writes together with how far the op has come, so that every row is done exactly once, whatever is
// killed, paused or cut off.
//
//	var plans = backfill.Op("2026_11_01_110000_plans", backfill.Job[int64]{
//		From: backfill.Keyset[int64]{Table: "users", Key: "id", Where: "plan IS NULL"},
//		Do: func(ctx context.Context, r backfill.Range[int64]) error {
//			_, err := bunstore.DB(ctx).ExecContext(ctx, `UPDATE users SET plan = 'free' WHERE id BETWEEN ? AND ? AND plan IS NULL`, r.First, r.Last)
//			return err
//		},
//	})
//
// A [Source] cuts the work into ranges: [Keyset], [Dense] or [Func]. A [Job] does each range in the
// transaction of its batch; [Calls] asks somebody else first, outside of any transaction. A [Gate] says
// when to wait. How a batch is sized, how long it rests, what happens to rows that fail, and how many
// parts are worked on side by side are fields of the [Job].
//
// An op lives in the ledger's own database: what a batch writes through bunstore.DB(ctx) is committed with
// the cursor, what it does anywhere else is not.
package backfill
