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

// A request in a word of a newer library is read as one, holds nobody back, and may be followed by another.
func TestARequestOfANewerLibrary(t *testing.T) {
	s := open(t, file(t))
	lease := acquire(t, s)
	c := claim(t, s, lease, "a")
	c.Steered = true
	for _, id := range []string{"a", store.RunLease} {
		if err := s.Ask(t.Context(), store.Control{ID: id, Number: 1, Wanted: store.WantHold, Size: 7, Actor: "ann", Reason: "why"}); err != nil {
			t.Fatal(err)
		}
	}
	query(t, s.DB(), `UPDATE seq_controls SET wanted = 'dance'`)
	strange := func(what string, c store.Control, err error) {
		t.Helper()
		if err != nil || c.Wanted != store.UnknownWanted || c.Unknown != `request "dance"` || c.Number != 1 || c.Size != 7 || c.Actor != "ann" || c.Reason != "why" {
			t.Errorf("%s: %+v, %v", what, c, err)
		}
	}
	one, err := s.Control(t.Context(), "a")
	strange("alone", one, err)
	all, err := s.Controls(t.Context())
	if len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	strange("in the list", all[1], err)
	_, err = s.Atomic(t.Context(), lease, c, func(ctx context.Context) (store.Batch, error) {
		strange("in its transaction", store.ControlOf(ctx), nil)
		return store.Batch{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if held, err := s.Holder(t.Context(), store.RunLease); err != nil || held == nil {
		t.Errorf("the holder is %+v, %v", held, err)
	}
	if err := s.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	lease = acquire(t, s)
	if err := s.Answer(t.Context(), lease, store.Answer{ID: "a", Seen: 1, Note: "what?"}); err != nil {
		t.Error(err)
	}
	if err := s.Ask(t.Context(), store.Control{ID: "a", Number: 2, Wanted: store.WantCancel}); err != nil {
		t.Errorf("the next request: %v", err)
	}
	if one, err = s.Control(t.Context(), "a"); err != nil || one.Wanted != store.WantCancel || one.Unknown != "" || one.Heard != 1 || one.Note != "what?" {
		t.Errorf("the next request: %+v, %v", one, err)
	}
	for _, word := range []string{"Dan\\ce", "two  words", "1"} {
		query(t, s.DB(), `UPDATE seq_controls SET wanted = ? WHERE id = 'a'`, word)
		_, all := s.Controls(t.Context())
		_, one := s.Control(t.Context(), "a")
		for what, err := range map[string]error{"Controls": all, "Control": one} {
			wantSaid(t, what, err, store.ErrUnknownValue, "seq_controls", `control "a"`)
		}
	}
}

// Whoever asks has no lease, whose acquisition looks at the version of the tables.
func TestAskingLooksAtTheVersion(t *testing.T) {
	for version, want := range map[string]error{"2": store.ErrSchemaOlder, "4": store.ErrSchemaNewer} {
		s := open(t, file(t))
		acquire(t, s)
		query(t, s.DB(), `UPDATE seq_meta SET value = ? WHERE name = 'schema'`, version)
		wantSaid(t, "Ask", s.Ask(t.Context(), store.Control{ID: "a", Number: 1}), want, "version "+version)
		if n, err := s.DB().NewSelect().Table("seq_controls").Count(t.Context()); err != nil || n != 0 {
			t.Errorf("%d requests were written, %v", n, err)
		}
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
