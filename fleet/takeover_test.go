package fleet_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

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
