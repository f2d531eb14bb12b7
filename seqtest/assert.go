package seqtest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// AssertRan fails the test unless exactly these ops were called, each once, in any order.
func AssertRan(tb testing.TB, r *Recorder, ids ...string) {
	tb.Helper()
	same(tb, r, "ran", r.Ran(), ids, false)
}

// AssertOrder fails the test unless exactly these ops were called, each once, in this order.
func AssertOrder(tb testing.TB, r *Recorder, ids ...string) {
	tb.Helper()
	same(tb, r, "ran, in order", r.Ran(), ids, true)
}

// AssertBefore fails the test unless first succeeded before then was called.
func AssertBefore(tb testing.TB, r *Recorder, first, then string) {
	tb.Helper()
	trace := r.Trace()
	done, started := slices.Index(trace, "succeeded "+first), slices.Index(trace, "run "+then)
	if done < 0 || started < 0 || done > started {
		tb.Errorf("want %s to have succeeded before %s starts\n%s", first, then, lines(trace))
	}
}

// AssertRolledBack fails the test unless exactly these ops were undone, in this order.
func AssertRolledBack(tb testing.TB, r *Recorder, ids ...string) {
	tb.Helper()
	same(tb, r, "rolled back, in order", r.Settled(store.RolledBack), ids, true)
}

// AssertSkipped fails the test unless exactly these ops were skipped.
func AssertSkipped(tb testing.TB, r *Recorder, ids ...string) {
	tb.Helper()
	same(tb, r, "skipped", r.Settled(store.Skipped), ids, false)
}

// AssertSkippedBecause fails the test unless the op was skipped, the last time it settled, with a reason
// that contains this text.
func AssertSkippedBecause(tb testing.TB, r *Recorder, id, reason string) {
	tb.Helper()
	if state, why, settled := r.last(id); !settled || state != store.Skipped || !strings.Contains(why, reason) {
		tb.Errorf("%s is %s (%s); want it skipped because of %q\n%s", id, state, why, reason, lines(r.Trace()))
	}
}

// AssertExcluded fails the test unless exactly these ops are left out of the plan, because they are for
// another environment.
func AssertExcluded(tb testing.TB, p *plan.Plan, ids ...string) {
	tb.Helper()
	var got []string
	for _, x := range p.Excluded {
		got = append(got, x.ID)
	}
	if want := slices.Sorted(slices.Values(ids)); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		tb.Errorf("excluded:\n got %q\nwant %q\n%s", got, want, p)
	}
}

// AssertRetried fails the test unless the op was tried again so many times within its attempts.
func AssertRetried(tb testing.TB, r *Recorder, id string, times int) {
	tb.Helper()
	n := 0
	for _, e := range r.Events() {
		if e.Kind == middleware.EventRetrying && e.ID == id {
			n++
		}
	}
	if n != times {
		tb.Errorf("%s was tried again %d times, want %d\n%s", id, n, times, lines(r.Trace()))
	}
}

// AssertTimedOut fails the test unless exactly these ops settled with an error that matches
// middleware.ErrTimeout.
func AssertTimedOut(tb testing.TB, r *Recorder, ids ...string) {
	tb.Helper()
	got := r.ids(func(e middleware.Event) bool {
		return e.Kind == middleware.EventSettled && errors.Is(e.Err, middleware.ErrTimeout)
	})
	same(tb, r, "timed out", got, ids, false)
}

// AssertFailed fails the test unless exactly these ops failed without being allowed to.
func AssertFailed(tb testing.TB, r *Recorder, ids ...string) {
	tb.Helper()
	same(tb, r, "failed", r.Settled(store.Failed), ids, false)
}

// AssertTolerated fails the test unless exactly these ops failed and were allowed to.
func AssertTolerated(tb testing.TB, r *Recorder, ids ...string) {
	tb.Helper()
	same(tb, r, "tolerated", r.Settled(store.Tolerated), ids, false)
}

// AssertScheduled fails the test unless exactly these ops were left to the schedule.
func AssertScheduled(tb testing.TB, r *Recorder, ids ...string) {
	tb.Helper()
	same(tb, r, "scheduled", r.Settled(store.Scheduled), ids, false)
}

// AssertState fails the test unless the ledger has the op in this state; an op that it does not
// know is pending.
func AssertState(tb testing.TB, ledger store.Store, id string, want store.State) {
	tb.Helper()
	if e := entry(tb, ledger, id); e.State != want {
		tb.Errorf("%s is %s in the ledger, want %s (%s)", id, e.State, want, e.Error)
	}
}

func same(tb testing.TB, r *Recorder, what string, got, want []string, ordered bool) {
	tb.Helper()
	if !ordered {
		got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	}
	if !slices.Equal(got, want) {
		tb.Errorf("%s:\n got %q\nwant %q\n%s", what, got, want, lines(r.Trace()))
	}
}

func lines(trace []string) string {
	return "what happened:\n\t" + strings.Join(trace, "\n\t")
}

// entry is what the ledger has of one op.
func entry(tb testing.TB, ledger store.Store, id string) store.Entry {
	tb.Helper()
	entries, err := ledger.Load(tb.Context())
	if err != nil {
		tb.Fatalf("load the ledger: %v", err)
	}
	for i := range entries {
		if entries[i].ID == id {
			return entries[i]
		}
	}
	return store.Entry{ID: id}
}
