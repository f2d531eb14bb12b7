package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
)

const (
	good    = "2024_01_15_120000_good"
	hostile = "2024_01_15_120001_hostile"
)

// deployed is a sequencer one of whose ops has failed with markup for an error.
func deployed(t *testing.T) *seq.Sequencer {
	t.Helper()
	nothing := func(context.Context) error { return nil }
	s := seq.New(store.NewMemory(),
		seq.Op{ID: good, Run: nothing, Rollback: nothing},
		seq.Op{ID: hostile, Run: func(context.Context) error {
			return errors.New(`"><script>alert(1)</script><img src=x onerror=alert(2)>`)
		}},
	)
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the run did not fail")
	}
	return s
}

func as(actor string) console.Option {
	return console.Allow(func(*http.Request) (string, bool) { return actor, actor != "" })
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// post sends a form as a browser would from a page of the console.
func post(h http.Handler, path, site string, cookie *http.Cookie, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// session is the cookie that a page sets.
func session(t *testing.T, h http.Handler) *http.Cookie {
	t.Helper()
	cookies := get(h, "/").Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("got cookies %v", cookies)
	}
	return cookies[0]
}

func TestPagesAndTheirHeaders(t *testing.T) {
	h := console.Handler(deployed(t))
	for path, want := range map[string]int{
		"/": 200, "/?show=attention": 200, "/plan": 200, "/rollback": 200, "/ops/" + good: 200, "/assets/console.css": 200,
		"/ops/nobody": 404, "/runs/nobody": 404, "/nowhere/at/all": 404, "/assets/nothing": 404,
	} {
		w := get(h, path)
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
		csp := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy is %q", path, csp)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Referrer-Policy") != "same-origin" ||
			w.Header().Get("X-Frame-Options") != "DENY" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got headers %v", path, w.Header())
		}
	}
}

func TestMethods(t *testing.T) {
	h := console.Handler(deployed(t), as("ada"))
	for _, r := range []struct {
		method, path string
		want         int
	}{
		{http.MethodHead, "/", 200},
		{http.MethodHead, "/ops/nobody", 404},
		{http.MethodPut, "/plan", 405},
		{http.MethodDelete, "/ops/" + good, 405},
		{http.MethodGet, "/ops/" + good + "/skip", 404},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(r.method, r.path, http.NoBody))
		if w.Code != r.want || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s %s: got %d with %v", r.method, r.path, w.Code, w.Header())
		}
	}
}

func TestWhatAnErrorHoldsIsText(t *testing.T) {
	h := console.Handler(deployed(t))
	for _, path := range []string{"/", "/ops/" + hostile} {
		body := get(h, path).Body.String()
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") || !strings.Contains(body, "&lt;script&gt;alert(1)") {
			t.Errorf("%s does not show the error as text", path)
		}
	}
}

func TestReadOnlyByDefault(t *testing.T) {
	s := deployed(t)
	cookie := session(t, console.Handler(s, as("ada"))) // of somebody who may act, or might
	form := url.Values{"reason": {"because"}, "token": {cookie.Value}}
	h := console.Handler(s)
	for name, h := range map[string]http.Handler{
		"no authoriser": h, "one that refuses": console.Handler(s, as("")),
		"one that names nobody":          console.Handler(s, console.Allow(func(*http.Request) (string, bool) { return "", true })),
		"one that names whom it refuses": console.Handler(s, console.Allow(func(*http.Request) (string, bool) { return "eve", false })),
	} {
		for _, path := range []string{"/plan", "/rollback", "/ops/" + hostile + "/skip"} {
			if w := post(h, path, "same-origin", cookie, form); w.Code != http.StatusForbidden {
				t.Errorf("%s: POST %s: got %d", name, path, w.Code)
			}
		}
	}
	if w := get(h, "/ops/"+hostile); strings.Contains(w.Body.String(), "<form") || len(w.Result().Cookies()) > 0 {
		t.Error("a page for readers has a form or a cookie")
	}
	if w := post(h, "/", "same-origin", nil, nil); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /: got %d", w.Code)
	}
}

func TestAnActNeedsOriginAndToken(t *testing.T) {
	s := deployed(t)
	h := console.Handler(s, as("ada"))
	cookie, path := session(t, h), "/ops/"+hostile+"/skip"
	form := url.Values{"reason": {"done by hand"}, "token": {cookie.Value}}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"another site": post(h, path, "cross-site", cookie, form),
		"no cookie":    post(h, path, "same-origin", nil, form),
		"wrong token":  post(h, path, "same-origin", cookie, url.Values{"reason": {"x"}, "token": {"guess"}}),
		"empty cookie": post(h, path, "same-origin", &http.Cookie{Name: cookie.Name}, url.Values{"reason": {"x"}, "token": {""}}),
		"short cookie": post(h, path, "same-origin", &http.Cookie{Name: cookie.Name, Value: "x"}, url.Values{"reason": {"x"}, "token": {"x"}}),
		"too long":     post(h, path, "same-origin", cookie, url.Values{"reason": {strings.Repeat("x", 100_000)}, "token": {cookie.Value}}),
		"no token":     post(h, path, "same-origin", cookie, url.Values{"reason": {"x"}}),
	} {
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: got %d", name, w.Code)
		}
	}
	if w := post(h, path, "same-origin", cookie, url.Values{"token": {cookie.Value}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("no reason: got %d", w.Code)
	}
	w := post(h, path, "same-origin", cookie, form)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "./../"+hostile {
		t.Fatalf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
	history, err := s.Store().History(t.Context(), hostile, store.Page{Limit: 1000})
	last := history[0]
	if err != nil || last.State != seq.Waived || last.Owner.Actor != "ada" || !strings.Contains(last.Error, "done by hand") {
		t.Errorf("got %+v, %v", last, err)
	}
	if w := post(h, path, "same-origin", cookie, form); w.Code != http.StatusConflict {
		t.Errorf("again: got %d", w.Code)
	}
}

func TestARunDoesWhatThePageShowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(context.Context) error {
			if tries++; tries == 1 {
				return errors.New("not yet")
			}
			return nil
		}}).Use(middleware.Retry(2, time.Minute))
		h := console.Handler(s, as("ada"))
		cookie := session(t, h)
		plan, err := s.Preview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for hash, want := range map[string]int{"old": http.StatusConflict, plan.Hash(): http.StatusSeeOther} {
			if w := post(h, "/plan", "same-origin", cookie, url.Values{"token": {cookie.Value}, "plan": {hash}, "reason": {"release 7"}}); w.Code != want {
				t.Errorf("plan %s: got %d", hash, w.Code)
			}
		}
		synctest.Wait()
		if body := get(h, "/").Body.String(); !strings.Contains(body, "ada started a run here") || !strings.Contains(body, "retrying") {
			t.Errorf("while it goes on: got %s", body)
		}
		if w := post(h, "/plan", "same-origin", cookie, url.Values{"token": {cookie.Value}, "plan": {plan.Hash()}}); w.Code != http.StatusConflict {
			t.Errorf("a second one meanwhile: got %d", w.Code)
		}
		time.Sleep(2 * time.Minute)
		st, err := s.Status(t.Context())
		if err != nil || st.Ops[0].State != seq.Succeeded {
			t.Errorf("got %v, %v", st.Ops, err)
		}
		runs, err := s.Store().Runs(t.Context(), store.Page{Limit: 1})
		if err != nil || runs[0].Owner.Actor != "ada" || !strings.Contains(get(h, "/runs/"+runs[0].ID).Body.String(), "release 7") {
			t.Errorf("who and why: got %+v, %v", runs, err)
		}
	})
}

func TestRollbackUndoesWhatThePageShowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := deployed(t)
		h := console.Handler(s, as("ada"))
		cookie := session(t, h)
		plan, err := s.PreviewRollback(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if w := post(h, "/rollback", "same-origin", cookie, url.Values{"token": {cookie.Value}, "plan": {"old"}, "confirm": {"old"}, "reason": {"r"}}); w.Code != http.StatusConflict {
			t.Errorf("another plan: got %d", w.Code)
		}
		for name, form := range map[string]url.Values{
			"no reason":           {"confirm": {plan.Hash()}, "reason": {" "}},
			"no confirmation":     {"reason": {"release 7 is broken"}},
			"another one":         {"reason": {"release 7 is broken"}, "confirm": {"yes"}},
			"neither, as scripts": {},
		} {
			form.Set("token", cookie.Value)
			form.Set("plan", plan.Hash())
			if w := post(h, "/rollback", "same-origin", cookie, form); w.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s: got %d", name, w.Code)
			}
		}
		if w := post(h, "/rollback", "same-origin", cookie, url.Values{"token": {cookie.Value}, "plan": {plan.Hash()}, "confirm": {plan.Hash()}, "reason": {"release 7 is broken"}}); w.Code != http.StatusSeeOther {
			t.Fatalf("got %d", w.Code)
		}
		synctest.Wait()
		st, err := s.Status(t.Context())
		if err != nil || st.Ops[0].State != seq.RolledBack {
			t.Errorf("got %v, %v", st.Ops, err)
		}
	})
}

func TestBelowAPrefix(t *testing.T) {
	h := http.StripPrefix("/deploy", console.Handler(deployed(t)))
	if w := get(h, "/deploy"); w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != "./deploy/" {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
	if body := get(h, "/deploy/ops/"+good).Body.String(); strings.Contains(body, `href="/`) || strings.Contains(body, `src="/`) {
		t.Error("a link is not relative")
	}
}

func TestAPageThatIsTheSameIsNotSentAgain(t *testing.T) {
	h := console.Handler(deployed(t))
	r := httptest.NewRequest(http.MethodGet, "/ops/"+good, http.NoBody)
	r.Header.Set("If-None-Match", get(h, "/ops/"+good).Header().Get("ETag"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("got %d", w.Code)
	}
}
