package seq_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// However many watchers are stuck, Run waits for all of them together no longer than for one.
func TestStuckWatchersAreWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		defer close(gate)
		s := seq.New(store.NewMemory(), seq.Op{ID: "2024_01_15_120000_a", Run: nothing})
		for range 3 {
			s.Use(middleware.Middleware{Watch: func(middleware.Event) { <-gate }})
		}
		began := time.Now()
		if _, err := s.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Run took %s", took)
		}
	})
}
