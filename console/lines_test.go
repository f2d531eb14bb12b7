package console_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

func TestWhatAnAttemptLogsStandsOnItsPage(t *testing.T) {
	var news console.News
	s := seq.New(store.NewMemory(),
		seq.Op{ID: good, Run: func(ctx context.Context) error {
			seq.Logger(ctx).Info("copied", "rows", 512)
			seq.Logger(ctx).Warn("<script>\x1b[1m")
			return errors.New("no")
		}},
	).Use(news.Middleware())
	report, err := s.Run(t.Context())
	if err == nil {
		t.Fatal("the run did not fail")
	}
	h := console.Handler(s, console.Hear(&news))
	for _, path := range []string{"/ops/" + good, "/runs/" + report.Run} {
		body := get(h, path).Body.String()
		for _, want := range []string{"2 lines of its log", "copied", "rows=512", "&lt;script&gt;"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s has no %q: %s", path, want, body)
			}
		}
	}
	if body := get(console.Handler(s), "/ops/"+good).Body.String(); strings.Contains(body, "of its log") {
		t.Error("a console that hears nothing has the lines")
	}
}

// What is heard of old runs is given up.
func TestTheLinesOfOldRunsGo(t *testing.T) {
	var news console.News
	s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(ctx context.Context) error { seq.Logger(ctx).Info("here"); return nil }}).Use(news.Middleware())
	for range 10 {
		if _, err := s.Run(t.Context(), seq.Repeat()); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(get(console.Handler(s, console.Hear(&news)), "/ops/"+good).Body.String(), "1 line of its log"); n != 8 {
		t.Errorf("the lines of %d runs are there", n)
	}
}
