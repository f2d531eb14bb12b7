// What an op costs must not grow with the ledger. Run it with GROW=1: the microseconds an op at 100 analyzed
// entries and 10,000 more are to be at most 1.2 times those at 100 and 1,000. (The integration tests count
// the rows that are read instead, which does not depend on the machine.)

package bench

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

func TestGrowth(t *testing.T) {
	if os.Getenv("GROW") == "" {
		t.Skip()
	}
	p := products["postgres"]
	ctx := context.Background()
	for range 3 {
		address := p.empty(t)
		s, err := p.ledger(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.DB().PingContext(ctx)
		began := time.Now()
		lease, err := s.Acquire(ctx, store.RunLease, store.ThisProcess())
		if err != nil {
			t.Fatal(err)
		}
		first := time.Since(began)
		began = time.Now()
		_ = s.Release(ctx, lease)
		lease, _ = s.Acquire(ctx, store.RunLease, store.ThisProcess())
		t.Logf("first Acquire, which makes the tables: %s; a release and another: %s", first, time.Since(began))
		_ = s.Release(ctx, lease)
		s.Close()
	}
	run := func(what string, before int, analyze bool, n int, d seq.Delivery, strategy seq.Strategy) {
		address := p.empty(t)
		db := p.open(t, address)
		side := newSeq(t, p, address, before+n, d, strategy).(*seqPeer)
		all := side.ops
		if before > 0 {
			side.ops = all[:before]
			if err := side.fill(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if analyze {
			for _, q := range []string{`VACUUM ANALYZE seq_ops`, `VACUUM ANALYZE seq_attempts`, `ALTER TABLE seq_ops SET (autovacuum_enabled = off)`, `ALTER TABLE seq_attempts SET (autovacuum_enabled = off)`} {
				if _, err := db.ExecContext(ctx, q); err != nil {
					t.Fatal(err)
				}
			}
		}
		side.ops = all
		began := time.Now()
		if err := side.up(ctx); err != nil {
			t.Fatal(err)
		}
		t.Logf("%-14s %d analyzed %t, then %6d: %7.1f us/op", what, before, analyze, n, float64(time.Since(began).Microseconds())/float64(n))
	}
	for _, c := range []struct {
		before  int
		analyze bool
		n       int
	}{{0, false, 1000}, {0, false, 30000}, {100, true, 1000}, {100, true, 10000}} {
		run("batch 32", c.before, c.analyze, c.n, seq.Repeatable, strategies.Batch(strategies.Limit(32)))
		if c.n <= 10000 {
			run("transactional", c.before, c.analyze, c.n, seq.Transactional, strategies.Sequential())
		}
		run("repeatable", c.before, c.analyze, c.n, seq.Repeatable, strategies.Sequential())
	}
}
