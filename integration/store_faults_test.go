package integration_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
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
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
)

// A bare CREATE TABLE IF NOT EXISTS fails for most of those who race.
func TestProcessesCreateTheTablesAtOnce(t *testing.T) {
	for range 5 {
		dsn := pgtest.DSN(t)
		var wg sync.WaitGroup
		for range 16 { // each with a pool of its own, as a process has
			s := ledger(t, dsn)
			wg.Go(func() {
				if _, err := s.Acquire(t.Context(), store.RunLease, holder); err != nil && !errors.Is(err, seq.ErrLeaseHeld) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// cutWire is a connection that breaks at what would be committed: before the server hears of it, or
// after, so that only the answer is lost. What pgx then asks for on another connection, that the server
// cancel the commit, is lost too.
type cutWire struct {
	net.Conn
	cut *atomic.Pointer[cut]
}

type cut struct {
	at    string // a part of the message
	after bool
}

func (w cutWire) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte{0, 0, 0, 16, 4, 210, 22, 46}) { // a CancelRequest
		_ = w.Close()
		return 0, net.ErrClosed
	}
	next := w.cut.Load()
	if next == nil || !bytes.Contains(b, []byte(next.at)) || !w.cut.CompareAndSwap(next, nil) {
		return w.Conn.Write(b)
	}
	if next.after {
		if _, err := w.Conn.Write(b); err != nil {
			return 0, err
		}
	}
	_ = w.Close()
	return 0, net.ErrClosed
}

// unsure is a ledger whose connections break at what is put into wire, and a lease of it. Commits are slow,
// so that who asks too early what became of one hears a lie.
func unsure(t *testing.T) (s *bunstore.Store, lease store.Lease, wire *atomic.Pointer[cut]) {
	t.Helper()
	return unsureOver(t, byTheTrip)
}

// byTheTrip is the ledger over a driver that makes a trip at a time.
func byTheTrip(cfg *pgx.ConnConfig) *bunstore.Store {
	return bunstore.New(bun.NewDB(stdlib.OpenDB(*cfg), pgdialect.New()), bunstore.Owned())
}

// unsureOver is unsure over any driver.
func unsureOver(t *testing.T, open func(*pgx.ConnConfig) *bunstore.Store) (s *bunstore.Store, lease store.Lease, wire *atomic.Pointer[cut]) {
	t.Helper()
	cfg, err := pgx.ParseConfig(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	wire = &atomic.Pointer[cut]{}
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return cutWire{conn, wire}, err
	}
	s = open(cfg)
	t.Cleanup(func() { _ = s.Close() })
	lease = takeLease(t, s)
	query(t, s, `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$`)
	query(t, s, `CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON seq_ops DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()`)
	return s, lease, wire
}

func TestACommitWithoutAnAnswer(t *testing.T) {
	for name, open := range map[string]func(*pgx.ConnConfig) *bunstore.Store{
		"a trip at a time": byTheTrip,
		"with the record":  func(cfg *pgx.ConnConfig) *bunstore.Store { return postgres.OpenConfig(cfg) },
		"with the record, as one text": func(cfg *pgx.ConnConfig) *bunstore.Store {
			cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
			return postgres.OpenConfig(cfg)
		},
	} {
		t.Run(name, func(t *testing.T) { commitsWithoutAnswers(t, open) })
	}
}

func commitsWithoutAnswers(t *testing.T, open func(*pgx.ConnConfig) *bunstore.Store) {
	s, lease, wire := unsureOver(t, open)
	for name, tt := range map[string]struct {
		state string
		write func(id string, after bool) error
		lost  int // attempts that are as the write would leave them when the server did not hear of it
	}{
		// One statement, which is made again if it left nothing: the token is good for one time.
		"claim": {state: "running", lost: 1, write: func(id string, after bool) error {
			wire.Store(&cut{id, after})
			_, err := s.Write(t.Context(), lease, store.Batch{Claims: []store.Claim{{ID: id, Attempt: 1, Token: store.NewToken()}}})
			return err
		}},
		"op": {state: "succeeded", write: func(id string, after bool) error {
			c := openAttempt(t, s, lease, id)
			_, err := s.Atomic(t.Context(), lease, c, func(context.Context) (store.Batch, error) {
				wire.Store(&cut{"commit", after})
				return succeeded(c), nil
			})
			return err
		}},
		// Of what was not answered it is known whether the next op was claimed.
		"op and the claim of the next": {state: "succeeded", write: func(id string, after bool) error {
			c, next := openAttempt(t, s, lease, id), store.Claim{ID: id + "/next", Attempt: 1, Generation: 1, Token: store.NewToken(), Owner: holder}
			refused, err := s.Atomic(t.Context(), lease, c, func(context.Context) (store.Batch, error) {
				wire.Store(&cut{"commit", after})
				b := succeeded(c)
				b.Claims = []store.Claim{next}
				return b, nil
			})
			state := seq.Pending
			if after {
				state = seq.Running
			}
			seqtest.AssertState(t, s, next.ID, state)
			if len(refused) > 0 {
				t.Errorf("cut after %t: refused %v", after, refused)
			}
			return err
		}},
		"op and a claim that is refused": {state: "succeeded", write: func(id string, after bool) error {
			c, next := openAttempt(t, s, lease, id), openAttempt(t, s, lease, id+"/next")
			next.Token = store.NewToken()
			refused, err := s.Atomic(t.Context(), lease, c, func(context.Context) (store.Batch, error) {
				wire.Store(&cut{"commit", after})
				b := succeeded(c)
				b.Claims = []store.Claim{next}
				return b, nil
			})
			if after && !slices.Equal(refused, []string{next.ID}) {
				t.Errorf("refused %v", refused)
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for after, want := range map[bool]int{false: tt.lost, true: 1} {
				id := store.NewToken().String()
				err := tt.write(id, after)
				if (err == nil) != (want == 1) || errors.Is(err, seq.ErrUnknownOutcome) {
					t.Errorf("cut after %t: %v", after, err)
				}
				if wire.Load() != nil {
					t.Fatal("nothing was cut")
				}
				time.Sleep(400 * time.Millisecond) // whatever is still on its way
				n, err := s.DB().NewSelect().Table("seq_ops").Where("id = ? AND state = ?", id, tt.state).Count(t.Context())
				if err != nil || int(n) != want {
					t.Errorf("cut after %t: %d written, %v; want %d", after, n, err, want)
				}
			}
		})
	}
}

// A process that was cut off holds its op's row, unless it is in a batch of a long op. The next owner must
// not wait for ever, and the zombie's effect must be gone.
func TestAZombieIsFenced(t *testing.T) {
	for name, tt := range map[string]struct {
		steered bool
		idle    string // for how long it may
	}{"an op": {idle: "1min"}, "a piece of a long op": {steered: true, idle: "20s"}} {
		t.Run(name, func(t *testing.T) { zombie(t, tt.steered, tt.idle) })
	}
}

func zombie(t *testing.T, steered bool, idle string) {
	t.Helper()
	s := withEffects(t, bunstore.LeaseTTL(20*time.Second))
	zombie := takeLease(t, s)
	c := openAttempt(t, s, zombie, "op")
	c.Steered = steered
	_, err := s.Atomic(t.Context(), zombie, c, func(ctx context.Context) (store.Batch, error) {
		if err := leave("op", "done")(ctx); err != nil {
			return store.Batch{}, err
		}
		var limit string
		if err := bunstore.Tx(ctx).QueryRowContext(ctx, `SHOW idle_in_transaction_session_timeout`).Scan(&limit); err != nil || limit != idle {
			t.Errorf("it may idle for %q, %v", limit, err)
		}
		if err := s.Release(t.Context(), zombie); err != nil { // as if it had expired
			t.Error(err)
		}
		next := takeLease(t, s)
		lost := store.Batch{Outcomes: []store.Outcome{{ID: "op", Token: c.Token, State: seq.Pending, Lost: true}}}
		short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		refused, err := s.Write(short, next, lost)
		if closed := err == nil && refused == nil; closed != steered {
			t.Errorf("closed while its transaction was open: %t, %v", closed, err)
		}
		if steered {
			return succeeded(c), nil
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
