package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	seqtest.TestStore(t, func(testing.TB) store.Store { return store.NewMemory() })
}

// In memory others may write while a piece of a long op is under way.
func TestAPieceOfAnAttemptThatIsClosedMeanwhile(t *testing.T) {
	ctx, m := t.Context(), store.NewMemory()
	lane, err := m.Acquire(ctx, "lane:users", store.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	c := store.Claim{ID: "a", Attempt: 1, Generation: 1, Token: store.NewToken()}
	if _, err := m.Write(ctx, lane, store.Batch{Claims: []store.Claim{c}}); err != nil {
		t.Fatal(err)
	}
	_, err = m.Atomic(ctx, lane, c, func(ctx context.Context) (store.Batch, error) {
		next, err := lane, m.Revoke(ctx, lane.Name)
		if err == nil {
			next, err = m.Acquire(ctx, lane.Name, store.Owner{})
		}
		if err == nil {
			_, err = m.Write(ctx, next, store.Batch{Outcomes: []store.Outcome{{ID: "a", Token: c.Token, State: store.Pending, Lost: true}}})
		}
		return store.Batch{Saves: []store.Snapshot{{ID: "a", Token: c.Token, Data: []byte("x")}}}, err
	})
	if !errors.Is(err, store.ErrFenced) {
		t.Errorf("got %v, want %v", err, store.ErrFenced)
	}
	entries, err := m.Load(ctx)
	if err != nil || len(entries) != 1 || entries[0].State != store.Pending || entries[0].Saved != nil {
		t.Errorf("the entries are %+v, %v", entries, err)
	}
}

func TestAHoldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, m := t.Context(), store.NewMemory()
		hold := store.Control{ID: store.RunLease, Number: 1, Wanted: store.WantStop, Until: time.Now().Add(time.Hour), Actor: "ann", Reason: "no deploys \x1b[2J"}
		if err := m.Ask(ctx, hold); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Second)
		var held *store.LeaseError
		if _, err := m.Acquire(ctx, store.RunLease, store.Owner{}); !errors.As(err, &held) || held.Expires != time.Second || strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), "ann") {
			t.Fatalf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		lease, err := m.Acquire(ctx, store.RunLease, store.Owner{})
		if err != nil {
			t.Fatalf("at its end: %v", err)
		}
		time.Sleep(2 * store.LeaseTTL) // nobody has taken it, so that it could be renewed
		if err := m.Revoke(ctx, store.RunLease); err != nil {
			t.Fatal(err)
		}
		if err := m.Renew(ctx, lease); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("a renewal of what was revoked: %v, want %v", err, store.ErrLeaseLost)
		}
	})
}
