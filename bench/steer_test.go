package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
)

// batchOf is how long a batch should take by default.
func batchOf(db string) time.Duration {
	if db == "sqlite" {
		return 50 * time.Millisecond
	}
	return 200 * time.Millisecond
}

// BenchmarkTakeover is how long after the death of the process that works another has committed a batch, in
// TTLs. That is two seconds and not the default of fifteen, so that a round is short.
func BenchmarkTakeover(b *testing.B) {
	const ttl = 2 * time.Second
	for _, db := range []string{"postgres", "sqlite"} {
		b.Run("db="+db, func(b *testing.B) {
			took := repeated(b, order{DB: db, TTL: ttl, Batch: 50 * time.Millisecond}, 2, relieved(syscall.SIGKILL, ttl/5))
			b.ReportMetric(took[len(took)/2].Seconds()/ttl.Seconds(), "takeover/TTL")
		})
	}
}

// BenchmarkHandover is how long after SIGTERM for the process that works another has committed a batch, with the
// default lease and batches as long as they are by default.
func BenchmarkHandover(b *testing.B) {
	for _, db := range []string{"postgres", "sqlite"} {
		b.Run("db="+db, func(b *testing.B) {
			inMs(b, repeated(b, order{DB: db, Batch: batchOf(db)}, 2, relieved(syscall.SIGTERM, time.Second)))
		})
	}
}

// BenchmarkPause is how long after a call of Pause the ledger says that it was heard: while batches of 50 ms
// follow one another, and while the backfill waits at a gate.
func BenchmarkPause(b *testing.B) {
	const batch = 50 * time.Millisecond
	for _, db := range []string{"postgres", "sqlite"} {
		b.Run(fmt.Sprintf("db=%s/at=batch", db), func(b *testing.B) {
			inMs(b, repeated(b, order{DB: db, Batch: batch}, 1, paused((*message).committed, 2*batch)))
		})
		b.Run(fmt.Sprintf("db=%s/at=gate", db), func(b *testing.B) {
			held := func(m *message) bool { return !m.committed() }
			inMs(b, repeated(b, order{DB: db, Batch: batch, Gated: true}, 1, paused(held, time.Second)))
		})
	}
}

// repeated has processes work at an order, and measures three times as often as b.Loop says. What it took is sorted.
func repeated(b *testing.B, o order, processes int, measure func(b *testing.B, c *crew) time.Duration) (took []time.Duration) {
	b.Helper()
	c := gather(b, o, processes)
	for b.Loop() {
		for range 3 {
			took = append(took, measure(b, c))
		}
	}
	c.finish(b)
	slices.Sort(took)
	return took
}

func inMs(b *testing.B, took []time.Duration) {
	b.Helper()
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "median-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "slowest-ms")
}

// relieved measures from a signal for the process that works until another has committed a batch. The signal
// comes at any moment of a span, and another process waits by then.
func relieved(with syscall.Signal, span time.Duration) func(b *testing.B, c *crew) time.Duration {
	return func(b *testing.B, c *crew) time.Duration {
		b.Helper()
		works := c.next(b, time.Now(), "a batch is committed", (*message).committed).by
		c.sleep(b, rand.N(span))
		began := time.Now()
		works.signal(with)
		m := c.next(b, began, "another has committed a batch", func(m *message) bool { return m.committed() && m.by != works })
		c.end(b, works, with)
		c.start(b)
		return m.at.Sub(began)
	}
}

// paused measures from a call of Pause until it is acknowledged. It is called at any moment of a span after a
// message of the kind that is.
func paused(is func(*message) bool, span time.Duration) func(b *testing.B, c *crew) time.Duration {
	resumed := time.Time{} // a backfill that waits says so once
	why := []seq.RunOption{seq.By("bench"), seq.Because("it is measured")}
	return func(b *testing.B, c *crew) time.Duration {
		b.Helper()
		c.next(b, resumed, "it is as it should be for a pause", is)
		c.sleep(b, rand.N(span))
		began := time.Now()
		asked, err := c.app.Pause(b.Context(), steeredID, why...)
		if err != nil {
			b.Fatal(err)
		}
		c.until(b, "the pause is heard", func() bool {
			now, err := c.ledger.Control(b.Context(), steeredID)
			return err == nil && now.Heard == asked.Number
		})
		took := time.Since(began)
		resumed = time.Now()
		if _, err := c.app.Resume(b.Context(), steeredID, why...); err != nil {
			b.Fatal(err)
		}
		return took
	}
}
