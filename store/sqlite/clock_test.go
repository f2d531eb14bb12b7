package sqlite_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// ahead moves the database's clock while a lease is out: to the lease it is as if its end came sooner,
// or later if d is negative.
func ahead(tb testing.TB, s *bunstore.Store, d time.Duration) {
	tb.Helper()
	query(tb, s.DB(), `UPDATE seq_leases SET expires = expires - ?`, d.Milliseconds())
}

// A clock that jumps ahead lets somebody take over while the holder lives: the holder's word no longer
// counts, and it starts nothing more.
func TestTheClockJumpsAhead(t *testing.T) {
	path := file(t)
	s := open(t, path)
	a, b := "2024_01_15_120000_a", "2024_01_15_120001_b"
	var calls []string
	run := func(who string, s *bunstore.Store, in func()) (*seq.Report, error) {
		ops := []seq.Op{seqtest.Succeeds(a), seqtest.Succeeds(b)}
		for i := range ops {
			ops[i].Run = func(context.Context) error {
				calls = append(calls, who+" "+ops[i].ID[18:])
				if i == 0 {
					in()
				}
				return nil
			}
		}
		return seq.New(s, ops...).Run(t.Context())
	}
	_, err := run("old", s, func() {
		ahead(t, s, time.Hour)
		if r, err := run("new", open(t, path), func() {}); err != nil {
			t.Errorf("the takeover: %v\n%s", err, r)
		}
	})
	if !errors.Is(err, store.ErrFenced) && !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the old holder: %v", err)
	}
	if want := []string{"old a", "new a", "new b"}; !slices.Equal(calls, want) {
		t.Errorf("called %q, want %q", calls, want)
	}
	history, err := s.History(t.Context(), a, store.Page{Limit: 1000})
	if err != nil || len(history) != 2 || !history[1].Lost || history[0].State != store.Succeeded {
		t.Errorf("the history is %+v, %v", history, err)
	}
}

// What an old holder of the lease writes after a takeover is refused, whatever the clock says.
func TestNoWriteOutlivesATakeover(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": time.Hour, "and back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := effects(t)
			old := acquire(t, s)
			c := claim(t, s, old, "op")
			ahead(t, s, time.Hour)
			next := acquire(t, s)
			ahead(t, s, jump)
			if next.Epoch <= old.Epoch {
				t.Errorf("epoch %d after %d", next.Epoch, old.Epoch)
			}
			if err := s.Renew(t.Context(), old); !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("Renew: %v", err)
			}
			lost := store.Batch{Outcomes: []store.Outcome{{ID: c.ID, Token: c.Token, State: store.Pending, Lost: true}}}
			if refused, err := s.Write(t.Context(), next, lost); err != nil || refused != nil {
				t.Fatalf("closing the attempt: refused %v, %v", refused, err)
			}
			_, err := s.Atomic(t.Context(), old, c, func(ctx context.Context) (store.Batch, error) { return done(c), effect(ctx, "a") })
			if !errors.Is(err, store.ErrFenced) {
				t.Errorf("Atomic: %v", err)
			}
			if refused, err := s.Write(t.Context(), old, done(c)); len(refused) != 1 {
				t.Errorf("its outcome: refused %v, %v", refused, err)
			}
			other := store.Claim{ID: "other", Token: store.NewToken(), Attempt: 1}
			if refused, err := s.Write(t.Context(), old, store.Batch{Claims: []store.Claim{other}}); len(refused) != 1 || !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("a claim: refused %v, %v", refused, err)
			}
			if n := count(t, s); n != 0 {
				t.Errorf("%d effects, want 0", n)
			}
		})
	}
}

// A clock that jumps back keeps others waiting for longer. The holder works on, and what comes after it
// has a later epoch all the same.
func TestTheClockJumpsBack(t *testing.T) {
	s := open(t, file(t))
	old := acquire(t, s)
	if err := s.Release(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	query(t, s.DB(), `UPDATE seq_leases SET epoch = epoch + 3600000`) // as if it had been given out an hour ahead
	lease := acquire(t, s)
	ahead(t, s, -time.Hour)
	var held *store.LeaseError
	if _, err := s.Acquire(t.Context(), store.RunLease, owner); !errors.As(err, &held) || held.Expires < time.Hour {
		t.Errorf("got %v, want a lease that is held for more than an hour", err)
	}
	if err := s.Renew(t.Context(), lease); err != nil {
		t.Errorf("Renew: %v", err)
	}
	if held, err := s.Holder(t.Context(), store.RunLease); err != nil || held == nil || held.Expires > time.Minute {
		t.Errorf("after a renewal it is held for %v, %v", held, err)
	}
	if c := claim(t, s, lease, "op"); c.Attempt != 1 {
		t.Error(c)
	}
	if err := s.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if next := acquire(t, s); next.Epoch <= lease.Epoch || lease.Epoch <= old.Epoch {
		t.Errorf("epochs %d, %d, %d", old.Epoch, lease.Epoch, next.Epoch)
	}
}
