package seq_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

func in(d time.Duration, op seq.Op) seq.Op {
	op.ExecuteAt = func(now time.Time) time.Time { return now.Add(d) }
	return op
}

func TestWaitBlocksUntilAllHaveRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBench(t, strategies.Scheduled(strategies.Wait()), in(2*time.Hour, ok("a")), in(time.Hour, ok("b")), ok("c", "a"), ok("d"))
		r := b.mustRun()
		seqtest.AssertOrder(t, b.rec, ids("d", "b", "a", "c")...)
		if took := time.Since(began); took != 2*time.Hour {
			t.Errorf("it took %s", took)
		}
		if len(r.Succeeded()) != 4 {
			t.Errorf("%s", r)
		}
	})
}

// What an op has left behind may still tell of its progress while the run takes the lease again. (The
// race detector fails this one.)
func TestWaitOutlivesWhatAnOpLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		early := ok("a")
		early.Run = func(ctx context.Context) error {
			go func() {
				time.Sleep(time.Minute)
				_ = seq.Progress(ctx, 1, 1)
			}()
			return nil
		}
		newBench(t, strategies.Scheduled(strategies.Wait()), early, in(time.Hour, ok("b"))).mustRun()
	})
}

func TestWaitHoldsNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		var calls atomic.Int64
		op := in(time.Hour, ok("a"))
		op.Run = func(context.Context) error { calls.Add(1); return nil }
		done := make(chan error)
		for range 3 { // all of them wait for the same op
			go func() {
				_, err := seq.New(ledger, op).Use(strategies.Scheduled(strategies.Wait())).Run(t.Context())
				done <- err
			}()
		}
		synctest.Wait()
		if _, err := seq.New(ledger, op, ok("b")).Run(t.Context(), seq.Isolate(seq.OrFail)); err != nil {
			t.Errorf("a run beside one that waits: %v", err)
		}
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if calls.Load() != 1 {
			t.Errorf("it ran %d times", calls.Load())
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		b := newBench(t, strategies.Scheduled(strategies.Wait()), in(time.Hour, ok("a")))
		r, err := b.seq.Run(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || r.State != seq.RunWaiting || len(r.Scheduled()) != 1 {
			t.Errorf("%v\n%s", err, r)
		}
		time.Sleep(time.Hour)
		b.mustRun()
		b.state("a", seq.Succeeded)
	})
}

func TestServeRunsEachDueOpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		var calls atomic.Int64
		op := in(90*time.Minute, ok("a"))
		op.Run = func(context.Context) error { calls.Add(1); return nil }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		for range 5 {
			go func() { done <- seq.New(ledger, op, tolerated(fail("b"))).Serve(ctx) }()
		}
		time.Sleep(time.Minute)
		if calls.Load() != 0 {
			t.Error("Serve ran what nobody had enrolled")
		}
		if _, err := seq.New(ledger, op, tolerated(fail("b"))).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(89 * time.Minute)
		synctest.Wait()
		if calls.Load() != 0 {
			t.Error("it ran early")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if calls.Load() != 1 {
			t.Errorf("it ran %d times", calls.Load())
		}
		cancel()
		for range 5 {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}

func TestServeLeavesAFailureToTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strategies.Scheduled(), in(time.Minute, fail("a")))
		b.mustRun()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := b.seq.Serve(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		seqtest.AssertRan(t, b.rec, id("a"))
		b.state("a", seq.Failed)
	})
}

func TestServeRefusesWhatNoWaitingMends(t *testing.T) {
	err := seq.New(store.NewMemory(), ok("a", "b"), ok("b", "a")).Serve(t.Context())
	if !errors.Is(err, seq.ErrCycle) {
		t.Errorf("got %v", err)
	}
}

func TestServeOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strategies.Scheduled(), in(time.Minute, ok("a")))
		b.mustRun()
		b.store.CrashBefore(b.store.Writes() + 1) // from then on the store answers nothing
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		time.AfterFunc(10*time.Minute, b.store.Restart)
		told := 0
		_ = b.seq.Serve(ctx, seq.Using(middleware.Middleware{Name: "told", Watch: func(e middleware.Event) {
			if e.Kind == middleware.EventWaiting && e.Err != nil && e.Delay > 0 {
				told++
			}
		}}))
		b.state("a", seq.Succeeded)
		if told < 10 || told > 40 {
			t.Errorf("the watchers hear %d times of an outage of ten minutes", told)
		}
	})
}

func TestAScheduleThatPanicsIsRefused(t *testing.T) {
	op := ok("a")
	op.ExecuteAt = func(time.Time) time.Time { panic("no clock") }
	if _, err := runWith(t, strategies.Scheduled(), op); !errors.Is(err, seq.ErrInvalidOp) {
		t.Errorf("got %v", err)
	}
}

func TestNextAt(t *testing.T) {
	zone := func(name string) *time.Location {
		l, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, c := range []struct{ zone, now, hm, want string }{
		{"UTC", "2024-01-15T14:00:00Z", "02:00", "2024-01-16T02:00:00Z"},
		{"UTC", "2024-01-15T01:59:59Z", "02:00", "2024-01-15T02:00:00Z"},
		{"UTC", "2024-01-15T02:00:00Z", "02:00", "2024-01-15T02:00:00Z"},
		{"Asia/Tokyo", "2024-01-15T14:00:00Z", "02:00", "2024-01-15T17:00:00Z"},
		{"Europe/Berlin", "2024-03-30T12:00:00Z", "02:30", "2024-03-31T01:00:00Z"},    // in the gap: its end
		{"Europe/Berlin", "2024-10-26T12:00:00Z", "02:30", "2024-10-27T00:30:00Z"},    // shown twice: the first
		{"Europe/Berlin", "2024-10-27T00:45:00Z", "02:30", "2024-10-28T01:30:00Z"},    // between the two: tomorrow
		{"America/New_York", "2024-03-10T05:00:00Z", "02:00", "2024-03-10T07:00:00Z"}, // the gap begins there
		{"America/New_York", "2024-11-03T04:00:00Z", "01:30", "2024-11-03T05:30:00Z"},
		{"Pacific/Apia", "2011-12-30T09:00:00Z", "02:00", "2011-12-30T10:00:00Z"}, // a day that never was
		{"Australia/Lord_Howe", "2024-10-05T00:00:00Z", "02:15", "2024-10-05T15:30:00Z"},
	} {
		now, _ := time.Parse(time.RFC3339, c.now)
		hm, _ := time.Parse("15:04", c.hm)
		if got := seq.NextAt(hm.Hour(), hm.Minute(), zone(c.zone))(now).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s %s after %s: %s, want %s", c.zone, c.hm, c.now, got, c.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("NextAt(24, 0) does not panic")
		}
	}()
	seq.NextAt(24, 0, nil)
}
