package seq_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// A worker gives back every lane that it took: that of an earlier ID, too.
func TestAWorkerGivesAllLanesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &counted{each: time.Second}
		op := c.op(3)
		op.ID, op.RenamedFrom = "2024_01_15_120000_all_plans", []string{plansID}
		stop := working(t, seq.New(ledger, op))
		defer stop()
		time.Sleep(30 * time.Second)
		if len(c.done()) != 3 {
			t.Fatalf("the batches are %v", c.done())
		}
		held, err := ledger.Leases(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range held {
			if strings.HasPrefix(l.Name, store.LanePrefix) {
				t.Errorf("the lease %s is still held", l.Name)
			}
		}
	})
}
