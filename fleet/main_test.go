package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/fleet"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/sqlite"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

// ledgers are the stores that fleets of one process run on.
func ledgers(t *testing.T, test func(t *testing.T, ledger store.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, store.NewMemory()) })
	t.Run("sqlite", func(t *testing.T) {
		ledger, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ledger.Close() })
		test(t, ledger)
	})
}

// calls counts what ops do.
type calls struct {
	mu    sync.Mutex
	count map[string]int
	order []string
}

func (c *calls) add(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]int{}
	}
	c.count[what]++
	c.order = append(c.order, what)
	return c.count[what]
}

func (c *calls) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[what]
}

func (c *calls) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.count)
}

func (c *calls) inOrder() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.order)
}

func id(n int) string { return fmt.Sprintf("2026_01_01_%06d_op", n) }

// plain is an op that counts its calls.
func plain(c *calls, n int) seq.Op {
	name := id(n)
	return seq.Op{
		ID:       name,
		Run:      func(context.Context) error { c.add(name); return nil },
		Rollback: func(context.Context) error { c.add("undo " + name); return nil },
	}
}

// worker starts a worker with slots, and drains it at the end of the test or when stop is called.
func worker(t *testing.T, loop *fleet.Loop, s *seq.Sequencer, slots int) (stop func()) {
	t.Helper()
	w, err := fleet.NewWorker(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { loop.Serve(ctx, w, slots) })
	stop = sync.OnceFunc(func() {
		cancel()
		served.Wait()
		w.Close(context.Background())
	})
	t.Cleanup(stop)
	return stop
}

// events collects what watchers hear.
type events struct {
	mu  sync.Mutex
	all []middleware.Event
}

func (e *events) middleware() middleware.Middleware {
	return middleware.Middleware{Name: "events", Watch: func(ev middleware.Event) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.all = append(e.all, ev)
	}}
}

func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, ev := range e.all {
		fmt.Fprintf(&b, "\n%s %s %d %s %s %v", ev.Kind, ev.ID, ev.Attempt, ev.State, ev.Reason, ev.Err)
	}
	return b.String()
}

func (e *events) of(kind middleware.EventKind, op string) (found []middleware.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.all {
		if ev.Kind == kind && (op == "" || ev.ID == op) {
			found = append(found, ev)
		}
	}
	return found
}

func entryOf(t *testing.T, ledger store.Store, op string) store.Entry {
	t.Helper()
	found, err := store.SelectFrom(context.Background(), ledger, []string{op})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return store.Entry{ID: op}
	}
	return found[0]
}

// eventually waits for something that other goroutines bring about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func succeed(t *testing.T, report *seq.Report, err error) {
	t.Helper()
	if err != nil || report.State != seq.RunSucceeded {
		t.Fatalf("the run is %s, %v", report.State, err)
	}
}

var errBoom = errors.New("boom")
