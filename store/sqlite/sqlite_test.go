package sqlite_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
	"github.com/sequencer-go/seq/store/sqlite"
	"github.com/sequencer-go/seq/strategies"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("SEQ_TEST_RACER"); path != "" {
		os.Exit(race(path))
	}
	goleak.VerifyTestMain(m)
}

func open(tb testing.TB, path string, opts ...bunstore.Option) *bunstore.Store {
	tb.Helper()
	s, err := sqlite.Open(path, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

func file(tb testing.TB) string { return filepath.Join(tb.TempDir(), "ledger.db") }

func TestStore(t *testing.T) {
	for name, path := range map[string]func(testing.TB) string{
		"memory": func(testing.TB) string { return ":memory:" },
		"file":   file,
	} {
		t.Run(name, func(t *testing.T) {
			seqtest.TestStore(t, func(tb testing.TB) store.Store { return open(tb, path(tb)) })
		})
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, want string }{
		{"", "name a file"},
		{"file:x.db?mode=ro", "not a URI"},
		{dir, "that is a folder"},
		{filepath.Join(dir, "missing", "x.db"), filepath.Join(dir, "missing") + " does not exist; create it"},
		{filepath.Join(text, "x.db"), "is not a folder"},
		{text, "no SQLite database"},
	} {
		s, err := sqlite.Open(tt.path)
		if err == nil {
			_ = s.Close()
			t.Errorf("%q was opened", tt.path)
		} else if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
			t.Errorf("Open(%q): %v; want the path and %q", tt.path, err, tt.want)
		}
	}
}

func TestAnyPath(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"plain.db", "a b#c?d%41&e=f;g'h.db", "ünï.db", "./rel.db", filepath.Join(t.TempDir(), "abs.db")} {
		s := open(t, path)
		if _, err := s.Acquire(t.Context(), store.RunLease, store.Owner{}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestTheFileIsSafe(t *testing.T) {
	s := open(t, file(t))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		if err := s.DB().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", pragma, got, err, want)
		}
	}
}

func TestMemoryIsNewForEachOpen(t *testing.T) {
	a, b := open(t, ":memory:"), open(t, ":memory:")
	for _, s := range []*bunstore.Store{a, b} {
		if _, err := s.Acquire(t.Context(), store.RunLease, store.Owner{}); err != nil {
			t.Fatal(err)
		}
	}
	a.DB().SetMaxIdleConns(-1) // and outlives every connection of the pool
	if _, err := a.Acquire(t.Context(), store.RunLease, store.Owner{}); !errors.Is(err, store.ErrLeaseHeld) {
		t.Errorf("the database was forgotten: %v", err)
	}
}

func TestParallelRunInMemory(t *testing.T) {
	s := open(t, ":memory:")
	if _, err := s.DB().ExecContext(t.Context(), `CREATE TABLE effects (name text)`); err != nil {
		t.Fatal(err)
	}
	var ops []seq.Op
	for i := range 30 {
		ops = append(ops, seq.Op{ID: seqtest.ID(i, "op"), Delivery: store.Transactional, Run: func(ctx context.Context) error {
			_, err := bunstore.Tx(ctx).ExecContext(ctx, `INSERT INTO effects VALUES ('x')`)
			return err
		}})
	}
	var wg sync.WaitGroup
	for range 3 { // sequencers that share it
		wg.Go(func() {
			if _, err := seq.New(s, ops...).Use(strategies.Batch()).Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, err := s.DB().NewSelect().Table("effects").Count(t.Context()); err != nil || int(n) != len(ops) {
		t.Errorf("%d effects, %v; want %d", n, err, len(ops))
	}
}

// Two stores on one file are what two processes are to each other.
func TestTwoStoresOnOneFile(t *testing.T) {
	path := file(t)
	stores := []*bunstore.Store{open(t, path), open(t, path)}
	var wg sync.WaitGroup
	leases := make(chan store.Lease, 16)
	for i := range cap(leases) {
		wg.Go(func() {
			lease, err := stores[i%2].Acquire(t.Context(), store.RunLease, store.Owner{})
			if err == nil {
				leases <- lease
			} else if !errors.Is(err, store.ErrLeaseHeld) {
				t.Errorf("Acquire: %v", err)
			}
		})
	}
	wg.Wait()
	if len(leases) != 1 {
		t.Fatalf("%d hold the lease, want 1", len(leases))
	}
	lease := <-leases
	won := make(chan store.Claim, 64)
	for i := range cap(won) {
		wg.Go(func() {
			c := store.Claim{ID: seqtest.ID(i/4, "op"), Token: store.NewToken(), Attempt: 1}
			refused, err := stores[i%2].Write(t.Context(), lease, store.Batch{Claims: []store.Claim{c}})
			if err != nil {
				t.Errorf("claim: %v", err)
			} else if len(refused) == 0 {
				won <- c
			}
		})
	}
	wg.Wait()
	if len(won) != cap(won)/4 {
		t.Errorf("%d claims of %d ops, want one each", len(won), cap(won)/4)
	}
}

func TestProcessesCreateTheFileAtOnce(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		path := file(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				cmd := exec.CommandContext(t.Context(), self)
				cmd.Env = append(os.Environ(), "SEQ_TEST_RACER="+path)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		wg.Wait()
		s := open(t, path)
		entries, err := s.Load(t.Context())
		if err != nil || len(entries) != 1 || entries[0].Attempt != 1 {
			t.Errorf("%+v, %v; want one op, done once", entries, err)
		}
	}
}

// race is one of the processes. It waits for the lease.
func race(path string) int {
	s, err := sqlite.Open(path)
	if err == nil {
		op := seqtest.Succeeds(seqtest.ID(0, "op"))
		_, err = seq.New(s, op).Run(context.Background())
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}
