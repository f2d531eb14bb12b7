package seq_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// needs is what each op needs, by name.
func (b *bench) needs() map[string]seq.Need {
	b.t.Helper()
	st, err := b.seq.Status(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	needs := map[string]seq.Need{}
	for _, o := range st.Ops {
		needs[o.ID[len(o.ID)-1:]] = o.Need
	}
	return needs
}

// TestWhatAnOpNeeds, and what stands behind it.
func TestWhatAnOpNeeds(t *testing.T) {
	once := fail("b")
	once.Delivery, once.Rollback = seq.Once, nil
	no, due := ok("e"), ok("g")
	no.ShouldRun = func(context.Context) (bool, error) { return false, nil }
	due.ExecuteAt = func(now time.Time) time.Time { return now.Add(time.Hour) }
	b := newBench(t, strategies.AllowedToFailBatch(),
		ok("a"), once, tolerated(fail("c")), ok("d", "c"), no, ok("f", "e"), due, ok("h", "g"), fail("i"))
	want := map[string]seq.Need{
		"a": seq.NeedsNothing, "b": seq.NeedsPerson, "c": seq.Optional, "d": seq.Optional, "e": seq.Excluded,
		"f": seq.NeedsNothing, "g": seq.Later, "h": seq.Later, "i": seq.Required,
	}
	for name, need := range b.needs() {
		if need != seq.Required {
			t.Errorf("before the first run %s: %s", name, need)
		}
	}
	_, _ = b.run()
	for name, need := range b.needs() {
		if need != want[name] {
			t.Errorf("%s: %s, want %s", name, need, want[name])
		}
	}
}

// TestAStartCostsNothingWhenNothingIsRequired: no lease and no row, however often.
func TestAStartCostsNothingWhenNothingIsRequired(t *testing.T) {
	asked, answer := 0, false
	no := ok("b")
	no.ShouldRun = func(context.Context) (bool, error) { asked++; return answer, nil }
	bad := tolerated(fail("c"))
	bad.MaxFailures = 1
	doubt := tolerated(fail("e"))
	doubt.Delivery = seq.Once
	for name, s := range every() {
		answer = false
		b := newBench(t, s, ok("a"), no, bad, ok("d", "c"), doubt)
		b.mustRun()
		writes, before := b.store.Writes(), asked
		for range 3 {
			r := b.mustRun()
			if len(r.Tolerated()) != 2 || len(r.Skipped()) != 2 {
				t.Errorf("%s: %s", name, r)
			}
		}
		if b.store.Writes() != writes {
			t.Errorf("%s: %d writes: %v", name, b.store.Writes()-writes, b.store.Calls())
		}
		if asked != before+3 {
			t.Errorf("%s: asked %d times in three starts", name, asked-before)
		}
		answer = true
		b.mustRun()
		b.state("b", seq.Succeeded)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		called := false
		op := ok("a")
		op.ShouldRun = func(context.Context) (bool, error) { called = true; return true, nil }
		op.Run = func(context.Context) error { time.Sleep(time.Minute); return nil }
		waits := make(chan error, 1)
		go func() { waits <- seq.New(ledger, op, tolerated(fail("b"))).Wait(t.Context()) }()
		synctest.Wait()
		if called {
			t.Error("it called a function of an op")
		}
		began := time.Now()
		if _, err := seq.New(ledger, op, tolerated(fail("b"))).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-waits; err != nil || time.Since(began) > time.Minute+2*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}

		short, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := seq.New(store.NewMemory(), fail("a")).Wait(short); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), id("a")) {
			t.Errorf("what merely failed is waited for: %v", err)
		}

		once := fail("c")
		once.Delivery, once.Rollback = seq.Once, nil
		doubt := seq.New(store.NewMemory(), once)
		_, _ = doubt.Run(t.Context())
		if err := doubt.Wait(t.Context()); !errors.Is(err, seq.ErrNeedsPerson) || !strings.Contains(err.Error(), id("c")) {
			t.Errorf("what needs a person: %v", err)
		}
		if err := doubt.Wait(t.Context(), seq.Repeat()); !errors.Is(err, seq.ErrInvalidOption) {
			t.Errorf("Repeat: %v", err)
		}
	})
}
