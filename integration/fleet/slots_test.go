package fleet_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/strategies"
)

// TestSlots: a worker does as many orders at a time as it has slots, and when it is told to end it gives back
// what it has at hand and has not begun, while it goes on with what it has.
func TestSlots(t *testing.T) {
	var w world
	p := create(t, &w)
	var running, most, begun atomic.Int32
	release := make(chan struct{})
	var ops []seq.Op
	for n := range 4 {
		ops = append(ops, seq.Op{ID: opID(n), Run: func(ctx context.Context) error {
			begun.Add(1)
			now := running.Add(1)
			defer running.Add(-1)
			for is := most.Load(); now > is && !most.CompareAndSwap(is, now); is = most.Load() {
			}
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}})
	}
	fresh := func() *seq.Sequencer { return seq.New(p.ledger, ops...) } // Use changes the one that it is called on
	serve := func(slots int) (end func(), ended *sync.WaitGroup) {
		ctx, cancel := context.WithCancel(context.Background())
		ended = &sync.WaitGroup{}
		ended.Go(func() {
			if err := fleet.Serve(ctx, p.pool, fresh(), fleet.Slots(slots)); err != nil {
				t.Error(err)
			}
		})
		return cancel, ended
	}
	endFirst, first := serve(1)
	var report *seq.Report
	var runErr error
	var run sync.WaitGroup
	run.Go(func() {
		leader := fresh().Use(strategies.Batch(strategies.Limit(10)), fleet.Middleware(fleet.River(p.pool), fleet.ResendAfter(time.Hour)))
		report, runErr = leader.Run(context.Background())
	})
	taken := func() int { return p.count(t, "SELECT count(*) FROM river_job WHERE state = 'running'") }
	eventually(t, "one is begun and another is at hand", func() bool { return begun.Load() == 1 && taken() == 2 })

	endFirst()
	endSecond, second := serve(3)
	eventually(t, "the second worker has begun the others", func() bool { return begun.Load() == 4 })
	if running.Load() != 4 {
		t.Errorf("%d are under way, want what the first worker has begun and three more", running.Load())
	}
	close(release)
	run.Wait()
	first.Wait()
	endSecond()
	second.Wait()
	if runErr != nil || report.State != seq.RunSucceeded || begun.Load() != 4 {
		t.Errorf("the run is %s, %v; %d calls", report.State, runErr, begun.Load())
	}

	// One at a time, from the first to the last.
	most.Store(0)
	endThird, third := serve(1)
	if report, err := fresh().Use(strategies.Batch(strategies.Limit(10)), fleet.Middleware(fleet.River(p.pool))).Run(t.Context(), seq.Repeat()); err != nil || most.Load() != 1 {
		t.Errorf("the run is %s, %v; %d at a time, want 1", report.State, err, most.Load())
	}
	endThird()
	third.Wait()
}
