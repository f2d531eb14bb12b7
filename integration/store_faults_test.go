package integration_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A bare CREATE TABLE IF NOT EXISTS fails for most of those who race.
func TestProcessesCreateTheTablesAtOnce(t *testing.T) {
	for range 5 {
		dsn := pgtest.DSN(t)
		var wg sync.WaitGroup
		for range 16 { // each with a pool of its own, as a process has
			s := ledger(t, dsn)
			wg.Go(func() {
				if _, err := s.Acquire(t.Context(), holder); err != nil && !errors.Is(err, seq.ErrLeaseHeld) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// cutWire is a connection that breaks at a commit: before the server hears of it, or after, so
// that only the answer is lost. What pgx then asks for on another connection, that the server
// cancel the commit, is lost too.
type cutWire struct {
	net.Conn
	cut *atomic.Int32
}

const cutBefore, cutAfter = 1, 2

func (w cutWire) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte{0, 0, 0, 16, 4, 210, 22, 46}) { // a CancelRequest
		_ = w.Close()
		return 0, net.ErrClosed
	}
	if !bytes.Contains(b, []byte("commit")) {
		return w.Conn.Write(b)
	}
	cut := w.cut.Swap(0)
	if cut == 0 {
		return w.Conn.Write(b)
	}
	if cut == cutAfter {
		if _, err := w.Conn.Write(b); err != nil {
			return 0, err
		}
	}
	_ = w.Close()
	return 0, net.ErrClosed
}

func TestACommitWithoutAnAnswer(t *testing.T) {
	cfg, err := pgx.ParseConfig(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	var cut atomic.Int32
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return cutWire{conn, &cut}, err
	}
	s := bunstore.New(bun.NewDB(stdlib.OpenDB(*cfg), pgdialect.New()), bunstore.Owned())
	defer func() { _ = s.Close() }()
	lease := takeLease(t, s)
	// Commits are slow, so that who asks too early what became of one hears a lie.
	query(t, s, `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$`)
	query(t, s, `CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON seq_attempts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()`)
	states := map[string]string{"claim": "running", "op": "succeeded"}
	for name, write := range map[string]func(id string, next int32) error{
		"claim": func(id string, next int32) error {
			cut.Store(next)
			_, err := s.Write(t.Context(), lease, seq.Batch{Claims: []seq.Claim{{ID: id, Attempt: 1, Token: seq.NewToken()}}})
			return err
		},
		"op": func(id string, next int32) error {
			c := openAttempt(t, s, lease, id)
			_, err := s.Atomic(t.Context(), lease, c, func(context.Context) (seq.Batch, error) {
				cut.Store(next)
				return succeeded(c), nil
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, tt := range []struct {
				cut  int32
				want int // attempts that are as the write would leave them
			}{{cutBefore, 0}, {cutAfter, 1}} {
				id := seq.NewToken().String()
				err := write(id, tt.cut)
				if (err == nil) != (tt.want == 1) || errors.Is(err, seq.ErrUnknownOutcome) {
					t.Errorf("cut %d: %v", tt.cut, err)
				}
				time.Sleep(400 * time.Millisecond) // whatever is still on its way
				n, err := s.DB().NewSelect().Table("seq_attempts").Where("id = ? AND state = ?", id, states[name]).Count(t.Context())
				if err != nil || int(n) != tt.want {
					t.Errorf("cut %d: %d written, %v; want %d", tt.cut, n, err, tt.want)
				}
			}
		})
	}
}

// A process that was cut off holds its op's row. The next owner must not wait for ever, and the
// zombie's effect must be gone.
func TestAZombieIsFenced(t *testing.T) {
	s := withEffects(t)
	zombie := takeLease(t, s)
	c := openAttempt(t, s, zombie, "op")
	_, err := s.Atomic(t.Context(), zombie, c, func(ctx context.Context) (seq.Batch, error) {
		if err := leave("op", "done")(ctx); err != nil {
			return seq.Batch{}, err
		}
		var limit string
		if err := bunstore.Tx(ctx).QueryRowContext(ctx, `SHOW idle_in_transaction_session_timeout`).Scan(&limit); err != nil || limit != "1min" {
			t.Errorf("it may idle for %q, %v", limit, err)
		}
		if err := s.Release(t.Context(), zombie); err != nil { // as if it had expired
			t.Error(err)
		}
		next := takeLease(t, s)
		lost := seq.Batch{Outcomes: []seq.Outcome{{ID: "op", Token: c.Token, State: seq.Pending, Lost: true}}}
		short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := s.Write(short, next, lost); err == nil {
			t.Error("the attempt was closed while its transaction was open")
		}
		// The server ends the zombie.
		if _, err := s.DB().ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND state = 'idle in transaction'`); err != nil {
			t.Error(err)
		}
		if refused, err := s.Write(t.Context(), next, lost); err != nil || refused != nil {
			t.Errorf("refused %v, %v", refused, err)
		}
		return succeeded(c), nil
	})
	if err == nil {
		t.Error("the zombie committed")
	}
	if n := count(t, s, "op", "done"); n != 0 {
		t.Errorf("%d effects, want 0", n)
	}
	seqtest.AssertState(t, s, "op", seq.Pending)
}
