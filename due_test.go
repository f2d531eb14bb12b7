package seq_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/strategies"
)

// TestRunDueGoesOnWithNothingThatFailed: a run whose process died after one of its ops had failed is not gone on
// with by a RunDue, which leaves the op alone: it would call the run succeeded.
func TestRunDueGoesOnWithNothingThatFailed(t *testing.T) {
	for name, opts := range map[string][]strategies.Option{"plain": nil, "saga": {strategies.Saga()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				soon, later := seqtest.Fails(id("a"), errBoom), ok("b")
				soon.ExecuteAt = func(now time.Time) time.Time { return now.Add(time.Minute) }
				later.ExecuteAt = func(now time.Time) time.Time { return now.Add(time.Hour) }
				b := newBench(t, strategies.Scheduled(opts...), soon, later)
				b.mustRun()
				time.Sleep(2 * time.Minute)
				b.store.CrashAfter(b.store.Writes() + 3) // the run, the claim, the outcome
				if _, err := b.seq.RunDue(t.Context()); !errors.Is(err, seqtest.ErrCrashed) {
					t.Fatalf("it did not crash: %v", err)
				}
				b.store.Restart()
				b.state("a", seq.Failed)
				time.Sleep(2 * time.Hour)
				if _, err := b.seq.RunDue(t.Context()); err != nil {
					t.Fatal(err)
				}
				b.state("b", seq.Succeeded)
				entries, err := b.store.Load(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					if run, _, err := b.store.LookupRun(t.Context(), e.Run); err != nil || e.State == seq.Failed && run.State == seq.RunSucceeded {
						t.Errorf("%s is %s, and its run %s, %v", e.ID, e.State, run.State, err)
					}
				}
			})
		})
	}
}
