package fleet_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// cutOff is a store as a process sees it that is cut off from then on: it cannot read either.
type cutOff struct{ *mortal }

func (c *cutOff) Load(ctx context.Context) ([]store.Entry, error) {
	if err := c.gone(); err != nil {
		return nil, err
	}
	return c.mortal.Load(ctx)
}

func (c *cutOff) Leases(ctx context.Context) ([]store.LeaseError, error) {
	if err := c.gone(); err != nil {
		return nil, err
	}
	return c.mortal.Leases(ctx)
}

// down is a transport that cannot be reached at first.
type down struct {
	*fleet.Loop
	reached bool
}

var errDown = errors.New("the transport is down")

func (d *down) Open(context.Context, *fleet.Order) error {
	if d.reached {
		return nil
	}
	return errDown
}

// effectOf is what an error says of the effect of an op.
func effectOf(t *testing.T, err error) seq.Effect {
	t.Helper()
	var failed *seq.OpError
	if !errors.As(err, &failed) {
		t.Fatalf("the error names no op: %v", err)
	}
	return failed.Effect
}

// lastRun is the run that began last.
func lastRun(t *testing.T, ledger store.Store) store.Run {
	t.Helper()
	runs, err := ledger.Runs(t.Context(), store.Page{Limit: 1})
	if err != nil || len(runs) == 0 {
		t.Fatalf("runs %v, %v", runs, err)
	}
	return runs[0]
}

// TestSagaUndoesWhatItTookOver: an attempt that a leader began before it died, and that its successor waited for,
// is undone with the rest of the saga.
func TestSagaUndoesWhatItTookOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		long, fails := plain(c, 1), plain(c, 2)
		long.Run = func(context.Context) error {
			c.add(id(1))
			time.Sleep(40 * time.Second)
			return nil
		}
		fails.DependsOn, fails.Run = []string{id(1)}, func(context.Context) error { return errBoom }
		stop := worker(t, loop, seq.New(ledger, long, fails), 1)
		lead := func(ledger store.Store) (*seq.Report, error) {
			return seq.New(ledger, long, fails).Use(strategies.DependencyGraph(strategies.Saga()), fleet.Middleware(loop)).Run(t.Context())
		}
		dying := &mortal{Store: ledger}
		time.AfterFunc(5*time.Second, func() { dying.dead.Store(true) })
		first := make(chan error, 1)
		go func() {
			_, err := lead(dying)
			first <- err
		}()
		time.Sleep(6 * time.Second)
		report, err := lead(ledger)
		if report.State != seq.RunRolledBack || err == nil || c.of(id(1)) != 1 || c.of("undo "+id(1)) != 1 {
			t.Errorf("%s, %v, calls %v", report.State, err, c.all())
		}
		if e := entryOf(t, ledger, id(1)); e.State != seq.RolledBack {
			t.Errorf("the entry is %+v", e)
		}
		if err := <-first; !errors.Is(err, seq.ErrLeaseLost) {
			t.Errorf("the first leader: %v", err)
		}
		stop()
	})
}

// TestRecalledUndoStaysInItsRun: an order to undo that nobody has begun is recalled, and the op belongs to the
// run that decided, as before.
func TestRecalledUndoStaysInItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), &calls{}
		here := seq.New(ledger, plain(c, 1))
		report, err := here.Run(t.Context())
		succeed(t, report, err)
		forward := lastRun(t, ledger)
		abroad := seq.New(ledger, plain(c, 1)).Use(fleet.Middleware(fleet.Loopback(), fleet.Patience(time.Second)))
		if _, err := abroad.Rollback(t.Context()); !errors.Is(err, seq.ErrNoWorker) {
			t.Fatalf("the rollback: %v", err)
		}
		decided := lastRun(t, ledger)
		if e := entryOf(t, ledger, id(1)); e.State != seq.RollbackPending || e.Run != decided.ID || decided.State != seq.RunRollingBack {
			t.Errorf("the run is %+v, the entry %+v", decided, e)
		}
		if _, err := here.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r, _, err := ledger.LookupRun(t.Context(), forward.ID); err != nil || r.State != seq.RunSucceeded {
			t.Errorf("the run that did it is %s, %v", r.State, err)
		}
		if e := entryOf(t, ledger, id(1)); e.State != seq.RolledBack || c.of("undo "+id(1)) != 1 {
			t.Errorf("calls %v, the entry is %+v", c.all(), e)
		}
	})
}

// TestNoTransport: a leader that cannot send orders leaves a saga, and a rollback, that others began as they are.
func TestNoTransport(t *testing.T) {
	saga := func(ledger store.Store, via fleet.Transport, ops ...seq.Op) *seq.Sequencer {
		return seq.New(ledger, ops...).Use(strategies.DependencyGraph(strategies.Saga()), fleet.Middleware(via, fleet.Patience(time.Second)))
	}
	t.Run("saga", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ledger, c, loop := store.NewMemory(), &calls{}, &down{Loop: fleet.Loopback()}
			second := plain(c, 2)
			second.DependsOn = []string{id(1)}
			ctx, told := context.WithCancel(t.Context())
			first := plain(c, 1)
			first.Run = func(context.Context) error { c.add(id(1)); told(); return nil }
			if r, _ := seq.New(ledger, first, second).Use(strategies.DependencyGraph(strategies.Saga())).Run(ctx); r.State != seq.RunInterrupted {
				t.Fatalf("the first run is %s", r.State)
			}
			s := saga(ledger, loop, first, second)
			if _, err := s.Run(t.Context()); !errors.Is(err, errDown) {
				t.Fatalf("without a transport: %v", err)
			}
			if r := lastRun(t, ledger); r.State != seq.RunInterrupted {
				t.Errorf("the saga is %s", r.State)
			}
			loop.reached = true
			stop := worker(t, loop.Loop, seq.New(ledger, first, second), 1)
			report, err := s.Run(t.Context())
			succeed(t, report, err)
			if c.of(id(1)) != 1 || c.of(id(2)) != 1 {
				t.Errorf("calls %v", c.all())
			}
			stop()
		})
	})
	t.Run("rollback", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ledger, c, loop := store.NewMemory(), &calls{}, &down{Loop: fleet.Loopback(), reached: true}
			serving, leave := context.WithCancel(t.Context())
			first, second := plain(c, 1), plain(c, 2)
			second.DependsOn = []string{id(1)}
			fails := second
			fails.Run = func(context.Context) error { leave(); return errBoom } // nobody is there to undo
			w, err := fleet.NewWorker(seq.New(ledger, first, fails), nil)
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				loop.Serve(serving, w, 1)
				w.Close(context.WithoutCancel(serving))
				close(served)
			}()
			s := saga(ledger, loop, first, fails)
			if r, _ := s.Run(t.Context()); r.State != seq.RunRollingBack {
				t.Fatalf("the run is %s", r.State)
			}
			<-served
			loop.reached = false
			if _, err := s.Run(t.Context()); !errors.Is(err, errDown) {
				t.Fatalf("without a transport: %v", err)
			}
			if r := lastRun(t, ledger); r.State != seq.RunRollingBack {
				t.Errorf("the saga is %s", r.State)
			}
			loop.reached = true
			stop := worker(t, loop.Loop, seq.New(ledger, first, second), 1)
			report, err := saga(ledger, loop, first, second).Run(t.Context())
			succeed(t, report, err)
			if c.of("undo "+id(1)) != 1 || c.of(id(1)) != 2 {
				t.Errorf("calls %v", c.all())
			}
			stop()
		})
	})
}

// TestLeaderThatKnowsNothing: a leader that loses its lease before it has heard whether an order was begun does not
// say that the op had no effect.
func TestLeaderThatKnowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		leader := &cutOff{&mortal{Store: ledger}}
		time.AfterFunc(time.Second, func() { leader.dead.Store(true) })
		started := make(chan func(), 1)
		time.AfterFunc(2*time.Second, func() { started <- worker(t, loop, seq.New(ledger, plain(c, 1)), 1) })
		_, err := seq.New(leader, plain(c, 1)).Use(fleet.Middleware(loop)).Run(t.Context())
		if !errors.Is(err, seq.ErrLeaseLost) || c.of(id(1)) != 1 || effectOf(t, err) != seq.EffectUnknown {
			t.Errorf("calls %v, effect %s, %v", c.all(), effectOf(t, err), err)
		}
		(<-started)()
	})
}

// TestEffectOfADeadWorker: an op that a worker called before it died, and that nobody has begun again when the
// leader is told to end, may have had an effect; a Transactional one has not.
func TestEffectOfADeadWorker(t *testing.T) {
	for delivery, want := range map[seq.Delivery]seq.Effect{seq.Repeatable: seq.EffectUnknown, seq.Transactional: seq.EffectNone} {
		t.Run(delivery.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
				dying := &mortal{Store: ledger}
				release := make(chan struct{})
				op := plain(c, 1)
				op.Delivery = delivery
				op.Run = func(context.Context) error {
					c.add(id(1))
					dying.dead.Store(true)
					<-release
					return nil
				}
				stop := worker(t, loop, seq.New(dying, op), 1)
				ctx, told := context.WithCancel(t.Context())
				time.AfterFunc(time.Minute, told)
				_, err := seq.New(ledger, op).Use(fleet.Middleware(loop)).Run(ctx)
				if got := effectOf(t, err); got != want || c.of(id(1)) != 1 {
					t.Errorf("the effect is %s, %v, calls %v", got, err, c.all())
				}
				close(release)
				stop()
			})
		})
	}
}

// TestRunDueBesideAWorker: a RunDue says nothing of the end of an earlier one while a worker is at what that has
// begun.
func TestRunDueBesideAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		op := plain(c, 1)
		op.ExecuteAt = func(now time.Time) time.Time { return now.Add(time.Minute) }
		op.Run = func(context.Context) error {
			c.add(id(1))
			time.Sleep(time.Hour)
			return nil
		}
		s := seq.New(ledger, op).Use(strategies.Scheduled(strategies.Saga()), fleet.Middleware(loop))
		stop := worker(t, loop, s, 1)
		report, err := s.Run(t.Context())
		succeed(t, report, err)
		time.Sleep(2 * time.Minute)
		ctx, told := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, told)
		if r, _ := s.RunDue(ctx); r.State != seq.RunInterrupted {
			t.Fatalf("the run is %s", r.State)
		}
		for _, want := range []seq.RunState{seq.RunInterrupted, seq.RunSucceeded} {
			report, err := s.RunDue(t.Context())
			succeed(t, report, err)
			if r := lastRun(t, ledger); r.State != want {
				t.Errorf("the run that began it is %s, want %s", r.State, want)
			}
			time.Sleep(2 * time.Hour)
		}
		stop()
	})
}

// dyingRecall is a store as a leader sees it that dies when it has claimed an op, to recall its order.
type dyingRecall struct{ *mortal }

func (d *dyingRecall) Write(ctx context.Context, lease store.Lease, b store.Batch) ([]string, error) {
	refused, err := d.mortal.Write(ctx, lease, b)
	if len(b.Claims) > 0 {
		d.dead.Store(true)
	}
	return refused, err
}

// TestLeaderDiesRecalling: a leader that dies in the middle of a recall leaves an attempt of the generation that was
// to begin. What undid the one before has not been done under the key of the next.
func TestLeaderDiesRecalling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, loop := store.NewMemory(), fleet.Loopback()
		var keys []string
		op := plain(&calls{}, 1)
		op.Run = func(ctx context.Context) error { keys = append(keys, seq.IdempotencyKey(ctx)); return nil }
		here := seq.New(ledger, op)
		report, err := here.Run(t.Context())
		succeed(t, report, err)
		if _, err := here.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		lead := func(ledger store.Store) (*seq.Report, error) {
			return seq.New(ledger, op).Use(fleet.Middleware(loop, fleet.Patience(time.Second))).Run(t.Context())
		}
		if _, err := lead(&dyingRecall{&mortal{Store: ledger}}); err == nil {
			t.Fatal("nobody has done it")
		}
		time.Sleep(time.Minute)
		stop := worker(t, loop, seq.New(ledger, op), 1)
		report, err = lead(ledger)
		succeed(t, report, err)
		if len(keys) != 2 || keys[0] == keys[1] {
			t.Errorf("the keys are %q", keys)
		}
		stop()
	})
}

// claimed is a store as a leader sees it that remembers what was claimed.
type claimed struct {
	store.Store
	ids []string
}

func (c *claimed) Write(ctx context.Context, lease store.Lease, b store.Batch) ([]string, error) {
	for _, claim := range b.Claims {
		c.ids = append(c.ids, claim.ID)
	}
	return c.Store.Write(ctx, lease, b)
}

// TestRecallWaitsForNoOp: a leader that is told to end claims only what nobody has begun: the claim of an op that is
// in a transaction would wait for its end.
func TestRecallWaitsForNoOp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := &claimed{Store: store.NewMemory()}, &calls{}, fleet.Loopback()
		long := plain(c, 1)
		long.Delivery = seq.Transactional
		long.Run = func(context.Context) error { time.Sleep(time.Hour); return nil }
		later := plain(c, 2)
		stop := worker(t, loop, seq.New(ledger.Store, long, later), 1)
		ctx, told := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, told)
		s := seq.New(ledger, long, later).Use(strategies.Batch(strategies.Limit(1)), fleet.Middleware(loop))
		if r, _ := s.Run(ctx); r.State != seq.RunInterrupted || entryOf(t, ledger, id(1)).State != seq.Running {
			t.Fatalf("the run is %s", r.State)
		}
		if len(ledger.ids) != 0 {
			t.Errorf("it claimed %q", ledger.ids)
		}
		stop()
	})
}
