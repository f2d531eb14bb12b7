package browsertest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a page may take to show what it should; a browser on a busy machine is slow.
const patience = 30 * time.Second

// tab is a tab of a browser of its own.
type tab struct {
	t    *testing.T
	base string
	ctx  context.Context //nolint:containedctx // the driver keeps browser and tab in it

	mu         sync.Mutex
	complaints []string // of the page: errors, exceptions, dialogs, violations of the policy
	documents  int      // that the tab has loaded
}

// host is a name that only the browser knows. Unlike localhost it is no secure context, as little
// as that of a console on an inner network without TLS: browsers send fewer headers there.
const host = "console.test"

// open serves h and starts a browser. What the page complains of by the end fails the test.
func open(t *testing.T, h http.Handler) *tab {
	t.Helper()
	b := bare(t, h)
	t.Cleanup(func() {
		if c := b.complained(); len(c) > 0 {
			t.Errorf("the page complained:\n%s", strings.Join(c, "\n"))
		}
	})
	return b
}

func bare(t *testing.T, h http.Handler) *tab {
	t.Helper()
	chromium := find(t)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	b := &tab{t: t, base: strings.Replace(server.URL, "127.0.0.1", host, 1)}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("host-resolver-rules", "MAP "+host+" 127.0.0.1"), chromedp.Flag("no-proxy-server", true))
	// The browser is closed by the cleanup, and not before.
	allocator, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	t.Cleanup(cancel)
	b.ctx, cancel = chromedp.NewContext(allocator, chromedp.WithListener(b.listen))
	t.Cleanup(func() {
		if err := chromedp.Cancel(b.ctx); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		cancel()
	})
	if err := chromedp.Do(b.ctx); err != nil {
		t.Fatalf("starting %s: %v", chromium, err)
	}
	if _, err := chromedp.Call(b.ctx, audits.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return b
}

func find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if slices.Contains(strings.Split(os.Getenv("SEQ_TEST_REQUIRE"), ","), "chromium") {
		t.Fatal("no browser: install chromium")
	}
	t.Skip("no browser: install chromium")
	return ""
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	complain := func(format string, args ...any) { b.complaints = append(b.complaints, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *page.EventFrameNavigated:
		b.documents++
	case *page.EventJavascriptDialogOpening:
		complain("dialog: %s", e.Message)
	case *runtime.EventExceptionThrown:
		complain("exception: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		complain("console.%s", e.Type)
	case *log.EventEntryAdded:
		// Without TLS the browser does not heed this header, and says so.
		if strings.Contains(e.Entry.Text, "Cross-Origin-Opener-Policy header has been ignored") {
			return
		}
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			complain("%s: %s", e.Entry.Source, e.Entry.Text)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			complain("policy: %s", d.ViolatedDirective)
		}
	}
}

func (b *tab) complained() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.complaints)
}

func (b *tab) loads() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.documents
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func ask[T any](b *tab, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// visit loads a page.
func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// await waits until the page shows an element.
func (b *tab) await(css string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(css))); err != nil {
		b.t.Fatalf("waiting for %s: %v", css, err)
	}
}

func (b *tab) text(css string) string {
	b.t.Helper()
	return ask(b, chromedp.Text(chromedp.CSS(css)))
}

// eval is what an expression yields, as if typed into the developer's tools.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[T](expression))
}

// tabTo presses Tab until an element has the focus, and shows it.
func (b *tab) tabTo(css string) {
	b.t.Helper()
	for range 60 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if eval[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", css)) {
			if !eval[bool](b, "document.activeElement.matches(':focus-visible')") {
				b.t.Errorf("%s has the focus and does not show it", css)
			}
			return
		}
	}
	b.t.Fatalf("Tab does not reach %s", css)
}
