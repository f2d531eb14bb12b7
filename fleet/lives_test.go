package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// mortal is a store as one process sees it, which may die: then nothing it does reaches the ledger.
type mortal struct {
	store.Store
	dead   atomic.Bool
	frozen atomic.Bool // does not get to renew what it holds
}

var errDead = errors.New("the process is dead")

func (m *mortal) gone() error {
	if m.dead.Load() {
		return errDead
	}
	return nil
}

func (m *mortal) Unwrap() store.Store { return nil }

func (m *mortal) Acquire(ctx context.Context, name string, owner store.Owner) (store.Lease, error) {
	if err := m.gone(); err != nil {
		return store.Lease{}, err
	}
	return m.Store.Acquire(ctx, name, owner)
}

func (m *mortal) Renew(ctx context.Context, lease store.Lease) error {
	if err := m.gone(); err != nil || m.frozen.Load() {
		return errors.Join(err, errors.New("nothing is heard"))
	}
	return m.Store.Renew(ctx, lease)
}

func (m *mortal) Release(ctx context.Context, lease store.Lease) error {
	if err := m.gone(); err != nil || m.frozen.Load() {
		return errors.Join(err, errors.New("nothing is heard"))
	}
	return m.Store.Release(ctx, lease)
}

func (m *mortal) Write(ctx context.Context, lease store.Lease, b store.Batch) ([]string, error) {
	if err := m.gone(); err != nil {
		return nil, err
	}
	return m.Store.Write(ctx, lease, b)
}

func (m *mortal) Atomic(ctx context.Context, lease store.Lease, claim store.Claim, fn func(context.Context) (store.Batch, error)) ([]string, error) {
	return m.Store.Atomic(ctx, lease, claim, func(ctx context.Context) (store.Batch, error) {
		b, err := fn(ctx)
		return b, errors.Join(err, m.gone())
	})
}

// TestWorkerDies: while the run goes on, the attempt of a worker that died is closed when its life has
// expired, and what may be repeated is ordered again.
func TestWorkerDies(t *testing.T) {
	for _, delivery := range []seq.Delivery{seq.Repeatable, seq.Transactional, seq.Once} {
		for _, verify := range []bool{false, true} {
			t.Run(fmt.Sprint(delivery, " ", verify), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ledger, c, loop, heard := store.NewMemory(), &calls{}, fleet.Loopback(), &events{}
					dying := &mortal{Store: ledger}
					release := make(chan struct{})
					op := plain(c, 1)
					op.Delivery = delivery
					op.Run = func(context.Context) error {
						if c.add(id(1)) == 1 {
							dying.dead.Store(true)
							<-release
						}
						return nil
					}
					if verify {
						op.Verify = func(context.Context) (bool, error) { c.add("asked"); return true, nil }
					}
					later := plain(c, 2)
					stop := worker(t, loop, seq.New(dying, op, later), 1)
					s := seq.New(ledger, op, later).Use(strategies.AllowedToFailBatch(), fleet.Middleware(loop), heard.middleware())
					var stopSecond func()
					time.AfterFunc(2*time.Second, func() { stopSecond = worker(t, loop, seq.New(ledger, op, later), 1) })
					began := time.Now()
					report, err := s.Run(t.Context())
					if took := time.Since(began); took > 20*time.Second {
						t.Errorf("it took %s", took)
					}
					e := entryOf(t, ledger, id(1))
					switch once := delivery == seq.Once; {
					case once && !verify:
						if report.State != seq.RunFailed || !errors.Is(err, seq.ErrIndeterminate) || c.of(id(1)) != 1 || e.State != seq.Indeterminate || e.Crashes != 1 {
							t.Errorf("%s, %v, %d calls, %+v", report.State, err, c.of(id(1)), e)
						}
					case verify && delivery != seq.Transactional:
						if err != nil || c.of(id(1)) != 1 || c.of("asked") != 1 || e.State != seq.Succeeded {
							t.Errorf("%s, %v, calls %v, %+v", report.State, err, c.all(), e)
						}
					default:
						if err != nil || c.of(id(1)) != 2 || e.State != seq.Succeeded || e.Attempt != 2 {
							t.Errorf("%s, %v, calls %v, %+v", report.State, err, c.all(), e)
						}
					}
					if len(heard.of(middleware.EventRecovered, id(1))) != 1 || c.of(id(2)) != 1 {
						t.Errorf("calls %v, events %s", c.all(), heard)
					}
					close(release)
					stop()
					stopSecond()
				})
			})
		}
	}
}

// TestLeaderDies: a leader whose lease expires is followed by another one, while workers go on with what
// outlasts the lease. Nothing is called twice, orders that were not begun are void.
func TestLeaderDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		var ops []seq.Op
		for n := range 12 {
			op := plain(c, n)
			op.Delivery = []seq.Delivery{seq.Repeatable, seq.Transactional, seq.Once}[n%3]
			op.Run = func(ctx context.Context) error {
				c.add(op.ID)
				select {
				case <-time.After(40 * time.Second):
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			ops = append(ops, op)
		}
		stop := worker(t, loop, seq.New(ledger, ops...), 4)
		dying := &mortal{Store: ledger}
		leader := func(ledger store.Store) (*seq.Report, error) {
			return seq.New(ledger, ops...).Use(strategies.Batch(strategies.Saga()), fleet.Middleware(loop)).Run(t.Context())
		}
		time.AfterFunc(5*time.Second, func() { dying.dead.Store(true) })
		first := make(chan error, 1)
		go func() {
			_, err := leader(dying)
			first <- err
		}()
		time.Sleep(6 * time.Second)
		report, err := leader(ledger)
		succeed(t, report, err)
		if err := <-first; !errors.Is(err, seq.ErrLeaseLost) {
			t.Errorf("the first leader: %v", err)
		}
		for _, op := range ops {
			if c.of(op.ID) != 1 || entryOf(t, ledger, op.ID).Attempt != 1 {
				t.Errorf("%s was called %d times", op.ID, c.of(op.ID))
			}
		}
		stop()
	})
}

// TestLifeOver: a worker that was not heard of is told so by the context of its ops, and by another error
// than that the lease of the run is lost; then it begins another life.
func TestLifeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		silent := &mortal{Store: ledger}
		op := plain(c, 1)
		var cause atomic.Pointer[error]
		op.Run = func(ctx context.Context) error {
			if c.add(id(1)) == 1 {
				silent.frozen.Store(true)
				<-ctx.Done()
				silent.frozen.Store(false)
				err := context.Cause(ctx)
				cause.Store(&err)
				return err
			}
			return nil
		}
		stop := worker(t, loop, seq.New(silent, op), 1)
		report, err := seq.New(ledger, op).Use(fleet.Middleware(loop)).Run(t.Context())
		succeed(t, report, err)
		if why := *cause.Load(); !errors.Is(why, fleet.ErrLifeOver) || errors.Is(why, seq.ErrLeaseLost) {
			t.Errorf("the cause is %v", why)
		}
		h, err := ledger.History(t.Context(), id(1), store.Page{Limit: 9})
		if err != nil || len(h) != 2 || !h[1].Interrupted || h[0].State != seq.Succeeded {
			t.Errorf("the history is %+v, %v", h, err)
		}
		stop()
	})
}

// TestLifeOverOfAOnce: a Once op that its worker's end has stopped, and that had no effect by its own Verify, has not
// failed: it is ordered again.
func TestLifeOverOfAOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		silent := &mortal{Store: ledger}
		op := plain(c, 1)
		op.Delivery = seq.Once
		op.Run = func(ctx context.Context) error {
			if c.add(id(1)) == 1 {
				silent.frozen.Store(true)
				<-ctx.Done()
				silent.frozen.Store(false)
				return ctx.Err()
			}
			c.add("done")
			return nil
		}
		op.Verify = func(context.Context) (bool, error) { return c.of("done") > 0, nil }
		stop := worker(t, loop, seq.New(silent, op), 1)
		report, err := seq.New(ledger, op).Use(strategies.Batch(strategies.Saga()), fleet.Middleware(loop)).Run(t.Context())
		succeed(t, report, err)
		if c.of("done") != 1 {
			t.Errorf("it was done %d times", c.of("done"))
		}
		h, err := ledger.History(t.Context(), id(1), store.Page{Limit: 9})
		if err != nil || len(h) != 2 || !h[1].Interrupted || h[1].State != seq.Pending || h[0].State != seq.Succeeded {
			t.Errorf("the history is %+v, %v", h, err)
		}
		stop()
	})
}

// TestLedgerAway: an error of the ledger before the claim gives the order back; nothing of it is lost.
func TestLedgerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		away := &mortal{Store: ledger}
		op := plain(c, 1)
		w, err := fleet.NewWorker(seq.New(away, op), nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it has its life
		away.dead.Store(true)
		time.AfterFunc(3*time.Second, func() { away.dead.Store(false) })
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan struct{})
		go func() { loop.Serve(ctx, w, 1); close(served) }()
		began := time.Now()
		report, err := seq.New(ledger, op).Use(fleet.Middleware(loop)).Run(t.Context())
		succeed(t, report, err)
		if took := time.Since(began); c.of(id(1)) != 1 || took < 3*time.Second || took > 10*time.Second {
			t.Errorf("%d calls, after %s", c.of(id(1)), took)
		}
		cancel()
		<-served
		w.Close(t.Context())
	})
}

// TestRollbackSurvivesWorkers: a worker that dies while it undoes is followed by another.
func TestRollbackSurvivesWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		dying := &mortal{Store: ledger}
		release := make(chan struct{})
		ops := []seq.Op{plain(c, 1), plain(c, 2), plain(c, 3)}
		ops[1].Rollback = func(context.Context) error {
			if c.add("undo "+id(2)) == 1 {
				dying.dead.Store(true)
				<-release
			}
			return nil
		}
		ops[2].Run = func(context.Context) error { return errBoom }
		stop := worker(t, loop, seq.New(dying, ops...), 1)
		var stopSecond func()
		time.AfterFunc(5*time.Second, func() { stopSecond = worker(t, loop, seq.New(ledger, ops...), 1) })
		report, err := seq.New(ledger, ops...).Use(strategies.Sequential(strategies.Saga()), fleet.Middleware(loop)).Run(t.Context())
		if report.State != seq.RunRolledBack || !strings.Contains(fmt.Sprint(err), "boom") {
			t.Fatalf("the run is %s, %v", report.State, err)
		}
		if c.of("undo "+id(2)) != 2 || c.of("undo "+id(1)) != 1 {
			t.Errorf("calls %v", c.all())
		}
		close(release)
		stop()
		stopSecond()
	})
}

// TestResumable: an op with checkpoints goes on from the last one on another worker.
func TestResumable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c, loop := store.NewMemory(), &calls{}, fleet.Loopback()
		dying := &mortal{Store: ledger}
		release := make(chan struct{})
		op := plain(c, 1)
		op.Delivery, op.Rollback = seq.Resumable, nil
		op.Run = func(ctx context.Context) error {
			next := 0
			if _, err := seq.Saved(ctx, &next); err != nil {
				return err
			}
			c.add("begun")
			for ; next < 6; next++ {
				if next == 2 && c.of("begun") == 1 {
					dying.dead.Store(true)
					<-release
					return nil
				}
				err := seq.Checkpoint(ctx, func(context.Context) (seq.Point, error) {
					c.add(fmt.Sprint("batch ", next))
					return seq.Point{Cursor: next + 1, Done: int64(next + 1), Total: 6}, nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		}
		stop := worker(t, loop, seq.New(dying, op), 1)
		var stopSecond func()
		time.AfterFunc(2*time.Second, func() { stopSecond = worker(t, loop, seq.New(ledger, op), 1) })
		report, err := seq.New(ledger, op).Use(fleet.Middleware(loop)).Run(t.Context())
		succeed(t, report, err)
		if c.of("begun") != 2 {
			t.Errorf("calls %v", c.all())
		}
		for n := range 6 {
			if got := c.of(fmt.Sprint("batch ", n)); got != 1 {
				t.Errorf("batch %d was done %d times", n, got)
			}
		}
		close(release)
		stop()
		stopSecond()
	})
}
