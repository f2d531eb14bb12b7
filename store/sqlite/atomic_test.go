package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

// effects is a ledger whose database has a table for what ops do.
func effects(tb testing.TB, opts ...bunstore.Option) *bunstore.Store {
	tb.Helper()
	s := open(tb, file(tb), opts...)
	query(tb, s.DB(), `CREATE TABLE effects (name text UNIQUE)`)
	return s
}

func count(tb testing.TB, s *bunstore.Store) (n int) {
	tb.Helper()
	if err := s.DB().NewSelect().Table("effects").ColumnExpr("count(*)").Scan(tb.Context(), &n); err != nil {
		tb.Fatal(err)
	}
	return n
}

func effect(ctx context.Context, name string) error {
	_, err := bunstore.Tx(ctx).ExecContext(ctx, `INSERT INTO effects VALUES (?)`, name)
	return err
}

func TestATransactionalOpAndItsRecordAreOne(t *testing.T) {
	boom := errors.New("boom")
	raw := func(query string) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := effect(ctx, "before"); err != nil {
				return err
			}
			_, err := bunstore.Tx(ctx).ExecContext(ctx, query)
			return err
		}
	}
	for name, tt := range map[string]struct {
		fn     func(context.Context) error
		want   error // nil: it succeeds
		effect int
	}{
		"success": {fn: func(ctx context.Context) error { return effect(ctx, "a") }, effect: 1},
		"error": {fn: func(ctx context.Context) error {
			return errors.Join(effect(ctx, "a"), boom)
		}, want: boom},
		"raw COMMIT":          {fn: raw("COMMIT"), want: store.ErrTxBroken, effect: 1},
		"raw ROLLBACK":        {fn: raw("ROLLBACK"), want: store.ErrTxBroken},
		"raw COMMIT; BEGIN":   {fn: raw("COMMIT; BEGIN"), want: store.ErrTxBroken, effect: 1},
		"raw ROLLBACK; BEGIN": {fn: raw("ROLLBACK; BEGIN"), want: store.ErrTxBroken},
		"raw COMMIT, then an error": {fn: func(ctx context.Context) error {
			return errors.Join(raw("COMMIT")(ctx), boom)
		}, want: store.ErrTxBroken, effect: 1},
		"Commit on the transaction": {fn: func(ctx context.Context) error {
			return errors.Join(effect(ctx, "a"), bunstore.Tx(ctx).(bun.Tx).Commit())
		}, want: store.ErrTxBroken, effect: 1},
		"savepoints": {fn: func(ctx context.Context) error {
			return bunstore.Tx(ctx).RunInTx(ctx, nil, func(ctx context.Context, _ bun.Tx) error {
				failed := bunstore.Tx(ctx).RunInTx(ctx, nil, func(ctx context.Context, _ bun.Tx) error {
					return errors.Join(effect(ctx, "undone"), boom)
				})
				if !errors.Is(failed, boom) {
					return fmt.Errorf("the inner transaction: %w", failed)
				}
				return effect(ctx, "kept")
			})
		}, effect: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := effects(t)
			lease := acquire(t, s)
			c := claim(t, s, lease, "op")
			_, err := s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) { return done(c), tt.fn(ctx) })
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if n := count(t, s); n != tt.effect {
				t.Errorf("%d effects, want %d", n, tt.effect)
			}
			state := store.Succeeded
			if tt.want != nil {
				state = store.Running // the kernel's to record
			}
			seqtest.AssertState(t, s, "op", state)
			// Whatever the op did, the connection is good for the next.
			c = claim(t, s, lease, "next")
			_, err = s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) { return done(c), effect(ctx, "next") })
			if err != nil {
				t.Errorf("the next op: %v", err)
			}
		})
	}
}

func TestAPanicRollsBack(t *testing.T) {
	s := effects(t)
	lease := acquire(t, s)
	c := claim(t, s, lease, "op")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic got lost")
			}
		}()
		_, _ = s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) {
			_ = effect(ctx, "a")
			panic("boom")
		})
	}()
	if n := count(t, s); n != 0 {
		t.Errorf("%d effects, want 0", n)
	}
	if _, err := s.Write(t.Context(), lease, done(c)); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

// On SQLite nobody can renew a lease, or take it over, while an op holds the write lock.
func TestALeaseOutlivesATransactionalOp(t *testing.T) {
	s := effects(t)
	other := bunstore.New(s.DB())
	lease := acquire(t, s)
	c := claim(t, s, lease, "op")
	during := func(fail error) error {
		// As if the op ran for longer than the lease lasts: it has expired when it begins, and nobody has
		// taken it.
		query(t, s.DB(), `UPDATE seq_leases SET expires = 1`)
		_, err := s.Atomic(t.Context(), lease, c, func(context.Context) (store.Batch, error) {
			if err := s.Renew(t.Context(), store.Lease{}); !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("Renew of no lease: %v", err)
			}
			began := time.Now()
			if err := s.Renew(t.Context(), lease); err != nil {
				t.Errorf("Renew during the op: %v", err)
			}
			if err := s.Renew(t.Context(), store.Lease{Name: store.RunLease, Epoch: 1}); !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("Renew of another lease: %v", err)
			}
			if _, err := s.Acquire(t.Context(), store.RunLease, owner); !errors.Is(err, store.ErrLeaseHeld) {
				t.Errorf("Acquire during the op: %v", err)
			}
			if _, err := s.Load(t.Context()); err != nil {
				t.Errorf("Load during the op: %v", err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("they waited for %s", took)
			}
			return store.Batch{}, fail
		})
		return err
	}
	for _, fail := range []error{errors.New("boom"), nil} {
		if err := during(fail); !errors.Is(err, fail) {
			t.Fatalf("got %v, want %v", err, fail)
		}
		if _, err := other.Acquire(t.Context(), store.RunLease, owner); !errors.Is(err, store.ErrLeaseHeld) {
			t.Fatalf("the lease was lost meanwhile: %v", err)
		}
	}
	if err := s.Renew(t.Context(), lease); err != nil {
		t.Errorf("Renew after the op: %v", err)
	}
}

func TestWritersWaitForATransactionalOp(t *testing.T) {
	s := effects(t)
	lease := acquire(t, s)
	c := claim(t, s, lease, "op")
	_, err := s.Atomic(t.Context(), lease, c, func(context.Context) (store.Batch, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := s.Write(ctx, lease, done(c)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a write meanwhile: %v", err)
		}
		return done(c), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestParallelTransactionalOps(t *testing.T) {
	s := effects(t, bunstore.LeaseTTL(time.Second))
	var ops []seq.Op
	var calls atomic.Int32
	for i := range 20 {
		op := seq.Op{ID: seqtest.ID(i, "op")}
		op.Delivery = []store.Delivery{store.Transactional, store.Repeatable}[i%2]
		op.Run = func(ctx context.Context) error {
			calls.Add(1)
			if i%2 == 1 {
				return nil
			}
			return effect(ctx, op.ID)
		}
		ops = append(ops, op)
	}
	for range 2 { // the second run finds nothing to do
		report, err := seq.New(s, ops...).Use(strategies.Batch()).Run(t.Context())
		if err != nil || report.State != store.RunSucceeded {
			t.Fatalf("%v, %v", report.State, err)
		}
	}
	if n := count(t, s); n != 10 || calls.Load() != 20 {
		t.Errorf("%d effects of %d calls, want 10 of 20", n, calls.Load())
	}
}
