package bench

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/strategies"
)

// BenchmarkGrowth is what a step costs when a ledger that was analyzed with 100 entries grows by 1,000, and by
// 10,000: the server plans by what it knew, so a statement that is not safe from that costs more and more.
// The integration tests count the rows that are read instead, which does not depend on the machine.
func BenchmarkGrowth(b *testing.B) {
	const before = 100
	analyze := map[string][]string{
		"postgres": {
			`VACUUM ANALYZE seq_ops`, `VACUUM ANALYZE seq_attempts`,
			`ALTER TABLE seq_ops SET (autovacuum_enabled = off)`, `ALTER TABLE seq_attempts SET (autovacuum_enabled = off)`,
		},
		"sqlite": {`ANALYZE`},
	}
	for _, name := range []string{"postgres", "sqlite"} {
		p := products[name]
		for _, how := range []struct {
			by       string
			delivery seq.Delivery
			strategy seq.Strategy
		}{
			{"seq-transactional", seq.Transactional, strategies.Sequential()},
			{"seq-repeatable", seq.Repeatable, strategies.Sequential()},
			{"seq-batch", seq.Repeatable, strategies.Batch(strategies.Limit(32))},
		} {
			for _, n := range []int{1_000, 10_000} {
				b.Run(fmt.Sprintf("db=%s/by=%s/n=%d", name, how.by, n), func(b *testing.B) {
					perStep(b, n, func() func() error {
						address := p.empty(b)
						db := p.open(b, address)
						side, ok := newSeq(b, p, address, before+n, how.delivery, how.strategy).(*seqPeer)
						if !ok {
							b.Fatal("newSeq makes another peer")
						}
						all := side.ops
						side.ops = all[:before]
						if err := side.fill(b.Context()); err != nil {
							b.Fatal(err)
						}
						side.ops = all
						told(b, db, analyze[name])
						return func() error { return side.up(b.Context()) }
					})
				})
			}
		}
	}
}

// told says statements to a database.
func told(b *testing.B, db *sql.DB, statements []string) {
	b.Helper()
	for _, q := range statements {
		if _, err := db.ExecContext(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}
