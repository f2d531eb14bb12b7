package browsertest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

// frail is a store that can be out of reach.
type frail struct {
	store.Store
	down atomic.Bool
}

func (f *frail) Load(ctx context.Context) ([]store.Entry, error) {
	if f.down.Load() {
		return nil, errors.New("connection refused")
	}
	return f.Store.Load(ctx)
}

var ada = console.Allow(func(*http.Request) (string, bool) { return "ada", true })

func TestWhatIsTypedOutlivesAnOutage(t *testing.T) {
	f := &frail{Store: store.NewMemory()}
	s := seq.New(f, seq.Op{ID: first, Run: func(context.Context) error { return errors.New("no") }})
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	b := bare(t, console.Handler(s, ada)) // the browser itself complains of the outage
	b.visit("/ops/" + first)
	b.tabTo("#reason")
	b.do(chromedp.KeyEvent("half a reas"))
	f.down.Store(true)
	b.await("#stale")
	if got := b.text("#stale"); !strings.Contains(got, "ledger cannot be read") {
		t.Errorf("the page says %q", got)
	}
	if got := eval[string](b, "document.getElementById('reason')?.value"); got != "half a reas" {
		t.Errorf("of what was typed, %q is left", got)
	}
	f.down.Store(false)
	b.await("body:has(#stale[hidden]) h1")
	if got := eval[string](b, "document.activeElement.id"); got != "reason" {
		t.Errorf("the focus is on %q", got)
	}
}

func TestTheFocusOutlivesAnUpdate(t *testing.T) {
	no := func(context.Context) error { return errors.New("no") }
	s := seq.New(store.NewMemory(),
		seq.Op{ID: first, Run: no},
		seq.Op{ID: second, Run: no},
	)
	_, _ = s.Run(t.Context(), seq.Only(first)) // it would stop a run of both
	_, _ = s.Run(t.Context(), seq.Only(second))
	b := open(t, console.Handler(s))
	alert := func(id string) string { return ".alerts li[data-key='" + id + "']" }
	b.visit("/")
	b.tabTo(alert(second) + " a")
	if err := s.Skip(t.Context(), first, "not needed"); err != nil {
		t.Fatal(err)
	}
	b.await(op(first, "quiet"))
	if n := eval[int](b, "document.querySelectorAll('.alerts li').length"); n != 1 {
		t.Errorf("%d alerts are left", n)
	}
	if !eval[bool](b, `document.activeElement.matches(".alerts a")`) {
		t.Error("the link that had the focus has lost it")
	}
}

// A log that somebody reads stays open when the page renews itself.
func TestAnOpenLogOutlivesAnUpdate(t *testing.T) {
	var news console.News
	log := slog.New(news.LogHandler(slog.NewTextHandler(io.Discard, nil)))
	s := seq.New(store.NewMemory(), seq.Op{ID: first, Run: func(ctx context.Context) error {
		log.InfoContext(ctx, "copied", "rows", 512)
		return errors.New("no")
	}}).Use(news.Middleware())
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	b := open(t, console.Handler(s, console.Hear(&news)))
	b.visit("/ops/" + first)
	b.do(chromedp.Click(chromedp.CSS("summary")))
	b.await("details[open] pre")
	if err := s.Skip(t.Context(), first, "not needed"); err != nil {
		t.Fatal(err)
	}
	b.await(".hero.quiet")
	if got := b.text("details[open] pre"); !strings.Contains(got, "msg=copied rows=512") {
		t.Errorf("the log says %q", got)
	}
}
