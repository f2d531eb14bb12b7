package seq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

// refusing is a Transactional op that the database refuses in a transaction. calls lists the deliveries
// that the ledger had for the op at each call of Run and Rollback.
func refusing(ledger *store.Memory, calls *[]string) seq.Op {
	call := func(what string) func(context.Context) error {
		return func(ctx context.Context) error {
			entries, err := ledger.Load(ctx)
			if err != nil {
				return err
			}
			*calls = append(*calls, what+" "+entries[0].Delivery.String())
			if entries[0].Delivery == seq.Transactional {
				return fmt.Errorf("VACUUM: %w", seq.ErrNotInTx)
			}
			return seq.Save(ctx, what)
		}
	}
	return seq.Op{ID: "2024_01_15_120000_vacuum", Delivery: seq.Transactional, Run: call("run"), Rollback: call("rollback")}
}

func TestWhatIsRefusedInATransactionIsCalledWithoutOne(t *testing.T) {
	ledger, calls := store.NewMemory(), []string{}
	op := refusing(ledger, &calls)
	s := seq.New(ledger, op)
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	if _, err := s.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(calls, ", "), "run transactional, run repeatable, rollback transactional, rollback repeatable"; got != want {
		t.Errorf("called: %s, want %s", got, want)
	}
	history, err := ledger.History(t.Context(), op.ID, store.Page{Limit: 9})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(history)
	var states []seq.State
	for _, a := range history {
		states = append(states, a.State)
	}
	if want := []seq.State{seq.Pending, seq.Succeeded, seq.RollbackPending, seq.RolledBack}; !slices.Equal(states, want) {
		t.Errorf("history: %v, want %v", states, want)
	}
	if len(history) != 4 || !strings.Contains(history[0].Error, "VACUUM") || history[1].Error != "" {
		t.Errorf("history: %v", states)
	}
}

// The second call is an attempt like any other: it can fail, is tried again without a transaction by the
// middleware, and with one by the next run.
func TestTheCallWithoutATransactionMayFail(t *testing.T) {
	ledger, failures := store.NewMemory(), 3
	op := seq.Op{ID: "2024_01_15_120000_vacuum", Delivery: seq.Transactional}
	op.Run = func(ctx context.Context) error {
		entries, err := ledger.Load(ctx)
		switch {
		case err != nil:
			return err
		case entries[0].Delivery == seq.Transactional:
			return seq.ErrNotInTx
		case failures > 0:
			failures--
			return errors.New("not now")
		}
		return nil
	}
	s := seq.New(ledger, op).Use(middleware.Retry(2, 1))
	if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "not now") || failures != 1 {
		t.Fatalf("got %v, %d failures are left", err, failures)
	}
	if _, err := s.Run(t.Context()); err != nil || failures != 0 {
		t.Errorf("got %v, %d failures are left", err, failures)
	}
	history, err := ledger.History(t.Context(), op.ID, store.Page{Limit: 9})
	if err != nil || len(history) != 4 {
		t.Errorf("%d attempts, %v; want 4", len(history), err)
	}
}
