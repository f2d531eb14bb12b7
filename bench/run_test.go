package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// BenchmarkRun is a whole Run on the ledger in memory, from New to the report, beside waves of an
// errgroup that remember nothing, and of one that keeps a record of each op: in a map under a lock, written
// before and after.
func BenchmarkRun(b *testing.B) {
	workers := runtime.GOMAXPROCS(0)
	for _, load := range []string{"a", "b", "c"} {
		g := loads[load]()
		n := len(g.after)
		ops := g.ops()
		b.Run(fmt.Sprintf("load=%s/by=errgroup", load), func(b *testing.B) {
			waves := g.waves()
			perStep(b, n, collected(func() error {
				return walkErrgroup(waves, workers, func(i int) error { return ops[i].Run(b.Context()) })
			}))
		})
		b.Run(fmt.Sprintf("load=%s/by=map", load), func(b *testing.B) {
			waves := g.waves()
			perStep(b, n, collected(func() error {
				records := newRecords(n)
				err := walkErrgroup(waves, workers, func(i int) error { return records.around(b.Context(), &ops[i]) })
				return errors.Join(err, records.check(n))
			}))
		})
		for name, strategy := range map[string]seq.Strategy{
			"sequential": strategies.Sequential(),
			"graph":      strategies.DependencyGraph(strategies.Limit(workers)),
			"eager":      strategies.DependencyGraph(strategies.Limit(workers), strategies.Eager()),
		} {
			b.Run(fmt.Sprintf("load=%s/by=%s", load, name), func(b *testing.B) {
				perStep(b, n, collected(func() error {
					_, err := seq.New(store.NewMemory(), ops...).Use(strategy).Run(b.Context())
					return err
				}))
			})
		}
	}
}

// A record is the least that a ledger has of an op.
type record struct {
	token             [16]byte
	started, finished time.Time
	state             seq.State
	err               error
}

// records are what does a ledger's work in memory, and no more of it.
type records struct {
	mu sync.Mutex
	of map[string]*record
}

func newRecords(n int) *records { return &records{of: make(map[string]*record, n)} }

// around runs an op between two writes.
func (r *records) around(ctx context.Context, op *seq.Op) error {
	one := &record{started: time.Now(), state: seq.Running}
	_, _ = rand.Read(one.token[:])
	r.mu.Lock()
	r.of[op.ID] = one
	r.mu.Unlock()
	err := op.Run(ctx)
	state, now := seq.Succeeded, time.Now()
	if err != nil {
		state = seq.Failed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if here := r.of[op.ID]; here.token == one.token && here.finished.IsZero() {
		here.state, here.finished, here.err = state, now, err
	}
	return err
}

func (r *records) check(n int) error {
	if len(r.of) != n {
		return fmt.Errorf("%d records of %d ops", len(r.of), n)
	}
	return nil
}

// BenchmarkMemory is the memory of a Run of a million ops: what is on the heap at its highest,
// and what the ledger and the report keep. The ops themselves are the caller's and not counted.
func BenchmarkMemory(b *testing.B) {
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
