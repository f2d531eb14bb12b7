package seq_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// startedAt makes an op send when it starts, and take a while.
func startedAt(d time.Duration, op seq.Op, takes time.Duration, err error, at chan<- time.Time) seq.Op {
	op.Run = func(context.Context) error {
		at <- time.Now()
		time.Sleep(takes)
		return err
	}
	return in(d, op)
}

func TestServeDoesAtOnceWhatBecameDueWhileItWorked(t *testing.T) {
	for name, fails := range map[string]error{"after a success": nil, "after a failure": errBoom} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, first, late := time.Now(), make(chan time.Time, 1), make(chan time.Time, 2)
				const until = 41 * time.Second
				s := seq.New(store.NewMemory(),
					startedAt(time.Second, ok("a"), 40*time.Second, fails, first),
					startedAt(2*time.Second, ok("b"), 0, fails, late),
					startedAt(30*time.Second, ok("c"), 0, nil, late)).Use(strategies.Scheduled())
				if _, err := s.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if err := s.Serve(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				if at := (<-first).Sub(began); at != time.Second {
					t.Errorf("the first started at +%s, want +1s", at)
				}
				close(late)
				n := 0
				for at := range late {
					n++
					if at := at.Sub(began); at < until || at > until+time.Second {
						t.Errorf("started at +%s, want it at most a second after +%s", at, until)
					}
				}
				if n != 2 {
					t.Errorf("%d of 2 started", n)
				}
			})
		})
	}
}

// TestServeWaitsForNothingItCannotDo: what became due is another version's, and is no reason to look
// again and again.
func TestServeWaitsForNothingItCannotDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan time.Time, 1)
		mine := startedAt(time.Second, ok("a"), 10*time.Second, nil, started)
		b := newBench(t, strategies.Scheduled(), mine, in(2*time.Second, ok("b")))
		b.mustRun()
		b.with(strategies.Scheduled(), mine)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		before := len(b.store.Calls())
		if err := b.seq.Serve(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		b.state("a", seq.Succeeded)
		b.state("b", seq.Scheduled)
		if asked := len(b.store.Calls()) - before; asked > 100 {
			t.Errorf("it asked the ledger %d times in ten minutes", asked)
		}
	})
}

func TestServeSeesWhatAnotherProcessEnrols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, started := store.NewMemory(), make(chan time.Time, 1)
		op := startedAt(2*time.Second, ok("a"), 0, nil, started)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- seq.New(ledger, op).Use(strategies.Scheduled()).Serve(ctx) }()
		time.Sleep(time.Second) // it has just looked
		if _, err := seq.New(ledger, op).Use(strategies.Scheduled()).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		enrolled := time.Now()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		select {
		case at := <-started:
			if late := at.Sub(enrolled); late > 30*time.Second {
				t.Errorf("it started %s after it was enrolled", late)
			}
		default:
			t.Error("it did not start")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
