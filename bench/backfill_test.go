package bench

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
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

// BenchmarkDeployBesideBackfill is a Run with one new migration while a backfill works at full speed, as
// its Job is by default.
func BenchmarkDeployBesideBackfill(b *testing.B) {
	for _, name := range []string{"postgres", "sqlite"} {
		b.Run("db="+name, func(b *testing.B) {
			p := products[name]
			address := p.empty(b)
			makeRows(b, p.open(b, address), 100_000)
			worker, err := p.ledger(address)
			if err != nil {
				b.Fatal(err)
			}
			deployer, err := p.ledger(address)
			if err != nil {
				b.Fatal(err)
			}
			rows := func(_ context.Context, after, size int64) (backfill.Range[int64], bool, error) { // for ever
				first := after%100_000 + 1
				return backfill.Range[int64]{First: first, Last: min(first+size-1, 100_000), Rows: size}, true, nil
			}
			endless := backfill.Op(seqtest.ID(0, "endless"), backfill.Job[int64]{From: backfill.Func[int64]{Name: "round and round", Next: rows}, Do: incremented})
			ctx, stop := context.WithCancel(b.Context())
			working := make(chan error, 1)
			go func() { working <- seq.New(worker, endless).Work(ctx) }()
			moving := func() int64 {
				status, err := seq.New(worker, endless).Status(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				return status.Op(endless.ID).Done
			}
			for moving() == 0 {
				time.Sleep(10 * time.Millisecond) //nolint:forbidigo // another goroutine works
			}
			before := moving()
			var took []time.Duration
			ops := []seq.Op{endless}
			for b.Loop() {
				op := seqtest.AsMigration(seq.Op{ID: seqtest.ID(len(ops), "table"), Delivery: seq.Transactional})
				op.Run = func(ctx context.Context) error {
					_, err := bunstore.DB(ctx).ExecContext(ctx, fmt.Sprintf(`CREATE TABLE t%d (id bigint)`, len(ops)))
					return err
				}
				ops = append(ops, op)
				began := time.Now() //nolint:forbidigo // a benchmark
				if _, err := seq.New(deployer, ops...).Run(b.Context()); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began)) //nolint:forbidigo // a benchmark
			}
			if moving() == before {
				b.Error("the backfill did not move")
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e6, "median-ms")
			b.ReportMetric(float64(took[len(took)*95/100])/1e6, "p95-ms")
			stop()
			<-working
			_, _ = worker.Close(), deployer.Close()
		})
	}
}
