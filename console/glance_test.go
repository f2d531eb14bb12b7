package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/seqtest"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// opened is the first page while op i of n runs, in waves of 250.
func opened(t *testing.T, n, i int) string {
	t.Helper()
	var w *httptest.ResponseRecorder
	var h func() *httptest.ResponseRecorder
	ops := make([]seq.Op, n)
	for j := range ops {
		ops[j] = seq.Op{ID: fmt.Sprintf("2024_01_15_12%02d%02d_op%d", j/60, j%60, j), Run: func(ctx context.Context) error {
			if j == i {
				if err := seq.Progress(ctx, 30, 120); err != nil {
					return err
				}
				w = h()
			}
			return nil
		}}
		if j >= 250 {
			ops[j].DependsOn = []string{ops[j-250].ID}
		}
	}
	s := seq.New(store.NewMemory(), ops...).Use(strategies.DependencyGraph(strategies.Limit(1)))
	h = func() *httptest.ResponseRecorder { return get(console.Handler(s), "/") }
	if _, err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.Body.String()
}

func TestWhatIsAtWorkIsSeenAtOnce(t *testing.T) {
	body := opened(t, 600, 520)
	if !strings.Contains(body, "At work: op520 (25 %)") {
		t.Error("the headline does not name it")
	}
	if !strings.Contains(body, `<li class="op busy"`) {
		t.Error("the list, which has no room for all, leaves it out")
	}
	if !strings.Contains(body, `<a class="chip busy"`) {
		t.Error("the picture, which has no room for all, leaves it out")
	}
}

// The ledger does not hold that an op is tried again; whoever wonders why nothing moves sees it.
func TestWhatIsTriedAgainIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var news console.News
		tries := 0
		s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(context.Context) error {
			if tries++; tries < 3 {
				return errors.New("the API answers 503")
			}
			return nil
		}}).Use(middleware.Retry(3, time.Minute), news.Middleware())
		page := func(h http.Handler) (string, string) {
			return get(h, "/").Body.String(), get(h, "/ops/"+good).Body.String()
		}
		told := func(name string, h http.Handler, want bool) {
			t.Helper()
			first, op := page(h)
			for _, text := range []string{"retrying", "the API answers 503"} {
				if strings.Contains(first, text) != want || strings.Contains(op, text) != want {
					t.Errorf("%s: %q is not as it should be in\n%s", name, text, first)
				}
			}
		}
		var over sync.WaitGroup
		over.Go(func() {
			if _, err := s.Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		told("while it waits", console.Handler(s, console.Hear(&news)), true)
		told("without news", console.Handler(s), false)
		over.Wait()
		told("when it is over", console.Handler(s, console.Hear(&news)), false)
	})
}

// When all goes wrong the page stays one that can be loaded every second.
func TestAThousandFailuresFitAPage(t *testing.T) {
	ops := make([]seq.Op, 1000)
	for i := range ops {
		ops[i] = seq.Op{ID: fmt.Sprintf("2024_01_15_12%02d%02d_op%d", i/60, i%60, i), Run: func(context.Context) error {
			return errors.New(strings.Repeat("no such table ", 1000))
		}}
	}
	s := seq.New(store.NewMemory(), ops...).Use(strategies.AllowedToFailBatch())
	report, err := s.Run(t.Context())
	if err == nil {
		t.Fatal("the run did not fail")
	}
	h := console.Handler(s)
	run := "/runs/" + report.Run
	for path, says := range map[string]string{"/": "980 more need attention", run: "1–50 of 1000"} {
		body := get(h, path).Body.String()
		if !strings.Contains(body, says) || len(body) > 2_000_000 {
			t.Errorf("%s: %d bytes, says %q: %v", path, len(body), says, strings.Contains(body, says))
		}
	}
}

// Whoever does not see colours reads the state, whatever else there is to say.
func TestEveryBoxSaysItsState(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	s := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_a", Run: nothing, Rollback: nothing},
		seq.Op{ID: "2024_01_15_120001_b", Run: nothing, Rollback: nothing, DependsOn: []string{"2024_01_15_120000_a"}},
		seq.Op{ID: "2024_01_15_120002_c", DependsOn: []string{"2024_01_15_120000_a"}, Run: func(context.Context) error { return errors.New("no") }},
	).Use(strategies.DependencyGraph(strategies.Saga(), strategies.Limit(1)))
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	var said []string
	for _, m := range regexp.MustCompile(`class="line2"[^>]*>([^<]*)<`).FindAllStringSubmatch(get(console.Handler(s), "/").Body.String(), -1) {
		said = append(said, m[1])
	}
	if got := strings.Join(said, "; "); got != "rolled back; rolled back; failed" {
		t.Errorf("the boxes say %q", got)
	}
}

// between is a store that does something before it reads the runs, once.
type between struct {
	store.Store
	once sync.Once
	do   func()
}

func (b *between) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	b.once.Do(b.do)
	return b.Store.Runs(ctx, page)
}

// A page is made of several queries. What begins between them was not interrupted.
func TestWhatHasJustBegunIsNotCalledInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		ledger := store.NewMemory()
		op := seq.Op{ID: good, Run: func(context.Context) error { <-gate; return nil }}
		var run sync.WaitGroup
		page := console.Handler(seq.New(&between{Store: ledger, do: func() {
			run.Go(func() {
				if _, err := seq.New(ledger, op).Run(t.Context()); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}}, op))
		body := get(page, "/").Body.String()
		if strings.Contains(body, "interrupted") || !strings.Contains(body, "At work: good") {
			t.Errorf("got %s", body)
		}
		close(gate)
		run.Wait()
	})
}

// What the dead left open does not run, whatever the ledger has for its state.
func TestWhatTheDeadLeftDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := seqtest.NewStore()
		s := seq.New(ledger, seq.Op{ID: good, Run: func(context.Context) error { return nil }})
		page := console.Handler(s)
		ledger.CrashAfter(2) // the run, the claim
		if _, err := s.Run(t.Context()); err == nil {
			t.Fatal("the run did not crash")
		}
		ledger.Restart()
		time.Sleep(time.Minute) // its lease expires
		body := get(page, "/").Body.String()
		if st, err := s.Status(t.Context()); err != nil || !st.Ops[0].State.Open() {
			t.Fatalf("nothing is open: %+v, %v", st, err)
		}
		if !strings.Contains(body, "A run was interrupted") || strings.Contains(body, "running") || strings.Contains(body, "i-busy\"/></svg>") {
			t.Errorf("got %s", body)
		}
	})
}
