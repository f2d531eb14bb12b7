package bench

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// BenchmarkRun is a whole Run on the ledger in memory, from New to the report, beside waves of an
// errgroup that remember nothing.
func BenchmarkRun(b *testing.B) {
	workers := runtime.GOMAXPROCS(0)
	for _, load := range []string{"a", "b", "c"} {
		g := loads[load]()
		n := len(g.after)
		ops := g.ops()
		b.Run(fmt.Sprintf("load=%s/by=errgroup", load), func(b *testing.B) {
			waves := g.waves()
			perStep(b, n, always(func() error {
				return walkErrgroup(waves, workers, func(i int) error { return ops[i].Run(b.Context()) })
			}))
		})
		for name, strategy := range map[string]seq.Strategy{
			"sequential": strategies.Sequential(),
			"graph":      strategies.DependencyGraph(strategies.Limit(workers)),
			"eager":      strategies.DependencyGraph(strategies.Limit(workers), strategies.Eager()),
		} {
			b.Run(fmt.Sprintf("load=%s/by=%s", load, name), func(b *testing.B) {
				perStep(b, n, always(func() error {
					_, err := seq.New(store.NewMemory(), ops...).Use(strategy).Run(b.Context())
					return err
				}))
			})
		}
	}
}

// BenchmarkRunMemory is the memory of a Run of a million ops: what is on the heap at its highest,
// and what the ledger and the report keep. The ops themselves are the caller's and not counted.
func BenchmarkRunMemory(b *testing.B) {
	ops := loads["e"]().ops()
	heap := func() float64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		runtime.GC()
		var peak float64
		for i := range ops {
			ops[i].Run = func(context.Context) error { return nil }
			if i%50_000 == 0 {
				ops[i].Run = func(context.Context) error { peak = max(peak, heap()); return nil } // one at a time
			}
		}
		before := heap()
		ledger := store.NewMemory()
		report, err := seq.New(ledger, ops...).Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		peak = max(peak, heap())
		runtime.GC()
		kept := heap()
		b.ReportMetric((peak-before)/float64(len(ops)), "peak-B/step")
		b.ReportMetric((kept-before)/float64(len(ops)), "kept-B/step")
		runtime.KeepAlive(ledger)
		runtime.KeepAlive(report)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(len(ops)), "ns/step")
}
