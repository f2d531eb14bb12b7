package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/store/bunstore"
)

// A disk that is full in the middle of a run: nothing is called without a claim, nothing counts as done
// that the ledger was not told of, and when there is room again the next run goes on.
func TestAFullDisk(t *testing.T) {
	s := open(t, file(t))
	s.DB().SetMaxOpenConns(1) // the limit is a connection's own
	calls := map[string]int{}
	var ops []seq.Op
	for i := range 200 {
		id := seqtest.ID(i, "op_with_a_name_that_takes_some_room")
		ops = append(ops, seq.Op{ID: id, Run: func(context.Context) error { calls[id]++; return nil }})
	}
	if _, err := seq.New(s, ops[:5]...).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var pages int
	if err := s.DB().QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) { query(t, s.DB(), fmt.Sprintf(`PRAGMA max_page_count = %d`, n)) }
	limit(pages + 2)
	r, err := seq.New(s, ops...).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "database or disk is full") {
		t.Fatalf("got %v\n%s", err, r)
	}
	limit(1 << 30)
	lost := ""
	for i := range ops {
		id := ops[i].ID
		switch done := stateOf(t, s, id) == store.Succeeded; {
		case done && calls[id] == 1, !done && calls[id] == 0:
		case !done && calls[id] == 1 && lost == "" && errors.Is(err, seq.ErrOutcomeUnrecorded):
			lost = id // the one whose outcome had no room
		default:
			t.Errorf("%s is %s after %d calls", id, stateOf(t, s, id), calls[id])
		}
	}
	if stateOf(t, s, ops[len(ops)-1].ID) == store.Succeeded {
		t.Error("the disk was not full")
	}
	if r, err := seq.New(s, ops...).Run(t.Context()); err != nil {
		t.Errorf("with room again: %v\n%s", err, r)
	}
	for i := range ops {
		if want := map[bool]int{false: 1, true: 2}[ops[i].ID == lost]; calls[ops[i].ID] != want {
			t.Errorf("%s: %d calls, want %d", ops[i].ID, calls[ops[i].ID], want)
		}
	}
}

// A ledger that cannot be written, from the start or since the run began: no call.
func TestAReadOnlyFile(t *testing.T) {
	const id = "2024_01_15_120000_a"
	path := file(t)
	op := seqtest.Succeeds(id)
	op.Run = func(context.Context) error { t.Error("it was called"); return nil }
	want := func(t *testing.T, s *bunstore.Store, text string) {
		t.Helper()
		r, err := seq.New(s, op).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "readonly database") || !strings.Contains(err.Error(), text) || len(r.Succeeded()) != 0 {
			t.Errorf("got %v, want %s and that it is readonly\n%s", err, text, r)
		}
	}
	if _, err := seq.New(open(t, path), seqtest.Succeeds("2023_01_15_120000_first")).Run(t.Context()); err != nil {
		t.Fatal(err) // that makes the tables
	}
	t.Run("opened so", func(t *testing.T) {
		sqldb, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sqldb.Close() }()
		want(t, bunstore.New(bun.NewDB(sqldb, sqlitedialect.New())), "take the lease")
	})
	t.Run("before the claim", func(t *testing.T) {
		s := open(t, path)
		s.DB().SetMaxOpenConns(1) // the pragma is for a connection
		op.ShouldRun = func(ctx context.Context) (bool, error) {
			_, err := s.DB().ExecContext(ctx, `PRAGMA query_only = ON`)
			return true, err
		}
		want(t, s, "run "+id)
	})
}

func stateOf(tb testing.TB, s *bunstore.Store, id string) store.State {
	tb.Helper()
	entries, err := s.Load(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	for i := range entries {
		if entries[i].ID == id {
			return entries[i].State
		}
	}
	return store.Pending
}
