package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store/bunstore"
)

// batches is how many a backfill has in BenchmarkBackfill.
const batches = 200

// makeRows makes a table of so many rows.
func makeRows(tb testing.TB, db *sql.DB, rows int64) {
	tb.Helper()
	for _, s := range []string{
		`DROP TABLE IF EXISTS rows`,
		`CREATE TABLE rows (id bigint PRIMARY KEY, n bigint NOT NULL)`,
		fmt.Sprintf(`INSERT INTO rows (id, n) WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i, 0 FROM s`, rows),
		`ANALYZE rows`,
	} {
		if _, err := db.ExecContext(tb.Context(), s); err != nil {
			tb.Fatal(err)
		}
	}
}

func incremented(ctx context.Context, r backfill.Range[int64]) error {
	_, err := bunstore.DB(ctx).ExecContext(ctx, `UPDATE rows SET n = n + 1 WHERE id BETWEEN ? AND ?`, r.First, r.Last)
	return err
}

// backfillOp works at full speed, with batches of one size.
func backfillOp(n int, from backfill.Source[int64], size int64) seq.Op {
	op := backfill.Op(seqtest.ID(n, "rows"), backfill.Job[int64]{From: from, Size: size, MinSize: size, MaxSize: size, Duty: 1, Do: incremented})
	op.Background = false
	return op
}

// BenchmarkBackfill is a batch of a backfill, beside a transaction that has nothing but the UPDATE in it.
func BenchmarkBackfill(b *testing.B) {
	for _, name := range []string{"postgres", "sqlite"} {
		p := products[name]
		for _, size := range []int64{100, 1000} {
			rows := batches * size
			address := p.empty(b)
			db := p.open(b, address)
			ledger, err := p.ledger(address)
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for _, by := range []string{"floor", "dense", "keyset"} {
				b.Run(fmt.Sprintf("db=%s/rows=%d/by=%s", name, size, by), func(b *testing.B) {
					perStep(b, batches, func() func() error {
						makeRows(b, db, rows)
						if by == "floor" {
							return func() error { return incrementAll(b.Context(), db, rows, size) }
						}
						n++
						var from backfill.Source[int64] = backfill.Dense{Table: "rows", Key: "id"}
						if by == "keyset" {
							from = backfill.Keyset[int64]{Table: "rows", Key: "id"}
						}
						op := backfillOp(n, from, size)
						return func() error { _, err := seq.New(ledger, op).Run(b.Context()); return err }
					})
					if done, err := count(b.Context(), db, `SELECT count(*) FROM rows WHERE n = 1`); err != nil || int64(done) != rows {
						b.Fatalf("%d rows of %d, %v", done, rows, err)
					}
				})
			}
			_ = ledger.Close()
		}
	}
}

// incrementAll does in plain transactions what incremented does.
func incrementAll(ctx context.Context, db *sql.DB, rows, size int64) error {
	for first := int64(1); first <= rows; first += size {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`UPDATE rows SET n = n + 1 WHERE id BETWEEN %d AND %d`, first, first+size-1)); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkDeployBesideBackfill is a Run with one new migration while a backfill works at full speed, as its
// Job is by default, and the same alone.
func BenchmarkDeployBesideBackfill(b *testing.B) {
	for _, name := range []string{"postgres", "sqlite"} {
		for _, by := range []string{"alone", "beside"} {
			b.Run(fmt.Sprintf("db=%s/by=%s", name, by), func(b *testing.B) {
				p := products[name]
				address := p.empty(b)
				makeRows(b, p.open(b, address), 100_000)
				var worker seq.Op
				if by == "beside" {
					worker = besides(b, p, address)
				}
				deploys(b, p, address, worker)
			})
		}
	}
}

// besides starts a backfill that has no end, and waits until it moves.
func besides(b *testing.B, p product, address string) seq.Op {
	b.Helper()
	ledger, err := p.ledger(address)
	if err != nil {
		b.Fatal(err)
	}
	const rows = 100_000
	around := func(_ context.Context, after, size int64) (r backfill.Range[int64], ok bool, err error) {
		r.First = after%rows + 1
		r.Last = min(r.First+size-1, rows)
		r.Rows = r.Last - r.First + 1
		return r, true, nil
	}
	op := backfill.Op(seqtest.ID(0, "endless"), backfill.Job[int64]{From: backfill.Func[int64]{Name: "round and round", Next: around}, Do: incremented})
	app := seq.New(ledger, op)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Work(ctx) }()
	moved := func() int64 {
		status, err := app.Status(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		return status.Op(op.ID).Done
	}
	for moved() == 0 {
		if err := clock.Sleep(ctx, clock.Wall(), 10*time.Millisecond); err != nil {
			b.Fatal(err)
		}
	}
	before := moved()
	b.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.Errorf("Work: %v, want %v", err, context.Canceled)
		}
		status, err := app.Status(context.Background())
		if err != nil || status.Op(op.ID).Done == before {
			b.Errorf("the backfill did not move: %v", err)
		}
		_ = ledger.Close()
	})
	return op
}

// deploys measures deploys of one migration each.
func deploys(b *testing.B, p product, address string, beside seq.Op) {
	ledger, err := p.ledger(address)
	if err != nil {
		b.Fatal(err)
	}
	defer ledger.Close()
	var ops []seq.Op
	if beside.ID != "" {
		ops = append(ops, beside)
	}
	var took []time.Duration
	for b.Loop() {
		n := len(took) + 1
		op := seqtest.AsMigration(seq.Op{ID: seqtest.ID(n, "table"), Delivery: seq.Transactional})
		op.Run = func(ctx context.Context) error {
			_, err := bunstore.DB(ctx).ExecContext(ctx, fmt.Sprintf(`CREATE TABLE t%d (id bigint)`, n))
			return err
		}
		ops = append(ops, op)
		began := clock.Wall().Now()
		if _, err := seq.New(ledger, ops...).Run(b.Context()); err != nil {
			b.Fatal(err)
		}
		took = append(took, clock.Wall().Now().Sub(began))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "median-ms")
	b.ReportMetric(took[len(took)*95/100].Seconds()*1000, "p95-ms")
}
