package seq_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

func TestAFleetRunsEachOpOnce(t *testing.T) {
	for name, s := range every() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger := store.NewMemory()
				var calls, at atomic.Int64
				op := func(name string, deps ...string) seq.Op {
					o := ok(name, deps...)
					o.Run = func(context.Context) error {
						calls.Add(1)
						time.Sleep(time.Minute)
						return nil
					}
					return o
				}
				done := make(chan *seq.Report)
				for range 20 {
					go func() {
						r, err := seq.New(ledger, op("a"), op("b", "a"), op("c")).Use(s).Run(t.Context(), seq.Isolate())
						if err != nil {
							t.Error(err)
						}
						if len(r.Steps) > 0 {
							at.Add(1)
						}
						done <- r
					}()
				}
				for range 20 {
					<-done
				}
				if calls.Load() != 3 || at.Load() != 1 {
					t.Errorf("%d calls in %d runs, want 3 in 1", calls.Load(), at.Load())
				}
			})
		})
	}
}

func TestIsolateOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		slow := ok("a")
		slow.Run = func(context.Context) error { time.Sleep(time.Hour); return nil }
		go func() { _, _ = seq.New(ledger, slow).Run(t.Context()) }()
		time.Sleep(time.Minute)
		s := seq.New(ledger, slow)

		r, err := s.Run(t.Context(), seq.Isolate(seq.OrReturn))
		if err != nil || r.State != seq.RunBusy {
			t.Errorf("OrReturn: %v, %v", r, err)
		}
		_, err = s.Run(t.Context(), seq.Isolate(seq.OrFail))
		var held *store.LeaseError
		if !errors.As(err, &held) || held.Holder != store.ThisProcess() || !errors.Is(err, seq.ErrLeaseHeld) {
			t.Errorf("OrFail: %v", err)
		}
		if _, err := s.Preview(t.Context()); err != nil { // never waits
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Run(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, seq.ErrLeaseHeld) {
			t.Errorf("waiting with a deadline: %v", err)
		}
		if _, err := s.Rollback(t.Context(), seq.Isolate(seq.OrFail)); !errors.Is(err, seq.ErrLeaseHeld) {
			t.Errorf("Rollback: %v", err)
		}
		if r, err := s.Run(t.Context()); err != nil || len(r.Steps) != 0 { // waits, and then there is nothing to do
			t.Errorf("OrWait: %v, %v", r, err)
		}
	})
}

func TestTheLeaseIsGivenBack(t *testing.T) {
	ledger := store.NewMemory()
	_, _ = seq.New(ledger, fail("a")).Use(strategies.TransactionalBatch()).Run(t.Context())
	if _, err := ledger.Acquire(t.Context(), store.RunLease, store.Owner{}); err != nil {
		t.Errorf("after a run that failed: %v", err)
	}
}

func TestALongRunKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := ok("a")
		slow.Run = func(ctx context.Context) error { time.Sleep(24 * time.Hour); return ctx.Err() }
		b := newBench(t, strategies.Sequential(), slow, ok("b", "a"))
		b.mustRun()
	})
}

func TestAClosedStore(t *testing.T) {
	ledger := store.NewMemory()
	_ = ledger.Close()
	if r, err := seq.New(ledger, ok("a")).Run(t.Context()); !errors.Is(err, store.ErrClosed) || r == nil {
		t.Errorf("%v, %v", r, err)
	}
}

// asleep is a ledger whose process sleeps from a claim on: nothing is renewed meanwhile.
type asleep struct {
	*store.Memory
	until atomic.Int64
}

func (s *asleep) Write(ctx context.Context, l store.Lease, b store.Batch) ([]string, error) {
	refused, err := s.Memory.Write(ctx, l, b)
	if len(b.Claims) > 0 {
		time.Sleep(time.Duration(s.until.Load()))
	}
	return refused, err
}

func (s *asleep) Renew(ctx context.Context, l store.Lease) error {
	if s.until.Load() > 0 {
		return errors.New("asleep")
	}
	return s.Memory.Renew(ctx, l)
}

// A process that wakes up when its lease is about to end starts no op any more, whether the op was
// claimed by itself or with the outcome of the one before.
func TestWhoWakesUpLateStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &asleep{Memory: store.NewMemory()}
		var calls []string
		op := func(name string, last bool) seq.Op {
			o := ok(name)
			o.Delivery = seq.Once
			o.Run = func(context.Context) error {
				calls = append(calls, name)
				if last {
					ledger.until.Store(int64(store.LeaseTTL - time.Second))
				}
				return nil
			}
			return o
		}
		run := func() error {
			_, err := seq.New(ledger, op("a", true), op("b", false)).Run(t.Context())
			return err
		}
		ledger.until.Store(int64(store.LeaseTTL - time.Second))
		if err := run(); !errors.Is(err, seq.ErrLeaseLost) || len(calls) > 0 {
			t.Errorf("%v, called %v", err, calls)
		}
		ledger.until.Store(0)
		if err := run(); !errors.Is(err, seq.ErrLeaseLost) || !slices.Equal(calls, []string{"a"}) {
			t.Errorf("%v, called %v", err, calls)
		}
		ledger.until.Store(0)
		if err := run(); err != nil || !slices.Equal(calls, []string{"a", "b"}) {
			t.Errorf("%v, called %v", err, calls)
		}
	})
}

// away is a ledger that cannot be reached from one time until another.
type away struct {
	*store.Memory
	from, until time.Time
}

func (a *away) Acquire(ctx context.Context, name string, owner store.Owner) (store.Lease, error) {
	if now := time.Now(); now.After(a.from) && now.Before(a.until) {
		return store.Lease{}, errors.New("connection refused")
	}
	return a.Memory.Acquire(ctx, name, owner)
}

// Who waits for the lease outlives a restart of the database, says so, and does not wait for ever.
func TestAWaitOutlivesAShortOutage(t *testing.T) {
	for took, outlived := range map[time.Duration]bool{20 * time.Second: true, 2 * time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			ledger := &away{store.NewMemory(), now.Add(time.Minute), now.Add(time.Minute + took)}
			slow := ok("a")
			slow.Run = func(context.Context) error { time.Sleep(10 * time.Minute); return nil }
			other := make(chan error)
			go func() {
				_, err := seq.New(ledger, slow).Run(t.Context())
				other <- err
			}()
			synctest.Wait()
			waits := 0
			_, err := seq.New(ledger, slow).Use(middleware.Middleware{Watch: func(e middleware.Event) {
				if e.Kind == middleware.EventWaiting {
					waits++
				}
			}}).Run(t.Context())
			if outlived == (err != nil) || waits < 3 {
				t.Errorf("%s away: %v, %d words of waiting", took, err, waits)
			}
			if err := <-other; err != nil {
				t.Error(err)
			}
		})
	}
}

// hanging is a ledger whose answers do not come any more, once it has said that the lease is held.
type hanging struct{ *store.Memory }

func (h *hanging) Acquire(ctx context.Context, name string, owner store.Owner) (store.Lease, error) {
	if lease, err := h.Memory.Acquire(ctx, name, owner); err == nil {
		return lease, nil
	} else if time.Now().Second() == 0 {
		return lease, err
	}
	<-ctx.Done()
	return store.Lease{}, ctx.Err()
}

// Who gives up waiting is not told that it tries again.
func TestAnEndedWaitTriesNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &hanging{store.NewMemory()}
		if _, err := ledger.Memory.Acquire(t.Context(), store.RunLease, store.Owner{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		waits := 0
		_, err := seq.New(ledger, ok("a")).Use(middleware.Middleware{Watch: func(e middleware.Event) {
			if e.Kind == middleware.EventWaiting {
				waits++
			}
		}}).Run(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, seq.ErrLeaseHeld) || waits != 1 {
			t.Errorf("%v, %d words of waiting", err, waits)
		}
	})
}

// So does a run that waits for its time, and wakes up in the middle of one.
func TestAWaitForATimeOutlivesAShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		ledger := &away{store.NewMemory(), now.Add(time.Hour - time.Second), now.Add(time.Hour + 20*time.Second)}
		s := seq.New(ledger, in(time.Hour, ok("a"))).Use(strategies.Scheduled(strategies.Wait()))
		if r, err := s.Run(t.Context()); err != nil || len(r.Succeeded()) != 1 {
			t.Errorf("%v\n%s", err, r)
		}
	})
}
