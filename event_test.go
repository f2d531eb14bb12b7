package seq_test

import (
	"context"
	"math"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// TestWatchersHearWhatTheLedgerHas: bytes, say, are more than an int holds on a machine of 32 bits.
func TestWatchersHearWhatTheLedgerHas(t *testing.T) {
	var done, total, steps int64
	op := seq.Op{ID: id("a"), Run: func(ctx context.Context) error {
		return seq.Progress(ctx, math.MaxInt64-1, math.MaxInt64)
	}}
	s := seq.New(store.NewMemory(), op).Use(middleware.Middleware{Name: "hears", Watch: func(e middleware.Event) {
		switch e.Kind {
		case middleware.EventRunStarted:
			steps = e.Total
		case middleware.EventProgress:
			done, total = e.Done, e.Total
		}
	}})
	if _, err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if done != math.MaxInt64-1 || total != math.MaxInt64 || steps != 1 {
		t.Errorf("heard %d of %d, %d steps", done, total, steps)
	}
}
