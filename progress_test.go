package seq_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/sqlite"
	"github.com/sequencer-go/seq/strategies"
)

// TestProgressInATransactionalOpDoesNotWaitForItself: the entry is locked until the op commits, so
// telling the ledger of its progress meanwhile would wait for ever.
func TestProgressInATransactionalOpDoesNotWaitForItself(t *testing.T) {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	op := seq.Op{ID: "2024_01_15_120000_move", Delivery: seq.Transactional, Run: func(ctx context.Context) error {
		return seq.Progress(ctx, 1, 2)
	}}
	report, err := seq.New(store, op).Run(t.Context())
	if err != nil || len(report.Succeeded()) != 1 {
		t.Fatalf("got %v, %v", report, err)
	}
}

func TestAFloodOfProgressHidesNothing(t *testing.T) {
	flooded := make(chan struct{})
	heard := map[middleware.EventKind]int{}
	last := map[string]int64{}
	slow := middleware.Middleware{Name: "slow", Watch: func(e middleware.Event) {
		if e.Kind == middleware.EventStarted {
			<-flooded
		}
		heard[e.Kind]++
		if e.Kind == middleware.EventProgress {
			last[e.ID] = e.Done
		}
	}}
	var both sync.WaitGroup
	both.Add(2)
	op := func(name string) seq.Op {
		return seq.Op{ID: id(name), Run: func(ctx context.Context) error {
			defer both.Done()
			for i := range int64(100_000) {
				_ = seq.Progress(ctx, i+1, 100_000)
			}
			return nil
		}}
	}
	go func() { both.Wait(); close(flooded) }()
	if _, err := seq.New(store.NewMemory(), op("a"), op("b")).Use(strategies.Batch(), slow).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if heard[middleware.EventSettled] != 2 || heard[middleware.EventRunFinished] != 1 || last[id("a")] != 100_000 || last[id("b")] != 100_000 {
		t.Errorf("heard %v; the last of each: %v", heard, last)
	}
}
