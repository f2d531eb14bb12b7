package seq_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// used is a ledger with n runs of one op, which fails in all but the last, and of one whose outcome nobody knows.
func used(t *testing.T, n int, parts ...seq.Part) (*store.Memory, *seq.Sequencer) {
	t.Helper()
	ledger, runs := store.NewMemory(), 0
	s := seq.New(ledger, seq.Op{ID: id("a"), AllowedToFail: true, MaxFailures: 99, Run: func(context.Context) error {
		if runs++; runs < n {
			return errors.New("not yet")
		}
		return nil
	}}, seq.Op{ID: id("b"), Delivery: seq.Once, AllowedToFail: true, Run: func(context.Context) error { return errors.New("timeout") }})
	s.Use(strategies.Sequential()).Use(parts...)
	for range n {
		if report, err := s.Run(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, report)
		}
	}
	return ledger, s
}

func kept(t *testing.T, ledger store.Store, op string) (attempts, runs int) {
	t.Helper()
	history, err := ledger.History(t.Context(), op, store.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	all, err := ledger.Runs(t.Context(), store.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return len(history), len(all)
}

// TestPrune removes what is superseded, in batches, and leaves what a doubt rests on.
func TestPrune(t *testing.T) {
	ledger, s := used(t, 12)
	if attempts, runs := kept(t, ledger, id("a")); attempts != 12 || runs != 12 {
		t.Fatalf("%d attempts and %d runs before", attempts, runs)
	}
	if done, err := s.Prune(t.Context(), store.Retention{Age: time.Hour}); err != nil || done != (store.Pruned{}) {
		t.Fatalf("Prune of what is younger = %+v, %v", done, err)
	}
	done, err := s.Prune(t.Context(), store.Retention{Runs: 2, Limit: 3})
	if err != nil || done.More {
		t.Fatalf("Prune = %+v, %v", done, err)
	}
	attempts, runs := kept(t, ledger, id("a"))
	if attempts != 1 || done.Attempts != 11 || runs != 12-done.Runs || runs > 3 {
		t.Errorf("%d attempts and %d runs after %+v", attempts, runs, done)
	}
	if attempts, _ := kept(t, ledger, id("b")); attempts != 1 {
		t.Errorf("%d attempts of what is in doubt, want 1", attempts)
	}
	if report, err := s.Run(t.Context()); err != nil || report.Run != "" {
		t.Errorf("the run after it: %v\n%s", err, report)
	}
}

// TestARetentionKeepsTheLedgerSmall by itself, also beside an op that fails in every run.
func TestARetentionKeepsTheLedgerSmall(t *testing.T) {
	ledger, _ := used(t, 12, seq.WithRetention(store.Retention{Runs: 2}))
	if _, runs := kept(t, ledger, id("a")); runs > 4 {
		t.Errorf("%d runs stay", runs)
	}
	if attempts, _ := kept(t, ledger, id("a")); attempts != 1 {
		t.Errorf("%d attempts stay of one that is done", attempts)
	}
}

// unpruned is a ledger that cannot be pruned, or refuses to be.
type unpruned struct {
	store.Store
	err error
}

func (u unpruned) Prune(context.Context, store.Retention) (store.Pruned, error) {
	return store.Pruned{}, u.err
}

func (u unpruned) RenewIdentity(context.Context, store.Lease) (store.Token, error) {
	return store.Token{}, u.err
}

// TestARetentionDecidesNothing: what cannot be removed is a finding, and the run has done what it did.
func TestARetentionDecidesNothing(t *testing.T) {
	full := unpruned{store.NewMemory(), errors.New("no room for the log")}
	s := seq.New(full, seq.Op{ID: id("a"), Run: func(context.Context) error { return nil }}).Use(seq.WithRetention(store.Retention{Runs: 1}))
	report, err := s.Run(t.Context())
	if err != nil || report.State != seq.RunSucceeded || len(report.Findings) != 1 || report.Findings[0].Detail != "no room for the log" {
		t.Errorf("Run = %v\n%s", err, report)
	}
}

// opaque is a ledger that can do what every ledger can.
type opaque struct{ store.Store }

func (opaque) Unwrap() store.Store { return nil }

func TestRetentionsThatAreRefused(t *testing.T) {
	for _, keep := range []store.Retention{{}, {Limit: 5}, {Age: -1}, {Runs: -1, Age: 1}, {Age: 1, Limit: -1}} {
		t.Run(fmt.Sprintf("%+v", keep), func(t *testing.T) {
			s := seq.New(store.NewMemory())
			if _, err := s.Prune(t.Context(), keep); !errors.Is(err, seq.ErrInvalidOption) {
				t.Errorf("Prune = %v", err)
			}
			if _, err := s.Use(seq.WithRetention(keep)).Run(t.Context()); !errors.Is(err, seq.ErrInvalidOption) {
				t.Errorf("Run = %v", err)
			}
		})
	}
	plain := opaque{store.NewMemory()}
	if _, err := seq.New(plain).Prune(t.Context(), store.Retention{Runs: 1}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Prune of a store that cannot = %v", err)
	}
	if _, err := seq.New(plain).Use(seq.WithRetention(store.Retention{Runs: 1})).Preview(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Preview with a retention of a store that cannot = %v", err)
	}
}

// TestACopyGetsAnIdentityOfItsOwn, and not beside a process that works.
func TestACopyGetsAnIdentityOfItsOwn(t *testing.T) {
	var keys []string
	ledger := store.NewMemory()
	s := seq.New(ledger, seq.Op{ID: id("a"), Run: func(ctx context.Context) error {
		keys = append(keys, seq.IdempotencyKey(ctx))
		return errors.New("again")
	}})
	_, _ = s.Run(t.Context())
	_, _ = s.Run(t.Context())
	lease, err := ledger.Acquire(t.Context(), store.RunLease, store.ThisProcess())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RenewIdentity(t.Context()); !errors.Is(err, seq.ErrLeaseHeld) {
		t.Errorf("RenewIdentity beside a run = %v", err)
	}
	if err := ledger.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if err := s.RenewIdentity(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _ = s.Run(t.Context())
	if len(keys) != 3 || keys[0] != keys[1] || keys[1] == keys[2] {
		t.Errorf("the keys are %q", keys)
	}
}

// newer is a ledger in which a newer version of the library has left a word.
type newer struct {
	store.Store
	id string
}

func (n newer) Load(ctx context.Context) ([]store.Entry, error) {
	entries, err := n.Store.Load(ctx)
	return append(entries, store.Entry{ID: n.id, State: store.UnknownState, Unknown: `state "parked"`, Attempt: 1}), err
}

// TestAWordOfANewerVersionIsAFinding: the op and what depends on it are left alone, and the plan says why.
func TestAWordOfANewerVersionIsAFinding(t *testing.T) {
	var called []string
	run := func(name string) func(context.Context) error {
		return func(context.Context) error { called = append(called, name); return nil }
	}
	s := seq.New(newer{store.NewMemory(), id("a")},
		seq.Op{ID: id("a"), Run: run("a")}, seq.Op{ID: id("b"), DependsOn: []string{id("a")}, Run: run("b")}, seq.Op{ID: id("c"), Run: run("c")})
	for range 2 {
		report, err := s.Run(t.Context())
		if err != nil || len(report.Findings) != 1 || report.Findings[0].ID != id("a") || report.Findings[0].Kind != "unknown" {
			t.Errorf("Run = %v\n%s", err, report)
		}
	}
	if len(called) != 1 || called[0] != "c" {
		t.Errorf("called %q, want only c", called)
	}
}
