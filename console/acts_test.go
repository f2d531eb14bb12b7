package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// inEveryState is a sequencer with an op in each state that a person may find it in.
func inEveryState(t *testing.T) *seq.Sequencer {
	t.Helper()
	nothing := func(context.Context) error { return nil }
	no := func(context.Context) error { return errors.New("no") }
	s := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_rolled_back", Run: nothing, Rollback: nothing},
		seq.Op{ID: "2024_01_15_120001_tolerated", Run: no, AllowedToFail: true},
		seq.Op{ID: "2024_01_15_120002_scheduled", Run: nothing, ExecuteAt: func(now time.Time) time.Time { return now.Add(time.Hour) }},
		seq.Op{ID: "2024_01_15_120003_rollback_failed", Run: nothing, Rollback: no},
		seq.Op{ID: "2024_01_15_120004_waived", Run: nothing},
		seq.Op{ID: "2024_01_15_120005_skipped", Run: nothing, ShouldRun: func(context.Context) (bool, error) { return false, nil }},
		seq.Op{ID: "2024_01_15_120006_succeeded", Run: nothing},
		seq.Op{ID: "2024_01_15_120007_failed", Run: no, DependsOn: []string{"2024_01_15_120000_rolled_back", "2024_01_15_120003_rollback_failed"}},
		seq.Op{ID: "2024_01_15_120008_pending", Run: nothing, DependsOn: []string{"2024_01_15_120007_failed"}},
	).Use(strategies.DependencyGraph(strategies.Saga(), strategies.Limit(1)))
	if err := s.Skip(t.Context(), "2024_01_15_120004_waived", "not here"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	return s
}

var action = regexp.MustCompile(`formaction="[^"]*/([a-z-]+)"`)

// A button that is always refused is no help at night, and neither is a missing one.
func TestWhatIsOfferedIsWhatIsLegal(t *testing.T) {
	st, err := inEveryState(t).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	states := map[seq.State]bool{}
	for i := range st.Ops {
		states[st.Ops[i].State] = true
		path := "/ops/" + st.Ops[i].ID
		offered := map[string]bool{}
		for _, m := range action.FindAllStringSubmatch(get(console.Handler(inEveryState(t), as("ada")), path).Body.String(), -1) {
			offered[m[1]] = true
		}
		for _, act := range []string{"run", "skip", "retry", "done", "not-done"} {
			h := console.Handler(inEveryState(t), as("ada"))
			cookie := session(t, h)
			w := post(h, path+"/"+act, "same-origin", cookie, url.Values{"token": {cookie.Value}, "reason": {"seen"}})
			if legal := w.Code == http.StatusSeeOther; legal != offered[act] {
				t.Errorf("%s (%s): %s is offered %v, and answered %d", st.Ops[i].ID, st.Ops[i].State, act, offered[act], w.Code)
			}
		}
	}
	if len(states) != len(st.Ops) {
		t.Errorf("only the states %v are tried", states)
	}
}

func TestOneOpIsRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := map[string]int{}
		do := func(id string) func(context.Context) error {
			return func(context.Context) error { calls[id]++; return nil }
		}
		s := seq.New(store.NewMemory(),
			seq.Op{ID: good, Run: do("good")},
			seq.Op{ID: hostile, Run: do("hostile")},
			seq.Op{ID: "2024_01_15_120002_later", Run: do("later"), ExecuteAt: func(now time.Time) time.Time { return now.Add(time.Hour) }},
			seq.Op{ID: "2024_01_15_120003_after", Run: do("after"), DependsOn: []string{good}},
		)
		h := console.Handler(s, as("ada"))
		cookie := session(t, h)
		run := func(id, reason string) int {
			return post(h, "/ops/"+id+"/run", "same-origin", cookie, url.Values{"token": {cookie.Value}, "reason": {reason}}).Code
		}
		for id, want := range map[string]int{"2024_01_15_120002_later": http.StatusConflict, "2024_01_15_120003_after": http.StatusConflict, "nobody": http.StatusNotFound} {
			if got := run(id, "now"); got != want {
				t.Errorf("%s: got %d, want %d", id, got, want)
			}
		}
		if got := run(hostile, ""); got != http.StatusUnprocessableEntity {
			t.Errorf("no reason: got %d", got)
		}
		if got := run(hostile, "the page is down without it"); got != http.StatusSeeOther {
			t.Errorf("got %d", got)
		}
		synctest.Wait()
		if len(calls) != 1 || calls["hostile"] != 1 {
			t.Errorf("called %v", calls)
		}
		runs, err := s.Store().Runs(t.Context(), store.Page{Limit: 1})
		if err != nil || len(runs) != 1 || runs[0].Owner.Actor != "ada" || runs[0].Reason != "the page is down without it" {
			t.Errorf("got %+v, %v", runs, err)
		}
		if got := run(hostile, "again"); got != http.StatusConflict {
			t.Errorf("what is done: got %d", got)
		}
	})
}
