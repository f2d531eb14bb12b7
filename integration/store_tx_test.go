package integration_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/strategies"
)

var holder = store.Owner{Host: "host", PID: 1}

func takeLease(t *testing.T, s *bunstore.Store) store.Lease {
	t.Helper()
	lease, err := s.Acquire(t.Context(), store.RunLease, holder)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func openAttempt(t *testing.T, s *bunstore.Store, lease store.Lease, id string) store.Claim {
	t.Helper()
	c := store.Claim{ID: id, Token: store.NewToken(), Attempt: 1, Generation: 1, Delivery: seq.Transactional, Owner: holder}
	refused, err := s.Write(t.Context(), lease, store.Batch{Claims: []store.Claim{c}})
	if err != nil || refused != nil {
		t.Fatalf("claim %s: refused %v, %v", id, refused, err)
	}
	return c
}

func succeeded(c store.Claim) store.Batch {
	return store.Batch{Outcomes: []store.Outcome{{ID: c.ID, Token: c.Token, State: seq.Succeeded}}}
}

// withEffects is a ledger on a new Postgres database that has a table for what ops do.
func withEffects(t *testing.T, opts ...bunstore.Option) *bunstore.Store {
	t.Helper()
	s := ledger(t, pgtest.DSN(t), opts...)
	effects(t, s)
	return s
}

func TestATransactionalOpAndItsRecordAreOne(t *testing.T) {
	raw := func(query string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).ExecContext(ctx, query)
			return errors.Join(leave("op", "done")(ctx), err)
		}
	}
	for name, tt := range map[string]struct {
		fn     func(context.Context) error
		want   error // nil: it succeeds
		text   string
		effect int
	}{
		"success":             {fn: leave("op", "done"), effect: 1},
		"error":               {fn: func(ctx context.Context) error { return errors.Join(leave("op", "done")(ctx), errBoom) }, want: errBoom},
		"raw COMMIT":          {fn: raw("COMMIT"), want: seq.ErrTxBroken, effect: 1},
		"raw ROLLBACK":        {fn: raw("ROLLBACK"), want: seq.ErrTxBroken, effect: 1},
		"raw COMMIT; BEGIN":   {fn: raw("COMMIT; BEGIN"), want: seq.ErrTxBroken},
		"raw ROLLBACK; BEGIN": {fn: raw("ROLLBACK; BEGIN"), want: seq.ErrTxBroken},
		"raw COMMIT, then an error": {fn: func(ctx context.Context) error {
			return errors.Join(raw("COMMIT")(ctx), errBoom)
		}, want: seq.ErrTxBroken, effect: 1},
		"Commit on the transaction": {fn: func(ctx context.Context) error {
			return errors.Join(leave("op", "done")(ctx), bunstore.Tx(ctx).(bun.Tx).Commit())
		}, want: seq.ErrTxBroken, effect: 1},
		"swallowed error": {fn: func(ctx context.Context) error {
			_ = leave("op", "done")(ctx)
			_, _ = bunstore.Tx(ctx).ExecContext(ctx, "SELECT 1/0")
			return nil
		}, text: "went on after an error"},
		"swallowed error in a savepoint": {fn: func(ctx context.Context) error {
			_ = leave("op", "done")(ctx)
			_ = bunstore.Tx(ctx).RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.ExecContext(ctx, "SELECT 1/0")
				return err
			})
			return leave("op", "done")(ctx)
		}, effect: 2},
		"killed backend": {fn: func(ctx context.Context) error {
			_ = leave("op", "done")(ctx)
			_, _ = bunstore.Tx(ctx).ExecContext(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
			return nil
		}, text: "record the op in its transaction"},
	} {
		t.Run(name, func(t *testing.T) {
			s := withEffects(t)
			lease := takeLease(t, s)
			c := openAttempt(t, s, lease, "op")
			_, err := s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) { return succeeded(c), tt.fn(ctx) })
			fails := tt.want != nil || tt.text != ""
			if (err != nil) != fails || !errors.Is(err, tt.want) && tt.text == "" || fails && !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("got %v, want %v %s", err, tt.want, tt.text)
			}
			if tt.text != "" && errors.Is(err, seq.ErrTxBroken) {
				t.Errorf("got %v, want an ordinary failure", err)
			}
			if n := count(t, s, "op", "done"); n != tt.effect {
				t.Errorf("%d effects, want %d", n, tt.effect)
			}
			state := seq.Succeeded
			if fails {
				state = seq.Running // the kernel's to record
			}
			seqtest.AssertState(t, s, "op", state)
			c = openAttempt(t, s, lease, "next")
			_, err = s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) { return succeeded(c), leave("next", "done")(ctx) })
			if err != nil {
				t.Errorf("the next op: %v", err)
			}
		})
	}
}

func TestParallelTransactionalOps(t *testing.T) {
	s := withEffects(t, bunstore.LeaseTTL(10*time.Second))
	var ops []seq.Op
	for i := range 30 {
		op := seq.Op{ID: seqtest.ID(i, "op"), Delivery: seq.Transactional}
		op.Run = leave("op", "done")
		ops = append(ops, op)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := seq.New(s, ops...).Use(strategies.Batch()).Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := count(t, s, "op", "done"); n != len(ops) {
		t.Errorf("%d effects, want %d", n, len(ops))
	}
}
