package integration_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/internal/pipeline"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
)

// countedWire counts what is sent: pgx writes once a trip.
type countedWire struct {
	net.Conn
	sent *atomic.Int64
}

func (w countedWire) Write(b []byte) (int, error) {
	w.sent.Add(1)
	return w.Conn.Write(b)
}

// A Transactional op is two trips to the server beside its own: BEGIN with the guard, and the record with the
// claim of the next op and COMMIT.
func TestATransactionalOpIsTwoTrips(t *testing.T) {
	for name, mode := range map[string]pgx.QueryExecMode{"prepared": 0, "as text": pgx.QueryExecModeExec, "simple protocol": pgx.QueryExecModeSimpleProtocol} {
		t.Run(name, func(t *testing.T) {
			cfg, err := pgx.ParseConfig(pgtest.DSN(t))
			if err != nil {
				t.Fatal(err)
			}
			if mode != 0 {
				cfg.DefaultQueryExecMode = mode
			}
			var sent atomic.Int64
			dial := cfg.DialFunc
			cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				return countedWire{conn, &sent}, err
			}
			s := postgres.OpenConfig(cfg)
			t.Cleanup(func() { _ = s.Close() })
			s.DB().SetMaxOpenConns(1) // statements are prepared in each session
			lease := takeLease(t, s)
			c := openAttempt(t, s, lease, "op_0")
			for i := range 10 {
				next := store.Claim{ID: seqtest.ID(i, "op"), Token: store.NewToken(), Attempt: 1, Generation: 1, Delivery: seq.Transactional, Owner: holder}
				before := sent.Load()
				refused, err := s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) {
					b := succeeded(c)
					b.Claims = []store.Claim{next}
					return b, nil
				})
				if err != nil || refused != nil {
					t.Fatalf("refused %v, %v", refused, err)
				}
				if n := sent.Load() - before; i > 5 && n != 2 { // by then everything is prepared
					t.Errorf("op %d took %d trips", i, n)
				}
				c = next
			}
		})
	}
}

// COMMIT stands behind the record. What the record does not find as it should be is not committed.
func TestNothingIsCommittedWithoutTheRecord(t *testing.T) {
	for name, mode := range map[string]string{"prepared": "", "as text": "&default_query_exec_mode=exec", "simple protocol": "&default_query_exec_mode=simple_protocol"} {
		for what, broken := range map[string]string{
			"another token":       `UPDATE seq_ops SET token = 'x' WHERE id = 'op'`,
			"closed already":      `UPDATE seq_ops SET finished = 1 WHERE id = 'op'`,
			"no row":              `DELETE FROM seq_ops WHERE id = 'op'`,
			"another transaction": `COMMIT; BEGIN; INSERT INTO effects VALUES ('op', 'done')`,
			"no transaction":      `ROLLBACK`,
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				s := ledger(t, pgtest.DSN(t)+mode)
				effects(t, s)
				lease := takeLease(t, s)
				c := openAttempt(t, s, lease, "op")
				_, err := s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) {
					b := succeeded(c)
					b.Claims = []store.Claim{{ID: "next", Token: store.NewToken(), Attempt: 1, Generation: 1, Owner: holder}}
					for q := range strings.SplitSeq("INSERT INTO effects VALUES ('op', 'undone'); "+broken, "; ") {
						if _, err := bunstore.Tx(ctx).ExecContext(ctx, q); err != nil {
							t.Error(err)
						}
					}
					return b, nil
				})
				want := store.ErrFenced
				if strings.Contains(what, "transaction") {
					want = seq.ErrTxBroken
				}
				if !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
				undone := 0
				if what == "another transaction" {
					undone = 1 // the op committed it
				}
				if n := count(t, s, "op", "undone"); n != undone || count(t, s, "op", "done") != 0 {
					t.Errorf("%d effects, want %d", n, undone)
				}
				seqtest.AssertState(t, s, "op", seq.Running)
				seqtest.AssertState(t, s, "next", seq.Pending)
			})
		}
	}
}

// A BEGIN that waits for a query is sent with whatever comes.
func TestABeginThatWaits(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	query(t, s, `CREATE TABLE seen (tx bigint)`)
	const insert = `INSERT INTO seen VALUES (txid_current())`
	for name, use := range map[string]func(ctx context.Context, tx bun.Tx) error{
		"nothing": func(context.Context, bun.Tx) error { return nil },
		"exec": func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, insert)
			_, again := tx.ExecContext(ctx, insert)
			return errors.Join(err, again)
		},
		"query": func(ctx context.Context, tx bun.Tx) error {
			var one, two int
			return errors.Join(tx.QueryRowContext(ctx, insert+` RETURNING 1`).Scan(&one), tx.QueryRowContext(ctx, insert+` RETURNING 2`).Scan(&two))
		},
		"values": func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.Tx.ExecContext(ctx, insert)
			var n int
			return errors.Join(err, tx.Tx.QueryRowContext(ctx, insert+` RETURNING $1::int`, 7).Scan(&n))
		},
		"prepare": func(ctx context.Context, tx bun.Tx) error {
			stmt, err := tx.PrepareContext(ctx, insert)
			if err != nil {
				return err
			}
			defer func() { _ = stmt.Close() }()
			_, one := stmt.ExecContext(ctx)
			_, two := stmt.ExecContext(ctx)
			return errors.Join(one, two)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, commit := range []bool{false, true} {
				query(t, s, `TRUNCATE seen`)
				tx, err := s.DB().BeginTx(pipeline.WithBegin(t.Context()), nil)
				if err != nil {
					t.Fatal(err)
				}
				err, end := use(t.Context(), tx), tx.Rollback
				if commit {
					end = tx.Commit
				}
				if err := errors.Join(err, end()); err != nil {
					t.Fatal(err)
				}
				var rows, in int
				if err := s.DB().QueryRowContext(t.Context(), `SELECT count(*), count(DISTINCT tx) FROM seen`).Scan(&rows, &in); err != nil {
					t.Fatal(err)
				}
				want := [2]int{}
				if commit && name != "nothing" {
					want = [2]int{2, 1}
				}
				if got := [2]int{rows, in}; got != want {
					t.Errorf("committed %t: %d rows of %d transactions, want %v", commit, rows, in, want)
				}
			}
		})
	}
}
