package seq_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// While a run rolls back, what is yet to be undone is not refused: nothing has gone wrong with it.
func TestStatusDuringARollbackRefusesNothing(t *testing.T) {
	var s *seq.Sequencer
	var during *seq.Status
	s = seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_a", Run: nothing, Rollback: nothing},
		seq.Op{ID: "2024_01_15_120001_b", DependsOn: []string{"2024_01_15_120000_a"}, Run: nothing, Rollback: func(ctx context.Context) (err error) {
			during, err = s.Status(ctx)
			return err
		}},
		seq.Op{ID: "2024_01_15_120002_c", DependsOn: []string{"2024_01_15_120001_b"}, Run: func(context.Context) error { return errors.New("no") }},
	).Use(strategies.DependencyGraph(strategies.Saga()))
	if _, err := s.Run(t.Context()); err == nil || during == nil {
		t.Fatalf("got %v, %v", err, during)
	}
	if o := during.Ops[0]; o.State != seq.RollbackPending || o.Refused != "" {
		t.Errorf("got %v, refused %q", o.State, o.Refused)
	}
}
