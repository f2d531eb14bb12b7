package console_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

func TestWhatAnAttemptLogsStandsOnItsPage(t *testing.T) {
	var news console.News
	var out strings.Builder
	log := slog.New(news.LogHandler(slog.NewTextHandler(&out, nil)))
	s := seq.New(store.NewMemory(),
		seq.Op{ID: good, Run: func(ctx context.Context) error {
			log.With("table", "prices").WithGroup("batch").InfoContext(ctx, "copied", "rows", 512)
			log.DebugContext(ctx, "too quiet")
			log.Info("of nobody")
			log.WarnContext(ctx, "<script>\x1b[1m")
			return nil
		}},
		seq.Op{ID: hostile, Run: func(ctx context.Context) error {
			for i := range 300 {
				log.InfoContext(ctx, fmt.Sprint("line ", i, strings.Repeat(" é", 1000)))
			}
			return nil
		}},
	).Use(news.Middleware())
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := console.Handler(s, console.Hear(&news))
	for _, path := range []string{"/ops/" + good, "/runs/" + report.Run} {
		body := get(h, path).Body.String()
		for _, want := range []string{"2 lines of its log", "msg=copied table=prices batch.rows=512", "&lt;script&gt;"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s has no %q: %s", path, want, body)
			}
		}
		if strings.Contains(body, "of nobody") || strings.Contains(body, "too quiet") || strings.Contains(body, "<script>\\") {
			t.Errorf("%s has what is not the op's: %s", path, body)
		}
	}
	body := get(h, "/ops/"+hostile).Body.String()
	if !strings.Contains(body, "200 lines of its log, and 100 more that were not kept") || len(body) > 200_000 {
		t.Errorf("got %d bytes", len(body))
	}
	if n := strings.Count(out.String(), "\n"); n != 303 {
		t.Errorf("the handler behind it got %d records", n)
	}
	if body := get(console.Handler(s), "/ops/"+good).Body.String(); strings.Contains(body, "of its log") {
		t.Error("a console that hears nothing has the lines")
	}
}

// What is heard of old runs is given up.
func TestTheLinesOfOldRunsGo(t *testing.T) {
	var news console.News
	log := slog.New(news.LogHandler(slog.NewTextHandler(io.Discard, nil)))
	s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(ctx context.Context) error { log.InfoContext(ctx, "here"); return nil }}).Use(news.Middleware())
	for range 10 {
		if _, err := s.Run(t.Context(), seq.Repeat()); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(get(console.Handler(s, console.Hear(&news)), "/ops/"+good).Body.String(), "1 line of its log"); n != 8 {
		t.Errorf("the lines of %d runs are there", n)
	}
}
