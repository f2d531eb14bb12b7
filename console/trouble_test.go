package console_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

// mute is a store that never answers, not even when the context ends, until it is told to.
type mute struct {
	store.Store
	loads atomic.Int32
	speak chan struct{}
}

func (m *mute) Load(ctx context.Context) ([]store.Entry, error) {
	m.loads.Add(1)
	<-m.speak
	return m.Store.Load(ctx)
}

func TestALedgerThatDoesNotAnswerIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mute{Store: store.NewMemory(), speak: make(chan struct{})}
		h := console.Handler(seq.New(m))
		var many sync.WaitGroup
		for range 50 {
			many.Go(func() {
				if w := get(h, "/"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "does not answer") {
					t.Errorf("got %d %s", w.Code, w.Body)
				}
			})
		}
		many.Wait()
		if n := m.loads.Load(); n != 1 {
			t.Errorf("50 who look made %d readings", n)
		}
		close(m.speak)
		synctest.Wait()
		if w := get(h, "/"); w.Code != http.StatusOK {
			t.Errorf("when it answers again: got %d", w.Code)
		}
	})
}

func TestManyWhoLookShareOneReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mute{Store: store.NewMemory(), speak: make(chan struct{})}
		close(m.speak)
		h := console.Handler(seq.New(m))
		get(h, "/")
		once := m.loads.Load()
		for _, path := range []string{"/", "/?show=done", "/ops/nobody", "/"} {
			get(h, path)
		}
		if n := m.loads.Load(); n != once {
			t.Errorf("the first look loads %d times, five of them %d times", once, n)
		}
	})
}

func TestACodeThatIsWrongIsNotTheLedgersFault(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	h := console.Handler(seq.New(store.NewMemory(), seq.Op{ID: good, DependsOn: []string{good}, Run: nothing}))
	if body := get(h, "/").Body.String(); strings.Contains(body, "ledger cannot be read") || !strings.Contains(body, "not as they should be") {
		t.Errorf("got %s", body)
	}
}

func TestNobodyMayActIfTheAuthoriserPanics(t *testing.T) {
	h := console.Handler(deployed(t), console.Allow(func(*http.Request) (string, bool) { panic("no session store") }))
	if w := get(h, "/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "read-only") {
		t.Errorf("got %d", w.Code)
	}
	if w := post(h, "/plan", "same-origin", nil, nil); w.Code != http.StatusForbidden {
		t.Errorf("POST: got %d", w.Code)
	}
}

func TestTextThatTurnsItsDirectionIsShownAsSuch(t *testing.T) {
	s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(context.Context) error { return errors.New("drop \u202eelbat") }})
	if _, err := s.Run(t.Context(), seq.By("ada\u2066")); err == nil {
		t.Fatal("the run did not fail")
	}
	h := console.Handler(s, as("grace\u202e"))
	for _, path := range []string{"/", "/ops/" + good} {
		body := get(h, path).Body.String()
		if strings.ContainsAny(body, "\u202e\u2066") || !strings.Contains(body, `drop \u202eelbat`) || !strings.Contains(body, `grace\u202e`) {
			t.Errorf("%s does not show the marks", path)
		}
	}
}

// stuck is a store whose histories never come, not even when the context ends, until they are freed.
type stuck struct {
	store.Store
	free chan struct{}
}

func (s *stuck) History(ctx context.Context, id string, page store.Page) ([]store.Attempt, error) {
	<-s.free
	return s.Store.History(ctx, id, page)
}

func (s *stuck) RunAttempts(ctx context.Context, run string, after store.Position, limit int) ([]store.Attempt, error) {
	<-s.free
	return s.Store.RunAttempts(ctx, run, after, limit)
}

// How long something took is worth less than how it stands.
func TestHistoriesThatDoNotComeHoldUpNoPageForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := deployed(t)
		runs, err := s.Store().Runs(t.Context(), store.Page{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		st := &stuck{Store: s.Store(), free: make(chan struct{})}
		h := console.Handler(seq.New(st, s.Ops()...))
		for path, want := range map[string]int{
			"/": http.StatusOK, "/plan": http.StatusOK, "/runs/": http.StatusOK,
			"/ops/" + hostile: http.StatusServiceUnavailable, "/runs/" + runs[0].ID: http.StatusServiceUnavailable,
		} {
			if w := get(h, path); w.Code != want {
				t.Errorf("%s: got %d, want %d", path, w.Code, want)
			}
		}
		close(st.free)
		synctest.Wait()
		if w := get(h, "/runs/"+runs[0].ID); w.Code != http.StatusOK {
			t.Errorf("when they come again: got %d", w.Code)
		}
	})
}
