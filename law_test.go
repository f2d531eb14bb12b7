package seq_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// TestOrderIsALaw composes all middleware pairwise. The table says which may stand outside which.
func TestOrderIsALaw(t *testing.T) {
	parts := []struct {
		make func() middleware.Middleware
		rank int // 0: anywhere
	}{
		{middleware.Saga, 1},
		{middleware.Defer, 2},
		{middleware.Await, 2},
		{middleware.Record, 3},
		{middleware.Tolerate, 3},
		{func() middleware.Middleware { return middleware.Retry(2, time.Second) }, 4},
		{func() middleware.Middleware { return middleware.Timeout(time.Second) }, 4},
		{func() middleware.Middleware { return middleware.Log(nil) }, 0},
	}
	for _, outer := range parts {
		for _, inner := range parts {
			a, b := outer.make(), inner.make()
			chain := []middleware.Middleware{a, b}
			lawful := outer.rank == 0 || inner.rank == 0 || outer.rank <= inner.rank
			if outer.rank != 0 && outer.rank != 4 && a.Layer == b.Layer {
				lawful = false // one of a kind
			}
			s := seq.New(store.NewMemory(), ok("a")).Use(seq.Strategy{Middleware: chain})
			if a.Name != "record" && b.Name != "record" {
				s.Use(middleware.Record()) // every strategy has one
			}
			_, err := s.Preview(t.Context())
			if lawful != (err == nil) || err != nil && !errors.Is(err, seq.ErrInvalidStrategy) {
				t.Errorf("%s outside %s: %v, lawful: %t", a.Name, b.Name, err, lawful)
			}
		}
	}
}

// TestUsePlacesMiddleware adds each to each strategy: Use finds the lawful place.
func TestUsePlacesMiddleware(t *testing.T) {
	for name, s := range every() {
		for _, m := range []middleware.Middleware{
			middleware.Saga(), middleware.Defer(), middleware.Await(), middleware.Record(), middleware.Tolerate(),
			middleware.Retry(2, time.Second), middleware.Timeout(time.Second), middleware.Log(nil),
			{Name: "mine"},
		} {
			if _, err := seq.New(store.NewMemory(), ok("a")).Use(s, m, m).Preview(t.Context()); err != nil {
				t.Errorf("%s with %s: %v", name, m.Name, err)
			}
		}
	}
}

// TestNothingIsForgottenInSilence: a strategy that records nothing does everything at every start, and
// must say so by name.
func TestNothingIsForgottenInSilence(t *testing.T) {
	calls := 0
	op := ok("a")
	op.Run = func(context.Context) error { calls++; return nil }
	_, err := runWith(t, seq.Strategy{Middleware: []middleware.Middleware{middleware.Tolerate()}}, op)
	if !errors.Is(err, seq.ErrInvalidStrategy) || !strings.Contains(err.Error(), "middleware.Unrecorded") || calls != 0 {
		t.Errorf("%d calls, %v", calls, err)
	}
	ledger := store.NewMemory()
	s := seq.New(ledger, op, fail("b", "a")).Use(seq.Strategy{Middleware: []middleware.Middleware{middleware.Saga(), middleware.Unrecorded()}})
	for n := range 2 {
		r, err := s.Run(t.Context())
		if !errors.Is(err, errBoom) || len(r.RolledBack()) != 1 || calls != n+1 {
			t.Errorf("run %d: %d calls, %v\n%s", n, calls, err, r)
		}
	}
	if entries, err := ledger.Load(t.Context()); err != nil || len(entries) != 0 {
		t.Errorf("the ledger has %v, %v", entries, err)
	}
}

func TestSagaByUse(t *testing.T) {
	b := newBench(t, strategies.DependencyGraph(), ok("a"), fail("b", "a"))
	b.seq.Use(middleware.Saga())
	if _, err := b.run(); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	seqtest.AssertRolledBack(t, b.rec, id("a"))
}

func TestRefusedBeforeAnythingRuns(t *testing.T) {
	once := ok("a")
	once.Delivery = seq.Once
	for name, s := range map[string]*seq.Sequencer{
		"a nil store":                seq.New(nil, ok("a")),
		"a part that is nil":         seq.New(store.NewMemory(), ok("a")).Use(nil),
		"retry of nothing":           seq.New(store.NewMemory(), ok("a")).Use(middleware.Retry(0, time.Second)),
		"retry without a base":       seq.New(store.NewMemory(), ok("a")).Use(middleware.Retry(2, 0)),
		"a time-out of nothing":      seq.New(store.NewMemory(), ok("a")).Use(middleware.Timeout(0)),
		"Once without record":        seq.New(store.NewMemory(), once).Use(seq.Strategy{Middleware: []middleware.Middleware{}}),
		"an irreversible op refused": seq.New(store.NewMemory(), seqtest.Irreversible(id("a"))).Use(strategies.Batch(strategies.RequireReversible())),
	} {
		r, err := s.Run(t.Context())
		if err == nil || r == nil || r.State != seq.RunFailed || len(r.Steps) != 0 {
			t.Errorf("%s: %v, %v", name, r, err)
		}
		if _, err := s.Preview(t.Context()); err == nil {
			t.Errorf("%s: Preview does not mind", name)
		}
	}
}

func TestRequireReversibleNamesAll(t *testing.T) {
	_, err := runWith(t, strategies.TransactionalBatch(strategies.RequireReversible()),
		ok("a"), seqtest.Irreversible(id("b")), seqtest.AsMigration(seqtest.Irreversible(id("c"))))
	if !errors.Is(err, seq.ErrNotReversible) || !strings.Contains(err.Error(), id("b")) || !strings.Contains(err.Error(), id("c")) || strings.Contains(err.Error(), id("a")) {
		t.Errorf("got %v", err)
	}
}
