package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

var owner = store.Owner{Host: "host", PID: 1}

func acquire(tb testing.TB, s *bunstore.Store) store.Lease {
	tb.Helper()
	lease, err := s.Acquire(tb.Context(), store.RunLease, owner)
	if err != nil {
		tb.Fatal(err)
	}
	return lease
}

func claim(tb testing.TB, s *bunstore.Store, lease store.Lease, id string) store.Claim {
	tb.Helper()
	c := store.Claim{ID: id, Token: store.NewToken(), Attempt: 1, Generation: 1, Delivery: store.Transactional, Owner: owner}
	refused, err := s.Write(tb.Context(), lease, store.Batch{Claims: []store.Claim{c}})
	if err != nil || refused != nil {
		tb.Fatalf("claim %s: refused %v, %v", id, refused, err)
	}
	return c
}

func done(c store.Claim) store.Batch {
	return store.Batch{Outcomes: []store.Outcome{{ID: c.ID, Token: c.Token, State: store.Succeeded}}}
}

func query(tb testing.TB, db bun.IDB, query string, args ...any) {
	tb.Helper()
	if _, err := db.ExecContext(tb.Context(), query, args...); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

// A user may bring a pool of one connection, and transactions that begin as deferred.
func TestStoreOverADatabaseOfOnesOwn(t *testing.T) {
	for name, connections := range map[string]int{"one connection": 1, "many": 0} {
		t.Run(name, func(t *testing.T) {
			seqtest.TestStore(t, func(tb testing.TB) store.Store {
				sqldb, err := sql.Open("sqlite", filepath.Join(tb.TempDir(), "own.db")+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
				if err != nil {
					tb.Fatal(err)
				}
				sqldb.SetMaxOpenConns(connections)
				tb.Cleanup(func() { _ = sqldb.Close() })
				return bunstore.New(bun.NewDB(sqldb, sqlitedialect.New()), bunstore.Prefix("own_"))
			})
		})
	}
}

func TestNamespacesAreApart(t *testing.T) {
	a := open(t, file(t))
	b := bunstore.New(a.DB(), bunstore.Namespace("other"))
	la, lb := acquire(t, a), acquire(t, b) // each has a lease of its own
	claim(t, a, la, "op")
	claim(t, b, lb, "op")
	if _, err := b.Write(t.Context(), la, store.Batch{Run: &store.Run{ID: "r"}}); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("a lease of another namespace: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Load(t.Context()); err != nil {
		t.Errorf("closing a store that does not own the database closed it: %v", err)
	}
	if _, err := b.Load(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("got %v, want %v", err, store.ErrClosed)
	}
}

func TestReadingCreatesNothing(t *testing.T) {
	s := open(t, file(t))
	ctx := t.Context()
	if _, err := s.Load(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Runs(ctx, store.Page{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Renew(ctx, store.Lease{}); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("Renew: %v", err)
	}
	if err := s.Release(ctx, store.Lease{}); err != nil {
		t.Errorf("Release: %v", err)
	}
	refused, err := s.Write(ctx, store.Lease{}, store.Batch{Claims: []store.Claim{{ID: "a", Attempt: 1}}})
	if !errors.Is(err, store.ErrLeaseLost) || len(refused) != 1 {
		t.Errorf("Write: %v, %v", refused, err)
	}
	if _, err := s.Atomic(ctx, store.Lease{}, store.Claim{ID: "a", Token: store.NewToken()}, nil); !errors.Is(err, store.ErrFenced) {
		t.Errorf("Atomic: %v", err)
	}
	var tables int
	if err := s.DB().QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master`).Scan(&tables); err != nil || tables != 0 {
		t.Errorf("%d tables, %v", tables, err)
	}
}

func TestANewerSchemaIsNamed(t *testing.T) {
	s := open(t, file(t))
	lease := acquire(t, s)
	query(t, s.DB(), `UPDATE seq_meta SET value = '4' WHERE name = 'schema'`)
	if _, err := s.Load(t.Context()); err != nil {
		t.Errorf("tables that can still be read: %v", err)
	}
	query(t, s.DB(), `ALTER TABLE seq_ops RENAME TO seq_steps`)
	_, load := s.Load(t.Context())
	_, acquired := s.Acquire(t.Context(), store.RunLease, owner)
	_, wrote := s.Write(t.Context(), lease, store.Batch{Claims: []store.Claim{{ID: "a", Attempt: 1, Token: store.NewToken()}}})
	for _, err := range []error{load, acquired, wrote} {
		if !errors.Is(err, store.ErrSchemaNewer) || !strings.Contains(err.Error(), "version 4") || !strings.Contains(err.Error(), "knows 3") {
			t.Errorf("got %v, want %v with both versions", err, store.ErrSchemaNewer)
		}
	}
}

func TestAnUnknownValueIsNamed(t *testing.T) {
	s := open(t, file(t))
	claim(t, s, acquire(t, s), "op")
	for column, value := range map[string]string{"state": "Warped!", "delivery": "Twice", "token": "xyz", "direction": "Sideways", "lease": "a?b"} {
		query(t, s.DB(), `UPDATE seq_ops SET state = 'running', delivery = 'once', token = '000102030405060708090a0b0c0d0e0f', direction = 'run', lease = 'run'`)
		query(t, s.DB(), `UPDATE seq_ops SET ? = ?`, bun.Ident(column), value)
		_, err := s.Load(t.Context())
		if !errors.Is(err, store.ErrUnknownValue) {
			t.Fatalf("%s: got %v, want %v", column, err, store.ErrUnknownValue)
		}
		for _, want := range []string{"seq_ops", `"op"`, value} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %s", err, want)
			}
		}
	}
	query(t, s.DB(), `UPDATE seq_ops SET state = 'running', delivery = 'once', token = NULL, attempt = 'many', direction = 'run', lease = 'run'`)
	if _, err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "want a number") {
		t.Errorf("a text where a number belongs: %v", err)
	}
}

// A run's ID is whoever wrote it's own: it is read as it was written, and as nothing else.
func TestARunIDOfWords(t *testing.T) {
	s := open(t, ":memory:")
	l := acquire(t, s)
	for i, run := range []string{"by hand", "", " ", "x failed repeatable 1 1 0 - 0 0", "succeeded"} {
		c := store.Claim{ID: seqtest.ID(i, "op"), Token: store.NewToken(), Run: run, Generation: 1, Attempt: 1}
		for _, b := range []store.Batch{
			{Claims: []store.Claim{c}}, {Outcomes: []store.Outcome{{ID: c.ID, Token: c.Token, State: store.Succeeded}}},
		} {
			if refused, err := s.Write(t.Context(), l, b); err != nil || len(refused) > 0 {
				t.Fatal(refused, err)
			}
			entries, err := s.Load(t.Context())
			if err != nil || len(entries) != i+1 {
				t.Fatalf("%q: %v, %v", run, entries, err)
			}
			want := store.Running
			if len(b.Outcomes) > 0 {
				want = store.Succeeded
			}
			at := slices.IndexFunc(entries, func(e store.Entry) bool { return e.ID == c.ID })
			if e := entries[at]; e.Run != run || e.State != want || e.Attempt != 1 {
				t.Errorf("%q: %+v", run, e)
			}
		}
	}
}

func TestAClosedDatabaseIsClear(t *testing.T) {
	s := open(t, file(t))
	lease := acquire(t, s)
	_ = s.DB().Close() // behind the store's back
	_, load := s.Load(t.Context())
	_, write := s.Write(t.Context(), lease, store.Batch{Run: &store.Run{ID: "r"}})
	for _, err := range []error{load, write, s.Renew(t.Context(), lease)} {
		if err == nil || !strings.Contains(err.Error(), "database is closed") {
			t.Errorf("got %v", err)
		}
	}
	_ = s.Close()
	if _, err := s.Acquire(context.Background(), store.RunLease, owner); !errors.Is(err, store.ErrClosed) {
		t.Errorf("got %v, want %v", err, store.ErrClosed)
	}
}

// A lost increment of a database that failed over must not be issued again.
func TestTheEpochFollowsTheClock(t *testing.T) {
	s := open(t, file(t))
	before := time.Now().Add(-time.Second).UnixMilli()
	lease := acquire(t, s)
	if lease.Epoch < before {
		t.Errorf("epoch %d, want at least %d", lease.Epoch, before)
	}
	query(t, s.DB(), `UPDATE seq_leases SET epoch = 9000000000000000, holder = NULL`)
	if lease := acquire(t, s); lease.Epoch != 9000000000000001 {
		t.Errorf("epoch %d after 9000000000000000", lease.Epoch)
	}
}

// Whoever keeps the only write lock for longer than busy_timeout has the ledger, for what it is
// worth to somebody who waits.
func TestABusyDatabaseIsAHeldLease(t *testing.T) {
	path := file(t)
	other := open(t, path)
	sqldb, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sqldb.Close() }()
	s := bunstore.New(bun.NewDB(sqldb, sqlitedialect.New()))
	for _, tables := range []string{"before", "after"} {
		tx, err := other.DB().BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var held *store.LeaseError
		if _, err := s.Acquire(t.Context(), store.RunLease, owner); !errors.As(err, &held) || held.Expires <= 0 {
			t.Errorf("%s there are tables: got %v, want %v", tables, err, store.ErrLeaseHeld)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if err := s.Release(t.Context(), acquire(t, s)); err != nil {
			t.Fatal(err)
		}
	}
}
