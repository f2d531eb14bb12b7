package integration_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/integration/pgtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/postgres"
)

// A checkpoint leaves its attempt open, and may save what was saved before. Whether it was committed is
// learned all the same.
func TestACheckpointWithoutAnAnswer(t *testing.T) {
	s, lease, wire := unsure(t)
	effects(t, s)
	c := openAttempt(t, s, lease, "op")
	c.Steered = true
	piece := func(next *cut) error {
		_, err := s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) {
			wire.Store(next)
			return store.Batch{
				Saves:   []store.Snapshot{{ID: c.ID, Token: c.Token, Data: []byte("the same")}},
				Headway: []store.Headway{{ID: c.ID, Token: c.Token, Done: 1}},
			}, leave("op", "piece")(ctx)
		})
		return err
	}
	want := 0
	for _, next := range []*cut{nil, {"commit", false}, {"commit", true}, {"commit", false}, {"commit", true}, nil} {
		committed := next == nil || next.after
		err := piece(next)
		if (err == nil) != committed || errors.Is(err, seq.ErrUnknownOutcome) {
			t.Errorf("cut %+v: %v", next, err)
		}
		if wire.Load() != nil {
			t.Fatal("nothing was cut")
		}
		if committed {
			want++
		}
		time.Sleep(400 * time.Millisecond) // whatever is still on its way
		if n := count(t, s, "op", "piece"); n != want {
			t.Fatalf("cut %+v: %d pieces, want %d", next, n, want)
		}
	}
}

// What a piece of a long op costs does not grow with the ledger, nor with what was ever asked: it is counted
// in rows that the server has read without an index.
func TestAPieceReadsNoMoreInALargeLedger(t *testing.T) {
	const pieces = 50
	s, err := postgres.Open(pgtest.DSN(t), bunstore.Schema("growth"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	lease := takeLease(t, s)
	c := openAttempt(t, s, lease, "op")
	c.Steered = true
	ask := func(number int64) {
		t.Helper()
		if err := s.Ask(t.Context(), store.Control{ID: "op", Number: number, Wanted: store.WantGo, Size: number}); err != nil {
			t.Fatal(err)
		}
	}
	work := func(wantSize int64) {
		t.Helper()
		for n := range int64(pieces) {
			refused, err := s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) {
				if size := store.ControlOf(ctx).Size; size != wantSize {
					t.Errorf("the size is %d, want %d", size, wantSize)
				}
				return store.Batch{Headway: []store.Headway{{ID: c.ID, Token: c.Token, Done: n}}}, nil
			})
			if err != nil || refused != nil {
				t.Fatalf("refused %v, %v", refused, err)
			}
		}
	}
	ask(1)
	query(t, s, `ANALYZE growth.seq_ops, growth.seq_controls`)
	work(1) // plans are made here, when the tables are small and known to be
	query(t, s, `INSERT INTO growth.seq_ops (ns, id, state, delivery) SELECT 'default', 'x' || n, 'succeeded', 'repeatable' FROM generate_series(1, 100000) AS n`)
	query(t, s, `INSERT INTO growth.seq_controls (ns, id, number, wanted) SELECT 'default', 'x' || n, 1, 'go' FROM generate_series(1, 100000) AS n`)
	if _, err := s.Load(t.Context()); err != nil { // the store learns how large it is
		t.Fatal(err)
	}
	for i, analyzed := range []bool{false, true} {
		if analyzed {
			query(t, s, `ANALYZE growth.seq_ops, growth.seq_controls`)
		}
		began := readWithoutIndex(t, s)
		ask(int64(i) + 2)
		work(int64(i) + 2)
		if next, err := s.Acquire(t.Context(), "lane", holder); err != nil {
			t.Error(err)
		} else if err := errors.Join(s.Answer(t.Context(), next, store.Answer{ID: "op", Seen: 2}), s.Revoke(t.Context(), "lane")); err != nil {
			t.Error(err)
		}
		if read := readWithoutIndex(t, s) - began; read > 0 {
			t.Errorf("analyzed %t: %d rows were read", analyzed, read)
		}
	}
}

// Whoever takes a lease away waits for what is being written under it, so that nothing is afterwards.
func TestARevocationWaitsForWhatIsWritten(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	lease := takeLease(t, s)
	tx, err := s.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `SELECT 1 FROM seq_leases WHERE name = 'run' FOR KEY SHARE`); err != nil { // as a write does
		t.Fatal(err)
	}
	if err := s.Renew(t.Context(), lease); err != nil {
		t.Errorf("a renewal meanwhile: %v", err)
	}
	if err := s.Answer(t.Context(), lease, store.Answer{ID: "op"}); err != nil {
		t.Errorf("an answer meanwhile: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Revoke(short, store.RunLease); err == nil {
		t.Error("it was revoked while something was written under it")
	}
	for waits := 1; waits > 0; { // the server hears a moment later that it was given up
		if err := s.DB().NewRaw(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(t.Context(), &waits); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.Renew(t.Context(), lease); err != nil {
		t.Errorf("a revocation that was given up took effect: %v", err)
	}
	if err := s.Revoke(t.Context(), store.RunLease); err != nil {
		t.Error(err)
	}
	if err := s.Renew(t.Context(), lease); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("Renew: %v, want %v", err, store.ErrLeaseLost)
	}
}

// An answer waits for a takeover that has begun, and is refused after it.
func TestAnAnswerDuringATakeover(t *testing.T) {
	s := ledger(t, pgtest.DSN(t))
	lease := takeLease(t, s)
	tx, err := s.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, q := range []string{`SELECT 1 FROM seq_leases WHERE name = 'run' FOR UPDATE`, `UPDATE seq_leases SET epoch = epoch + 1, holder = 'another' WHERE name = 'run'`} {
		if _, err := tx.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	answered := make(chan error, 1)
	go func() { answered <- s.Answer(t.Context(), lease, store.Answer{ID: "op", Note: "late"}) }()
	for waits := 0; waits == 0; {
		if err := s.DB().NewRaw(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(t.Context(), &waits); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-answered:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("got %v, want %v", err, store.ErrLeaseLost)
	}
	if c, err := s.Control(t.Context(), "op"); err != nil || c.Note != "" {
		t.Errorf("it left %+v, %v", c, err)
	}
}

// Whoever asks first makes the tables, where whoever works would.
func TestAskingMakesTheTablesWhereTheyBelong(t *testing.T) {
	dsn := pgtest.DSN(t)
	public := ledger(t, dsn)
	takeLease(t, public)
	query(t, public, `CREATE SCHEMA tenant`)
	tenant := ledger(t, with(dsn, "search_path", "tenant,public"))
	if err := tenant.Ask(t.Context(), store.Control{ID: store.RunLease, Number: 1, Wanted: store.WantHold, Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	query(t, public, `SELECT * FROM tenant.seq_controls`)
	if all, err := public.Controls(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("in the other schema: %+v, %v", all, err)
	}
	var held *store.LeaseError
	if _, err := tenant.Acquire(t.Context(), store.RunLease, holder); !errors.As(err, &held) || held.Held == nil {
		t.Errorf("got %v, want the hold", err)
	}
	query(t, public, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
	query(t, public, `CREATE SCHEMA other`)
	name := role(t, public)
	query(t, public, `GRANT USAGE ON SCHEMA other TO `+name)
	nobody := ledger(t, with(as(t, dsn, name), "search_path", "other"))
	if err := nobody.Ask(t.Context(), store.Control{ID: "op", Number: 1}); !errors.Is(err, store.ErrSchemaMissing) {
		t.Errorf("a role that may not create: %v, want %v", err, store.ErrSchemaMissing)
	}
}
