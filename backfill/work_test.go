package backfill_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/store"
)

// Two replicas work; whoever has a sequencer steers.
func TestSteering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		var done, larger atomic.Int64
		op := backfill.Op(id, backfill.Job[int64]{
			From: backfill.Dense{First: 1, Last: 100_000}, Size: 100, MinSize: 100, MaxSize: 100, Parts: 4, Workers: 2,
			Do: func(_ context.Context, r backfill.Range[int64]) error {
				time.Sleep(100 * time.Millisecond)
				done.Add(r.Rows)
				if r.Rows > 100 {
					larger.Add(1)
				}
				return nil
			},
		})
		app := seq.New(ledger, op)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		for range 2 {
			go func() { ended <- seq.New(ledger, op).Work(ctx) }()
		}
		because := []seq.RunOption{seq.By("ada"), seq.Because("the database is busy")}
		state := func() *seq.OpStatus {
			t.Helper()
			status, err := app.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return status.Op(id)
		}

		time.Sleep(20 * time.Second)
		if op := state(); op.State != seq.Running || op.Done == 0 || op.Pace.Parts != 4 || op.Pace.Estimate != seq.EstimateGood || op.Pace.Size != 100 {
			t.Errorf("under way: %+v", op)
		}
		if _, err := app.Pause(t.Context(), id, because...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		at := done.Load()
		time.Sleep(time.Hour)
		if op := state(); op.State != seq.Pending || done.Load() != at || op.Done != at {
			t.Errorf("paused: %+v, and %d are done", op, done.Load())
		}
		if _, err := app.Resume(t.Context(), id, because...); err != nil {
			t.Fatal(err)
		}
		if _, err := app.Set(t.Context(), id, 1000, 0, because...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if op := state(); op.State != seq.Succeeded || op.Done != 100_000 || done.Load() != 100_000 || larger.Load() < 50 {
			t.Errorf("at the end: %+v, %d are done, %d batches were larger", op, done.Load(), larger.Load())
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Work: %v, want %v", err, context.Canceled)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Work: %v, want %v", err, context.Canceled)
		}
	})
}

func TestACancelledBackfillIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		undone := 0
		op := backfill.Op(id, backfill.Job[int64]{From: million, Do: func(context.Context, backfill.Range[int64]) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		}})
		op.Rollback = func(context.Context) error { undone++; return nil }
		app := seq.New(ledger, op)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- app.Work(ctx) }()
		time.Sleep(5 * time.Second)
		if _, err := app.Cancel(t.Context(), id, seq.By("ada"), seq.Because("it is wrong")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if _, err := app.Rollback(t.Context(), seq.Only(id)); err != nil {
			t.Error(err)
		}
		if undone != 1 {
			t.Errorf("it was undone %d times", undone)
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Work: %v, want %v", err, context.Canceled)
		}
	})
}
