package fleet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// lastRun is the run that began last.
func lastRun(t *testing.T, ledger store.Store) store.Run {
	t.Helper()
	runs, err := ledger.Runs(t.Context(), store.Page{Limit: 1})
	if err != nil || len(runs) == 0 {
		t.Fatalf("runs %v, %v", runs, err)
	}
	return runs[0]
}

// TestSagaUndoesWhatItTookOver: an attempt that a leader began before it died, and that its successor waited for,
// is undone with the rest of the saga.
func TestSagaUndoesWhatItTookOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		long, fails := plain(c, 1), plain(c, 2)
		long.Run = func(context.Context) error {
			c.add(id(1))
			time.Sleep(40 * time.Second)
			return nil
		}
		fails.DependsOn, fails.Run = []string{id(1)}, func(context.Context) error { return errBoom }
		stop := worker(t, loop, seq.New(ledger, long, fails), 1)
		lead := func(ledger store.Store) (*seq.Report, error) {
			return seq.New(ledger, long, fails).Use(strategies.DependencyGraph(strategies.Saga()), fleet.Middleware(loop)).Run(t.Context())
		}
		dying := &mortal{Store: ledger}
		time.AfterFunc(5*time.Second, func() { dying.dead.Store(true) })
		first := make(chan error, 1)
		go func() {
			_, err := lead(dying)
			first <- err
		}()
		time.Sleep(6 * time.Second)
		report, err := lead(ledger)
		if report.State != seq.RunRolledBack || err == nil || c.of(id(1)) != 1 || c.of("undo "+id(1)) != 1 {
			t.Errorf("%s, %v, calls %v", report.State, err, c.all())
		}
		if e := entryOf(t, ledger, id(1)); e.State != seq.RolledBack {
			t.Errorf("the entry is %+v", e)
		}
		<-first
		stop()
	})
}

// TestRecalledUndoStaysInItsRun: an order to undo that nobody has begun is recalled, and the op belongs to the
// run that decided, as before.
func TestRecalledUndoStaysInItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &calls{}
		here := seq.New(ledger, plain(c, 1))
		report, err := here.Run(t.Context())
		succeed(t, report, err)
		forward := lastRun(t, ledger)
		abroad := seq.New(ledger, plain(c, 1)).Use(fleet.Middleware(fleet.Loopback(), fleet.Patience(time.Second)))
		if _, err := abroad.Rollback(t.Context()); !errors.Is(err, seq.ErrNoWorker) {
			t.Fatalf("the rollback: %v", err)
		}
		decided := lastRun(t, ledger)
		if e := entryOf(t, ledger, id(1)); e.State != seq.RollbackPending || e.Run != decided.ID || decided.State != seq.RunRollingBack {
			t.Errorf("the run is %+v, the entry %+v", decided, e)
		}
		if _, err := here.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r, _, err := ledger.LookupRun(t.Context(), forward.ID); err != nil || r.State != seq.RunSucceeded {
			t.Errorf("the run that did it is %s, %v", r.State, err)
		}
		if e := entryOf(t, ledger, id(1)); e.State != seq.RolledBack || c.of("undo "+id(1)) != 1 {
			t.Errorf("calls %v, the entry is %+v", c.all(), e)
		}
	})
}
