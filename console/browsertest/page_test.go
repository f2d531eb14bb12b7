package browsertest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

const (
	first  = "2024_01_15_120000_first"
	second = "2024_01_15_120001_second"
	markup = `"><script>window.owned = 1</script><img src=x onerror="window.owned = 2; alert(1)"><svg onload="window.owned = 3">`
)

func nothing(context.Context) error { return nil }

// failing is a sequencer whose second op fails with markup for an error.
func failing() *seq.Sequencer {
	return seq.New(store.NewMemory(),
		seq.Op{ID: first, Run: nothing, Rollback: nothing},
		seq.Op{ID: second, Run: func(context.Context) error { return errors.New(markup) }},
	)
}

func op(id, class string) string { return "li.op." + class + "[data-key='" + id + "']" }

func TestAPageKeepsItselfCurrent(t *testing.T) {
	gate := make(chan struct{})
	s := seq.New(store.NewMemory(),
		seq.Op{ID: first, Run: nothing},
		seq.Op{ID: second, Run: func(ctx context.Context) error {
			select {
			case <-gate:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
	)
	b := open(t, console.Handler(s))
	b.visit("/")
	b.await(op(second, "idle"))
	eval[bool](b, "window.stayed = true")
	loads := b.loads()

	over := make(chan error, 1)
	go func() {
		_, err := s.Run(t.Context())
		over <- err
	}()
	b.await(op(first, "good"))
	b.await(op(second, "busy"))
	if got := b.text("h1"); got != "A run is under way" {
		t.Errorf("during the run the headline is %q", got)
	}
	close(gate)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	b.await(op(second, "good"))
	if got := b.text("h1"); got != "All done" {
		t.Errorf("after the run the headline is %q", got)
	}
	if !eval[bool](b, "window.stayed === true") || b.loads() != loads {
		t.Error("the page was loaded again; its script should have changed it")
	}
}

func TestMarkupInAnErrorIsText(t *testing.T) {
	s := failing()
	b := open(t, console.Handler(s))
	harmless := func(where string) {
		t.Helper()
		if !strings.Contains(b.text("main"), markup) {
			t.Errorf("%s does not show the error as it is", where)
		}
		if eval[bool](b, "'owned' in window") {
			t.Errorf("%s runs what the error holds", where)
		}
		if n := eval[int](b, "document.querySelectorAll('img, main script, [onload], [onerror]').length"); n > 0 {
			t.Errorf("%s made %d elements of the error", where, n)
		}
	}
	b.visit("/")
	b.await(op(second, "idle"))
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	b.await(op(second, "bad"))
	harmless("the page that the script changed")
	b.visit("/")
	harmless("the overview")
	b.visit("/ops/" + second)
	harmless("the page of the op")
}

// TestAViolationIsSeen holds the other tests honest: what breaks the policy does reach the listener.
func TestAViolationIsSeen(t *testing.T) {
	b := bare(t, console.Handler(failing()))
	b.visit("/")
	eval[bool](b, "document.body.append(Object.assign(new Image, {src: 'data:image/gif;base64,R0lGODlhAQABAAAAACw='})), true")
	for len(b.complained()) == 0 {
		eval[float64](b, "performance.now()") // events come with the answers
		if t.Context().Err() != nil {
			t.Fatal("nothing was reported")
		}
	}
}

func TestTheKeyboardIsEnough(t *testing.T) {
	s := failing()
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	b := open(t, console.Handler(s, console.Allow(func(*http.Request) (string, bool) { return "ada", true })))
	b.visit("/")
	b.tabTo(".alerts a")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.await("#reason")
	b.tabTo("#reason")
	b.do(chromedp.KeyEvent("done by hand"))
	b.tabTo("button[formaction$='/skip']")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.await(".hero.quiet")
	if got := b.text(".hero .state"); !strings.Contains(got, "waived") {
		t.Errorf("the page says %q", got)
	}
	history, err := s.Store().History(t.Context(), second, store.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	last := history[0] // the newest
	if last.State != seq.Waived || last.Owner.Actor != "ada" || !strings.Contains(last.Error, "done by hand") {
		t.Errorf("the ledger has %+v", last)
	}
}

func TestScriptsAreNotNeeded(t *testing.T) {
	s := failing()
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	b := open(t, console.Handler(s))
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.visit("/")
	b.await(op(first, "good"))
	b.await(op(second, "bad"))
	if got := b.text("main"); !strings.Contains(got, markup) || !strings.Contains(got, "needs attention") {
		t.Errorf("the page says %s", got)
	}
	if got := b.text("footer"); strings.Contains(got, "keeps itself current") {
		t.Errorf("the page promises what needs the script: %s", got)
	}
	b.visit("/ops/" + second)
	b.await(".attempts pre")
}

// A progress bar that appears while somebody looks breaks no policy, which the end of the test says.
func TestProgressAppears(t *testing.T) {
	begin, gate := make(chan struct{}), make(chan struct{})
	s := seq.New(store.NewMemory(), seq.Op{ID: first, Run: func(ctx context.Context) error {
		<-begin
		if err := seq.Progress(ctx, 3, 4); err != nil {
			return err
		}
		<-gate
		return nil
	}})
	b := open(t, console.Handler(s))
	over := make(chan error, 1)
	go func() {
		_, err := s.Run(t.Context())
		over <- err
	}()
	b.visit("/")
	b.await(op(first, "busy"))
	close(begin)
	b.await("progress[value='75']")
	close(gate)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	b.await(op(first, "good"))
}

// At rest nothing changes, and the server says so. The browser makes a broken document of that
// answer, and complains of it, if anybody looks at it.
func TestAPageAtRestComplainsOfNothing(t *testing.T) {
	s := seq.New(store.NewMemory(), seq.Op{ID: first, Run: nothing})
	page := console.Handler(s)
	unchanged := make(chan struct{}, 100)
	b := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := &statusWriter{ResponseWriter: w}
		page.ServeHTTP(status, r)
		if status.code == http.StatusNotModified {
			unchanged <- struct{}{}
		}
	}))
	b.visit("/")
	for range 3 { // the answer to the last but one has been read then
		select {
		case <-unchanged:
		case <-time.After(patience):
			t.Fatal("the page does not ask for what changed")
		}
	}
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}
