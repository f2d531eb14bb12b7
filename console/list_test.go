package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

// shelf is a ledger that knows n ops, of which the code has none; the tenth failed.
type shelf struct {
	store.Store
	n int
}

func (s shelf) Load(context.Context) ([]store.Entry, error) {
	entries := make([]store.Entry, s.n)
	for i := range entries {
		entries[i] = store.Entry{ID: fmt.Sprintf("2024_01_15_%06d_op%d", i%240_000, i), State: store.Succeeded, Attempt: 1}
	}
	entries[9].State = store.Failed
	return entries, nil
}

func (shelf) History(context.Context, string, store.Page) ([]store.Attempt, error) { return nil, nil }

var (
	listed = regexp.MustCompile(`<li class="op [a-z]+" data-key="([^"]*)"`)
	onward = regexp.MustCompile(`<a rel="next" href="([^"]*)#h-ops"`)
)

func TestEveryOpIsReachable(t *testing.T) {
	h := console.Handler(seq.New(shelf{store.NewMemory(), 1234}, []seq.Op{}...))
	seen := map[string]bool{}
	pages := 0
	for next := "?"; next != ""; pages++ {
		body := get(h, "/"+strings.ReplaceAll(next, "&amp;", "&")).Body.String()
		for _, m := range listed.FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Fatalf("%s stands on two pages", m[1])
			}
			seen[m[1]] = true
		}
		next = ""
		if m := onward.FindStringSubmatch(body); m != nil {
			next = m[1]
		}
	}
	if len(seen) != 1234 || pages != 13 {
		t.Errorf("%d pages have %d of 1234 ops", pages, len(seen))
	}
}

// manyEntries is a ledger of the size that is asked for; building it takes most of the time.
func manyEntries(tb testing.TB, n int) http.Handler {
	tb.Helper()
	return console.Handler(seq.New(shelf{store.NewMemory(), n}, []seq.Op{}...))
}

func TestAHundredThousandOpsArePagedAndSearched(t *testing.T) {
	h := manyEntries(t, 100_000)
	for path, want := range map[string][]string{
		"/":                        {">1000</a>", "1–100 of 100000", `data-key="2024_01_15_000009_op9"`},
		"/?page=1000":              {"99901–100000 of 100000"},
		"/?page=5000":              {"99901–100000 of 100000"},
		"/?q=OP99999":              {"1 found", `data-key="2024_01_15_099999_op99999"`},
		"/?q=op77+2024_01_15_0777": {"data-key=\"2024_01_15_077700_op77700\""},
		"/?show=failed":            {"1 found", `data-key="2024_01_15_000009_op9"`},
		"/?show=failed&q=op8":      {"0 found", "None."},
	} {
		w := get(h, path)
		for w.Code == http.StatusServiceUnavailable { // a slow machine is still reading
			w = get(h, path)
		}
		for _, text := range want {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s: got %d without %q", path, w.Code, text)
			}
		}
		if w.Body.Len() > 200_000 {
			t.Errorf("%s: %d bytes", path, w.Body.Len())
		}
	}
}

// What a page costs when the ledger knows a million ops. The first look reads them all; the others
// share that.
func BenchmarkAMillionEntries(b *testing.B) {
	for b.Loop() {
		h := manyEntries(b, 1_000_000)
		w := get(h, "/?q=op77")
		for w.Code == http.StatusServiceUnavailable { // a slow machine
			w = get(h, "/?q=op77")
		}
		if w.Code != http.StatusOK {
			b.Fatalf("got %d: %s", w.Code, w.Body)
		}
	}
}

func TestTheAddressSaysWhatIsListed(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	s := seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_move_prices", Run: nothing, Tags: []string{"billing", "slow & big"}},
		seq.Op{ID: "2024_01_15_120001_move_users", Run: nothing, Tags: []string{"users"}},
		seq.Op{ID: "2024_01_15_120002_drop_prices", Run: func(context.Context) error { return errors.New("no") }, Tags: []string{"billing"}},
	)
	_, _ = s.Run(t.Context())
	h := console.Handler(s)
	for query, want := range map[string]string{
		"":                            "move_prices move_users drop_prices",
		"q=prices":                    "move_prices drop_prices",
		"q=PRICES+move":               "move_prices",
		"q=prices&show=failed":        "drop_prices",
		"show=succeeded":              "move_prices move_users",
		"show=nonsense":               "move_prices move_users drop_prices",
		"tag=billing":                 "move_prices drop_prices",
		"tag=slow+%26+big":            "move_prices",
		"tag=nobody":                  "",
		"wave=2":                      "move_users",
		"wave=2-3":                    "move_users drop_prices",
		"wave=x":                      "move_prices move_users drop_prices",
		"page=-1":                     "move_prices move_users drop_prices",
		"page=99999999999999999999":   "move_prices move_users drop_prices",
		"q=" + strings.Repeat("z", 9): "",
	} {
		w := get(h, "/?"+query)
		var got []string
		for _, m := range listed.FindAllStringSubmatch(w.Body.String(), -1) {
			got = append(got, m[1][len("2024_01_15_120000_"):])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("?%s lists %q, want %q", query, got, want)
		}
	}
	body := get(h, "/?q=prices&tag=billing").Body.String()
	if !strings.Contains(body, `href="?q=prices&amp;show=done&amp;tag=billing#h-ops"`) || !strings.Contains(body, `value="prices"`) || !strings.Contains(body, `<option value="billing" selected>`) {
		t.Errorf("a filter forgets what else is asked for: %s", body)
	}
}

// Each search makes a page of its own; a flood of them must not fill the memory.
func TestManySearchesAreAnswered(t *testing.T) {
	h := console.Handler(deployed(t))
	for i := range 300 {
		if w := get(h, fmt.Sprintf("/?q=%d", i)); w.Code != http.StatusOK {
			t.Fatalf("got %d", w.Code)
		}
	}
}

func TestHostsArePinned(t *testing.T) {
	s := deployed(t)
	ask := func(h http.Handler, host string) int {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	h := console.Handler(s, console.Hosts("Deploy.example.com", "ops.example.com:8443"))
	for host, want := range map[string]int{
		"deploy.example.com": 200, "DEPLOY.example.com:80": 200, "ops.example.com:8443": 200,
		"ops.example.com": 421, "evil.example.com": 421, "": 421, "deploy.example.com.evil.example.com": 421, "[::1]:80": 421,
	} {
		if got := ask(h, host); got != want {
			t.Errorf("%q: got %d, want %d", host, got, want)
		}
	}
	if got := ask(console.Handler(s), "any.example.com"); got != http.StatusOK {
		t.Errorf("without the option: got %d", got)
	}
	if got := ask(console.Handler(s, console.Hosts()), "any.example.com"); got != http.StatusMisdirectedRequest {
		t.Errorf("with no host: got %d", got)
	}
}

// Behind a proxy that hands on another Host, browsers that send no Sec-Fetch-Site are known by Origin.
func TestAFormBehindAProxyIsTakenFromANamedHost(t *testing.T) {
	for origin, want := range map[string]int{"https://deploy.example.com": http.StatusSeeOther, "https://evil.example.com": http.StatusForbidden} {
		h := console.Handler(deployed(t), as("ada"), console.Hosts("deploy.example.com", "10.0.0.7"))
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host = "10.0.0.7:8080"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		cookie := w.Result().Cookies()[0]
		form := url.Values{"token": {cookie.Value}, "reason": {"done by hand"}}
		r = httptest.NewRequest(http.MethodPost, "/ops/"+hostile+"/skip", strings.NewReader(form.Encode()))
		r.Host = "10.0.0.7:8080"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		r.AddCookie(cookie)
		w = httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %s: got %d, want %d", origin, w.Code, want)
		}
	}
}

func TestAPrefixThatTheProxyTakesAwayIsInEveryLink(t *testing.T) {
	s := deployed(t)
	for _, prefix := range []string{"deploy", "/deploy/", "/deploy"} {
		h := console.Handler(s, console.Prefix(prefix), as("ada"))
		for _, path := range []string{"/", "/plan", "/rollback", "/ops/" + good, "/nowhere/at/all"} {
			body := get(h, path).Body.String()
			for _, m := range regexp.MustCompile(`(?:href|src|action|formaction)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
				if !strings.HasPrefix(m[1], "/deploy/") && !strings.HasPrefix(m[1], "?") && !strings.HasPrefix(m[1], "#") && m[1] != "" {
					t.Errorf("%s with %q links to %q", path, prefix, m[1])
				}
			}
		}
	}
}

func TestTheCookieIsAsSecureAsTheEmbedderSays(t *testing.T) {
	s := deployed(t)
	for name, c := range map[string]struct {
		opts   []console.Option
		url    string
		cookie string
	}{
		"plain":                    {nil, "http://x/", "seq_console"},
		"TLS":                      {nil, "https://x/", "__Host-seq_console"},
		"TLS ends at a proxy":      {[]console.Option{console.SecureCookie(true)}, "http://x/", "__Host-seq_console"},
		"the embedder says it not": {[]console.Option{console.SecureCookie(false)}, "https://x/", "seq_console"},
	} {
		h := console.Handler(s, append(c.opts, as("ada"))...)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.url, http.NoBody))
		cookies := w.Result().Cookies()
		if len(cookies) != 1 || cookies[0].Name != c.cookie || cookies[0].Secure != strings.HasPrefix(c.cookie, "__Host-") || cookies[0].Path != "/" || cookies[0].Domain != "" {
			t.Errorf("%s: got %v", name, cookies)
		}
	}
}

func TestEachActionHasItsPermission(t *testing.T) {
	s := deployed(t)
	var asked []string
	h := console.Handler(s, console.AllowFunc(func(_ *http.Request, a console.Action, id string) (string, bool) {
		asked = append(asked, fmt.Sprint(a, " ", id))
		return "ada", a == console.ActionSkip && id == hostile
	}))
	body := get(h, "/ops/"+hostile).Body.String()
	if !strings.Contains(body, "/skip") || strings.Contains(body, "/retry") || strings.Contains(body, `/run"`) || !strings.Contains(body, "acting as") && !strings.Contains(body, `class="actor">ada`) {
		t.Errorf("the page offers what may not be done, or not what may: %s", body)
	}
	if body := get(h, "/rollback").Body.String(); strings.Contains(body, "<form") {
		t.Error("who may not roll back gets a form to do it")
	}
	cookies := get(h, "/ops/"+hostile).Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got cookies %v", cookies)
	}
	form := url.Values{"token": {cookies[0].Value}, "reason": {"done by hand"}, "plan": {"x"}}
	for path, want := range map[string]int{
		"/plan": 403, "/rollback": 403, "/ops/" + hostile + "/retry": 403, "/ops/" + hostile + "/done": 403, "/ops/" + hostile + "/run": 403,
		"/ops/" + good + "/skip": 403, "/ops/" + hostile + "/dance": 404,
	} {
		if w := post(h, path, "same-origin", cookies[0], form); w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
	asked = nil
	if w := post(h, "/ops/"+hostile+"/skip", "same-origin", cookies[0], form); w.Code != http.StatusSeeOther || len(asked) == 0 || asked[0] != "skip "+hostile {
		t.Errorf("got %d, after asking for %v", w.Code, asked)
	}
}

func TestControlCharactersAreShownAsEscapes(t *testing.T) {
	s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(context.Context) error {
		return errors.New("\x1b[31mred\x1b[0m bell\a null\x00 del\x7f c1\u0085 zero\u200bwidth bom\ufeff family 👩\u200d👧 tab\there\rover")
	}})
	if _, err := s.Run(t.Context(), seq.By("a\x1bda")); err == nil {
		t.Fatal("the run did not fail")
	}
	h := console.Handler(s)
	for _, path := range []string{"/", "/ops/" + good} {
		body := get(h, path).Body.String()
		if strings.ContainsAny(body, "\x1b\a\x00\x7f\u0085\u200b\ufeff\r") {
			t.Errorf("%s sends a control character", path)
		}
		for _, want := range []string{`\x1b[31mred`, `bell\x07`, `del\x7f`, `c1\u0085`, `zero\u200bwidth`, `bom\ufeff`, "👩\u200d👧", `here\x0dover`, `a\x1bda`} {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not show %q", path, want)
			}
		}
	}
}

func TestEveryRunIsReachable(t *testing.T) {
	s := deployed(t)
	for range 60 {
		_, _ = s.Run(t.Context(), seq.Repeat(), seq.Only(good))
	}
	h := console.Handler(s)
	seen := map[string]bool{}
	for _, page := range []string{"", "?page=2"} {
		for _, m := range regexp.MustCompile(`<tr data-key="([^"]*)"`).FindAllStringSubmatch(get(h, "/runs/"+page).Body.String(), -1) {
			seen[m[1]] = true
		}
	}
	if len(seen) != 61 {
		t.Errorf("the list has %d of 61 runs", len(seen))
	}
}
