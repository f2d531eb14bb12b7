package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// TestEveryStrategy runs the same ops by every strategy, on this machine's ledger and a fleet of two workers.
func TestEveryStrategy(t *testing.T) {
	ledgers(t, func(t *testing.T, ledger store.Store) {
		for i, st := range []seq.Strategy{
			strategies.Sequential(), strategies.Batch(), strategies.TransactionalBatch(), strategies.AllowedToFailBatch(),
			strategies.DependencyGraph(), strategies.DependencyGraph(strategies.Eager()), strategies.Scheduled(),
		} {
			t.Run(fmt.Sprint(i, " ", st.Name), func(t *testing.T) {
				c, loop := &calls{}, fleet.Loopback()
				var ops []seq.Op
				for n := range 12 {
					op := plain(c, 100*i+n)
					op.Delivery = []seq.Delivery{seq.Repeatable, seq.Transactional, seq.Once}[n%3]
					if n > 3 {
						op.DependsOn = []string{id(100*i + n - 3)}
					}
					ops = append(ops, op)
				}
				s := seq.New(ledger, ops...).Use(st, fleet.Middleware(loop))
				worker(t, loop, s, 2)
				worker(t, loop, s, 2)
				report, err := s.Run(t.Context(), seq.By("ann"))
				succeed(t, report, err)
				for _, op := range ops {
					e := entryOf(t, ledger, op.ID)
					if c.of(op.ID) != 1 || e.State != seq.Succeeded || e.Attempt != 1 || e.Life == "" {
						t.Errorf("%s was called %d times; the entry is %+v", op.ID, c.of(op.ID), e)
					}
				}
				h, err := ledger.History(t.Context(), ops[0].ID, store.Page{Limit: 2})
				if err != nil || len(h) != 1 || h[0].Owner.Actor != "ann" {
					t.Errorf("the history is %+v, %v", h, err)
				}
			})
		}
	})
}

// TestSagaOnWorkers: the leader decides, the workers undo, in the reverse order of completion.
func TestSagaOnWorkers(t *testing.T) {
	ledgers(t, func(t *testing.T, ledger store.Store) {
		c, loop := &calls{}, fleet.Loopback()
		var ops []seq.Op
		for n := range 6 {
			ops = append(ops, plain(c, n))
			name := id(n)
			ops[n].Run = func(ctx context.Context) error { c.add(name); return seq.Save(ctx, name) }
			ops[n].Rollback = func(ctx context.Context) error {
				var saved string
				if ok, err := seq.Saved(ctx, &saved); err != nil || !ok || saved != name {
					return fmt.Errorf("saved %q, %v, %w", saved, ok, errors.Join(err, errBoom))
				}
				c.add("undo " + name)
				return nil
			}
		}
		ops[5].Run = func(context.Context) error { return errBoom }
		s := seq.New(ledger, ops...).Use(strategies.Sequential(strategies.Saga()), fleet.Middleware(loop))
		worker(t, loop, s, 2)
		worker(t, loop, s, 2)
		report, err := s.Run(t.Context())
		if report.State != seq.RunRolledBack || err == nil || !strings.Contains(err.Error(), "boom") || errors.Is(err, errBoom) {
			t.Fatalf("the run is %s, %v", report.State, err)
		}
		var failed *seq.OpError
		if !errors.As(err, &failed) || failed.ID != id(5) || failed.Effect != seq.EffectUnknown {
			t.Errorf("the error is %+v", failed)
		}
		want := []string{id(0), id(1), id(2), id(3), id(4), "undo " + id(4), "undo " + id(3), "undo " + id(2), "undo " + id(1), "undo " + id(0)}
		if got := c.inOrder(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("calls %v, want %v", got, want)
		}
	})
}

// TestCapabilities: what an op and its neighbours can do means the same on a worker.
func TestCapabilities(t *testing.T) {
	ledgers(t, func(t *testing.T, ledger store.Store) {
		c, loop, heard := &calls{}, fleet.Loopback(), &events{}
		retried, tolerated, skipped, never, asked, permanent := plain(c, 1), plain(c, 2), plain(c, 3), plain(c, 4), plain(c, 5), plain(c, 6)
		retried.Retry = plan.Retry{Attempts: 3, Base: time.Millisecond}
		retried.Run = func(ctx context.Context) error {
			if err := seq.Progress(ctx, 1, 2); err != nil {
				return err
			}
			if c.add(id(1)) < 3 {
				return errBoom
			}
			return nil
		}
		tolerated.AllowedToFail = true
		tolerated.Run = func(context.Context) error { return errBoom }
		skipped.Run = func(context.Context) error { return seq.Skip("nothing to do") }
		never.ShouldRun = func(context.Context) (bool, error) { c.add("asked"); return false, nil }
		asked.Delivery = seq.Once
		asked.Run = func(context.Context) error { c.add(id(5)); return errBoom }
		asked.Verify = func(context.Context) (bool, error) { return true, nil }
		permanent.Run = func(context.Context) error { return seq.Permanent(errBoom) }
		ops := []seq.Op{retried, tolerated, skipped, never, asked, permanent}
		s := seq.New(ledger, ops...).Use(strategies.AllowedToFailBatch(), fleet.Middleware(loop), heard.middleware())
		worker(t, loop, seq.New(ledger, ops...), 3)
		report, err := s.Run(t.Context())
		if report.State != seq.RunFailed || err == nil || !strings.Contains(err.Error(), id(6)) || strings.Contains(err.Error(), id(2)) {
			t.Fatalf("the run is %s, %v", report.State, err)
		}
		for n, want := range map[int]seq.State{1: seq.Succeeded, 2: seq.Tolerated, 3: seq.Skipped, 4: seq.Skipped, 5: seq.Succeeded, 6: seq.Failed} {
			if e := entryOf(t, ledger, id(n)); e.State != want || n == 6 && !e.Permanent {
				t.Errorf("the entry of %d is %+v, want %s", n, e, want)
			}
			for _, step := range report.Steps {
				if step.ID == id(n) && step.State != want {
					t.Errorf("the report has %s for %d, want %s", step.State, n, want)
				}
			}
		}
		if c.of(id(1)) != 3 || c.of(id(5)) != 1 {
			t.Errorf("calls %v", c.all())
		}
		if len(heard.of(middleware.EventRetrying, id(1))) != 2 || len(heard.of(middleware.EventProgress, id(1))) == 0 || len(heard.of(middleware.EventStarted, id(1))) != 1 {
			t.Errorf("events %s", heard)
		}
		if _, err = s.Run(t.Context()); !errors.Is(err, seq.ErrPermanent) {
			t.Errorf("the second run: %v", err)
		}
	})
}

// TestDuplicates: an order that is delivered many times leads to one attempt.
func TestDuplicates(t *testing.T) {
	ledgers(t, func(t *testing.T, ledger store.Store) {
		c, loop := &calls{}, fleet.Loopback()
		var ops []seq.Op
		for n := range 20 {
			op := plain(c, n)
			op.Delivery = []seq.Delivery{seq.Repeatable, seq.Transactional, seq.Once}[n%3]
			ops = append(ops, op)
		}
		s := seq.New(ledger, ops...).Use(strategies.Batch(), fleet.Middleware(repeating{loop}))
		worker(t, loop, s, 4)
		worker(t, loop, s, 4)
		report, err := s.Run(t.Context())
		succeed(t, report, err)
		eventually(t, "the last delivery", func() bool { return loop.Waiting() == 0 })
		for _, op := range ops {
			if c.of(op.ID) != 1 || entryOf(t, ledger, op.ID).Attempt != 1 {
				t.Errorf("%s was called %d times", op.ID, c.of(op.ID))
			}
		}
	})
}

// repeating sends every order five times.
type repeating struct{ *fleet.Loop }

func (r repeating) Send(ctx context.Context, orders []*fleet.Order) error {
	for range 5 {
		if err := r.Loop.Send(ctx, orders); err != nil {
			return err
		}
	}
	return nil
}

// losing loses the first order of each op.
type losing struct {
	*fleet.Loop
	lost *calls
}

func (l losing) Send(ctx context.Context, orders []*fleet.Order) error {
	for _, o := range orders {
		if l.lost.add(o.ID) == 1 {
			continue
		}
		if err := l.Loop.Send(ctx, []*fleet.Order{o}); err != nil {
			return err
		}
	}
	return nil
}

// TestLostOrders: what the transport loses is sent again.
func TestLostOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, loop := &calls{}, fleet.Loopback()
		ops := []seq.Op{plain(c, 1), plain(c, 2)}
		s := seq.New(store.NewMemory(), ops...).Use(strategies.Batch(), fleet.Middleware(losing{loop, &calls{}}))
		stop := worker(t, loop, s, 2)
		began := time.Now()
		report, err := s.Run(t.Context())
		succeed(t, report, err)
		if took := time.Since(began); took < 10*time.Second || took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
		if c.of(id(1)) != 1 || c.of(id(2)) != 1 {
			t.Errorf("calls %v", c.all())
		}
		stop()
	})
}

// TestNobodyThere: that no worker lives is said within ten seconds, and the wait has an end.
func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, heard := store.NewMemory(), &calls{}, &events{}
		s := seq.New(ledger, plain(c, 1)).Use(fleet.Middleware(fleet.Loopback(), fleet.Patience(time.Minute)), heard.middleware())
		began := time.Now()
		report, err := s.Run(t.Context())
		if !errors.Is(err, seq.ErrNoWorker) || report.State != seq.RunFailed || time.Since(began) > 70*time.Second {
			t.Fatalf("after %s: %s, %v", time.Since(began), report.State, err)
		}
		said := heard.of(middleware.EventNoWorker, id(1))
		if len(said) != 1 || said[0].Time.Sub(began) > 10*time.Second || !errors.Is(said[0].Err, seq.ErrNoWorker) {
			t.Errorf("said %+v", said)
		}
		if e := entryOf(t, ledger, id(1)); e.State != seq.Pending || e.Failures != 0 || e.Crashes != 0 {
			t.Errorf("the entry is %+v", e)
		}
		var failed *seq.OpError
		if !errors.As(err, &failed) || failed.Effect != seq.EffectNone {
			t.Errorf("the error is %v", err)
		}
	})
}

// TestOtherBinary: a worker without the op, or with another checksum, refuses before it claims; one that can
// do it does.
func TestOtherBinary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, heard, loop := store.NewMemory(), &calls{}, &events{}, fleet.Loopback()
		known, changed := plain(c, 1), plain(c, 2)
		changed.Checksum = "old"
		stop := worker(t, loop, seq.New(ledger, changed), 2)
		changed.Checksum = "new"
		s := seq.New(ledger, known, changed).Use(strategies.Batch(), fleet.Middleware(loop, fleet.Patience(time.Minute)), heard.middleware())
		_, err := s.Run(t.Context())
		if !errors.Is(err, seq.ErrNoWorker) || !strings.Contains(err.Error(), "does not have it") || !strings.Contains(err.Error(), `checksum "old"`) {
			t.Fatalf("got %v", err)
		}
		if len(heard.of(middleware.EventNoWorker, id(1))) != 1 || len(heard.of(middleware.EventNoWorker, id(2))) != 1 {
			t.Errorf("events %s", heard)
		}
		stopNew := worker(t, loop, s, 2)
		report, err := s.Run(t.Context())
		succeed(t, report, err)
		if c.of(id(1)) != 1 || c.of(id(2)) != 1 {
			t.Errorf("calls %v", c.all())
		}
		stop()
		stopNew()
	})
}

// TestLeaderToldToEnd: orders that nobody has begun are void, one that was begun goes on, and the next run,
// with workers or without, waits for it.
func TestLeaderToldToEnd(t *testing.T) {
	for _, next := range []string{"fleet", "local"} {
		t.Run(next, func(t *testing.T) {
			ledgers(t, func(t *testing.T, ledger store.Store) {
				c, loop := &calls{}, fleet.Loopback()
				first, released := make(chan string, 1), make(chan struct{})
				release := sync.OnceFunc(func() { close(released) })
				defer release()
				var ops []seq.Op
				for n := 1; n <= 3; n++ {
					op := plain(c, n)
					op.Delivery = seq.Once
					op.Run = func(context.Context) error {
						c.add(op.ID)
						if c.add("any") == 1 {
							first <- op.ID
							<-released
						}
						return nil
					}
					ops = append(ops, op)
				}
				s := seq.New(ledger, ops...).Use(strategies.Batch(strategies.Saga()), fleet.Middleware(loop))
				worker(t, loop, s, 1)
				ctx, cancel := context.WithCancel(t.Context())
				var leader atomic.Pointer[seq.Report]
				go func() {
					report, _ := s.Run(ctx)
					leader.Store(report)
				}()
				begun := <-first
				eventually(t, "the other orders", func() bool { return loop.Waiting() == 2 })
				cancel()
				eventually(t, "the leader's end", func() bool { return leader.Load() != nil })
				if r := leader.Load(); r.State != seq.RunInterrupted {
					t.Fatalf("the run is %s", r.State)
				}
				if loop.Waiting() != 0 {
					t.Errorf("%d orders stay", loop.Waiting())
				}
				if e := entryOf(t, ledger, begun); e.State != seq.Running {
					t.Fatalf("the entry is %+v", e)
				}
				second := s
				if next == "local" {
					second = seq.New(ledger, ops...).Use(strategies.Batch(strategies.Saga()))
				}
				done := make(chan *seq.Report, 1)
				go func() {
					report, err := second.Run(t.Context())
					if err != nil {
						t.Error(err)
					}
					done <- report
				}()
				eventually(t, "what need not wait", func() bool {
					return next == "fleet" || c.of("any") == 3
				})
				select {
				case r := <-done:
					t.Fatalf("it did not wait: %s", r.State)
				case <-time.After(50 * time.Millisecond):
				}
				release()
				if r := <-done; r.State != seq.RunSucceeded {
					t.Fatalf("the run is %s", r.State)
				}
				for n := 1; n <= 3; n++ {
					if e := entryOf(t, ledger, id(n)); c.of(id(n)) != 1 || e.State != seq.Succeeded {
						t.Errorf("%d was called %d times: %+v", n, c.of(id(n)), e)
					}
				}
			})
		})
	}
}

// TestSagaWaitsForWorkers: a saga that undoes when it is told to end voids what was not begun, waits for what
// was, and only then decides.
func TestSagaWaitsForWorkers(t *testing.T) {
	ledgers(t, func(t *testing.T, ledger store.Store) {
		c, loop := &calls{}, fleet.Loopback()
		first, released := make(chan string, 1), make(chan struct{})
		release := sync.OnceFunc(func() { close(released) })
		defer release()
		var ops []seq.Op
		for n := range 10 {
			op := plain(c, n)
			op.Run = func(context.Context) error {
				c.add(op.ID)
				if c.add("any") == 1 {
					first <- op.ID
					<-released
				}
				return nil
			}
			ops = append(ops, op)
		}
		s := seq.New(ledger, ops...).Use(strategies.Batch(strategies.Saga(), strategies.UndoInterrupted()), fleet.Middleware(loop))
		worker(t, loop, s, 1)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan *seq.Report, 1)
		go func() {
			report, _ := s.Run(ctx)
			done <- report
		}()
		begun := <-first
		eventually(t, "the other orders", func() bool { return loop.Waiting() == 9 })
		cancel()
		eventually(t, "the recall", func() bool { return loop.Waiting() == 0 })
		release()
		if r := <-done; r.State != seq.RunRolledBack {
			t.Fatalf("the run is %s", r.State)
		}
		if got := fmt.Sprint(c.inOrder()); got != fmt.Sprint([]string{begun, "any", "undo " + begun}) {
			t.Errorf("calls %s", got)
		}
	})
}
