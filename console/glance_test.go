package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
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
	if !strings.Contains(body, `<a class="box busy"`) {
		t.Error("the picture, which has no room for all, leaves it out")
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
