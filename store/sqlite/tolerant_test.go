package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
)

// A newer library may have words that this one does not know. What has one is nobody's to touch, and
// holds up nothing else.
func TestAWordOfANewerLibrary(t *testing.T) {
	for column, word := range map[string]string{"state": "paused", "delivery": "exactly-thrice", "direction": "sideways"} {
		t.Run(column, func(t *testing.T) {
			s := open(t, file(t))
			var called []string
			op := func(i int, name string, deps ...string) seq.Op {
				id := seqtest.ID(i, name)
				return seq.Op{ID: id, DependsOn: deps, Run: func(context.Context) error { called = append(called, name); return nil }}
			}
			a, b, c := op(0, "a"), op(1, "b", seqtest.ID(0, "a")), op(2, "c")
			if _, err := seq.New(s, a).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			query(t, s.DB(), `UPDATE seq_ops SET ? = ?`, bun.Ident(column), word)
			called = nil
			for range 2 {
				if r, err := seq.New(s, a, b, c).Run(t.Context()); err != nil {
					t.Fatalf("%v\n%s", err, r)
				}
			}
			if !slices.Equal(called, []string{"c"}) {
				t.Errorf("called %q, want only what does not depend on it", called)
			}
			e := entryOf(t, s, a.ID)
			if e.State != store.UnknownState || e.Unknown != fmt.Sprintf("%s %q", column, word) || e.Attempt != 1 {
				t.Errorf("the entry is %+v", e)
			}
			history, err := s.History(t.Context(), a.ID, store.Page{Limit: 10})
			if err != nil || len(history) != 1 || column != "delivery" && (history[0].State != store.UnknownState || history[0].Unknown != e.Unknown) {
				t.Errorf("the history is %+v, %v", history, err)
			}

			lease := acquire(t, s) // and if somebody tries all the same
			refused, err := s.Write(t.Context(), lease, store.Batch{
				Marks:  []store.Mark{{ID: a.ID, Attempt: 1, State: store.Pending}},
				Claims: []store.Claim{{ID: a.ID, Attempt: 2, Token: store.NewToken()}},
			})
			if err != nil || len(refused) != 2 {
				t.Errorf("a mark and a claim: refused %v, %v", refused, err)
			}
			token := store.NewToken()
			query(t, s.DB(), `UPDATE seq_ops SET token = ?, finished = NULL, fence = 1 WHERE id = ?`, token.String(), a.ID)
			refused, err = s.Write(t.Context(), lease, store.Batch{Outcomes: []store.Outcome{{ID: a.ID, Token: token, State: store.Pending, Lost: true}}})
			if err != nil || len(refused) != 1 {
				t.Errorf("a lost outcome: refused %v, %v", refused, err)
			}
			if got, err := s.Prune(t.Context(), store.Retention{}); err != nil || got.Attempts > 0 {
				t.Errorf("pruned %+v, %v", got, err)
			}
		})
	}
}

func TestARunInAStateOfANewerLibrary(t *testing.T) {
	s := open(t, file(t))
	lease := acquire(t, s)
	if _, err := s.Write(t.Context(), lease, store.Batch{Run: &store.Run{ID: "r", State: store.RunSucceeded}}); err != nil {
		t.Fatal(err)
	}
	query(t, s.DB(), `UPDATE seq_runs SET state = 'parked'`)
	r, known, err := s.LookupRun(t.Context(), "r")
	if err != nil || !known || r.State != store.UnknownRun || r.Unknown != `state "parked"` || r.State.Final() {
		t.Errorf("the run is %+v, %t, %v", r, known, err)
	}
	query(t, s.DB(), `UPDATE seq_runs SET state = 'Par\ked'`)
	if _, _, err := s.LookupRun(t.Context(), "r"); err == nil {
		t.Error("what no library can have written is no error")
	}
}

func TestAnEarlierLayoutIsRefusedByName(t *testing.T) {
	s := open(t, file(t))
	lease := acquire(t, s)
	for _, q := range []string{`UPDATE seq_meta SET value = '1' WHERE name = 'schema'`, `ALTER TABLE seq_ops DROP COLUMN failures`} {
		query(t, s.DB(), q)
	}
	_, load := s.Load(t.Context())
	_, acquired := s.Acquire(t.Context(), store.RunLease, owner)
	_, wrote := s.Write(t.Context(), lease, store.Batch{Claims: []store.Claim{{ID: "a", Attempt: 1, Token: store.NewToken()}}})
	for what, err := range map[string]error{"Load": load, "Acquire": acquired, "Write": wrote} {
		wantSaid(t, what, err, store.ErrSchemaOlder, "version 1", "reads 3", "seq_*", "Import")
	}
}

func entryOf(t *testing.T, s store.Store, id string) store.Entry {
	t.Helper()
	entries, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(entries, func(e store.Entry) bool { return e.ID == id })
	if i < 0 {
		t.Fatalf("%s is not in the ledger", id)
	}
	return entries[i]
}

// wantSaid wants an error of a kind that says all of some words.
func wantSaid(t *testing.T, what string, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want %v", what, err, kind)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %q does not say %q", what, err, word)
		}
	}
}
