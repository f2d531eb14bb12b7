package seq_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store/sqlite"
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
