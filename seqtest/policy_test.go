package seqtest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// move moves a clock on whenever everybody waits, until done is closed.
func move(c interface{ Add(time.Duration) }, done <-chan struct{}) {
	for {
		synctest.Wait()
		select {
		case <-done:
			return
		default:
			c.Add(time.Second)
		}
	}
}

// TestPoliciesOnTheMockClock: time-outs and the pauses of retries go by the sequencer's clock, and pass as
// the test moves it.
func TestPoliciesOnTheMockClock(t *testing.T) {
	for _, strategy := range []seq.Strategy{strategies.Sequential(), strategies.DependencyGraph(), strategies.AllowedToFailBatch()} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)
			now, rec := seqtest.NewClock(start), seqtest.NewRecorder()
			slow := seqtest.Takes(seqtest.ID(0, "slow"), now, time.Hour)
			slow.AllowedToFail, slow.Timeout = true, time.Minute
			slow.Retry = seq.Retry{Attempts: 2, Delays: []time.Duration{10 * time.Second}}
			quick := seqtest.Takes(seqtest.ID(1, "quick"), now, 59*time.Second)
			quick.Timeout = time.Minute
			done := make(chan struct{})
			var r *seq.Report
			var err error
			go func() {
				defer close(done)
				r, err = seq.New(store.NewMemory(), slow, quick, seqtest.Skips(seqtest.ID(2, "skips"), "no rows")).
					Use(strategy, seq.WithClock(now), rec.Middleware()).Run(t.Context())
			}()
			move(now, done)
			if err != nil || !errors.Is(r.Step(slow.ID).Err, middleware.ErrTimeout) {
				t.Fatalf("%v\n%s", err, r)
			}
			if took := r.Step(slow.ID).Duration; took != 130*time.Second {
				t.Errorf("%s: slow took %s, want 1m+10s+1m", strategy.Name, took)
			}
			seqtest.AssertTimedOut(t, rec, slow.ID)
			seqtest.AssertRetried(t, rec, slow.ID, 1)
			seqtest.AssertRetried(t, rec, quick.ID, 0)
			seqtest.AssertSkipped(t, rec, seqtest.ID(2, "skips"))
			seqtest.AssertSkippedBecause(t, rec, seqtest.ID(2, "skips"), "no rows")
			if skips := rec.Skips(); len(skips) != 1 || skips[seqtest.ID(2, "skips")] != "no rows" {
				t.Errorf("%v", skips)
			}
		})
	}
}

// deaf is a test that notes whether it was failed.
type deaf struct {
	testing.TB
	said []string
}

func (*deaf) Helper() {}

func (d *deaf) Errorf(format string, args ...any) {
	d.said = append(d.said, fmt.Sprintf(format, args...))
}

// TestAssertionsFail: an assertion that never fails asserts nothing.
func TestAssertionsFail(t *testing.T) {
	rec := seqtest.NewRecorder()
	a, b := seqtest.ID(0, "a"), seqtest.ID(1, "b")
	s := seq.New(store.NewMemory(), seqtest.Skips(a, "no rows"), seqtest.InEnvironments(seqtest.Succeeds(b), "production")).
		Use(rec.Middleware(), seq.InEnvironment("test"))
	p, err := s.Preview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	seqtest.AssertExcluded(t, p, b)
	for name, assert := range map[string]func(tb testing.TB){
		"another reason":  func(tb testing.TB) { seqtest.AssertSkippedBecause(tb, rec, a, "no time") },
		"one that is not": func(tb testing.TB) { seqtest.AssertSkippedBecause(tb, rec, b, "") },
		"not excluded":    func(tb testing.TB) { seqtest.AssertExcluded(tb, p, a) },
		"none excluded":   func(tb testing.TB) { seqtest.AssertExcluded(tb, p) },
		"not retried":     func(tb testing.TB) { seqtest.AssertRetried(tb, rec, a, 1) },
		"not timed out":   func(tb testing.TB) { seqtest.AssertTimedOut(tb, rec, a) },
	} {
		d := &deaf{TB: t}
		if assert(d); len(d.said) != 1 || !strings.Contains(d.said[0], "2024_01_15") {
			t.Errorf("%s: it says %q", name, d.said)
		}
	}
}
