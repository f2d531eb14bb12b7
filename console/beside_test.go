package console_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/console"
	"github.com/sequencer-go/seq/store"
)

const plans = "2024_01_15_110000_fill_plans"

// fillPlans counts to 1 000 in the background, ten a second, while open is true.
func fillPlans(open *atomic.Bool) seq.Op {
	return seq.Op{ID: plans, Delivery: seq.Resumable, Background: true, Run: func(ctx context.Context) error {
		var cursor int64
		if _, err := seq.Saved(ctx, &cursor); err != nil {
			return err
		}
		for cursor < 1000 {
			for !open.Load() {
				if err := seq.Rest(ctx, "the replica lags", time.Second); err != nil {
					return err
				}
			}
			err := seq.Checkpoint(ctx, func(context.Context) (seq.Point, error) {
				time.Sleep(time.Second)
				next := cursor + 10
				pace := seq.Pace{Rate: 10, Estimate: seq.EstimateGood, Remaining: time.Duration(1000-next) * 100 * time.Millisecond, Size: 10, Parts: 4, PartsDone: 1, DeadLetters: 2}
				return seq.Point{Cursor: next, Done: next, Total: 1000, Pace: pace}, nil
			})
			if err != nil {
				return err
			}
			cursor += 10
		}
		return nil
	}}
}

// working calls Work until stop.
func working(t *testing.T, s *seq.Sequencer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Work(ctx) }()
	return func() { cancel(); <-ended }
}

// says wants a page to have some texts.
func says(t *testing.T, h http.Handler, path string, texts ...string) string {
	t.Helper()
	time.Sleep(time.Second) // the last look is too old then
	body := get(h, path).Body.String()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("%s does not say %q:\n%s", path, text, body)
		}
	}
	return body
}

func TestWorkInTheBackgroundIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Bool
		open.Store(true)
		nothing := func(context.Context) error { return nil }
		s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: nothing}, fillPlans(&open), seq.Op{ID: "2024_01_15_130000_drop", DependsOn: []string{plans}, Run: nothing})
		h := console.Handler(s)
		says(t, h, "/", "No process works in the background", "not begun")
		says(t, h, "/plan", "Left to the background:", plans, "not begun; no process works in the background")
		if _, err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := working(t, s)
		defer stop()
		time.Sleep(19500 * time.Millisecond)
		body := says(t, h, "/", "All done but 1 operation in the background", "fill plans (200 of 1000, 20 %)",
			"200 of 1000, 20 %, 10 a second, about 80 s left, 2 dead letters", `<progress value="20"`, "In the background")
		for _, wrong := range []string{"interrupted", "its process is gone", "A run is under way", "No process works"} {
			if strings.Contains(body, wrong) {
				t.Errorf("the page says %q of what is worked on:\n%s", wrong, body)
			}
		}
		says(t, h, "/ops/"+plans, "in the background, beside deploys", "<dt>Pace</dt><dd>10 a second while it moves", "<dt>Time left</dt><dd>about 79 s left", "<dt>Batches</dt><dd>of 10",
			"<dt>Parts</dt><dd>1 of 4 done", "<dt>Dead letters</dt><dd>2<", "<dt>Worked on</dt><dd>by ")
		runs, err := s.Store().Runs(t.Context(), store.Page{Limit: 1})
		if err != nil || runs[0].Strategy != "work" {
			t.Fatalf("the runs are %+v, %v", runs, err)
		}
		says(t, h, "/runs/", "<td>work</td>", "running")
		says(t, h, "/runs/"+runs[0].ID, "Works in the background on", "fill plans", "running, 230 of 1000")
		open.Store(false)
		time.Sleep(5 * time.Minute)
		says(t, h, "/", "about 76 s left once it moves, has not moved for 5 min: the replica lags")
		says(t, h, "/ops/"+plans, "<dt>Does not move</dt><dd>the replica lags, since ")
	})
}

func TestWorkIsSteeredFromThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Bool
		open.Store(true)
		s := seq.New(store.NewMemory(), fillPlans(&open))
		stop := working(t, s)
		defer stop()
		time.Sleep(5500 * time.Millisecond)
		h := console.Handler(s, as("ada"))
		cookie := session(t, h)
		ask := func(act string, more url.Values) int {
			form := url.Values{"token": {cookie.Value}, "reason": {"the disk is full"}}
			maps.Copy(form, more)
			return post(h, "/ops/"+plans+"/"+act, "same-origin", cookie, form).Code
		}
		for _, bad := range []url.Values{{}, {"size": {"many"}}, {"size": {"-1"}}, {"rest": {"a while"}}, {"rest": {"-1s"}}, {"size": {"5"}, "reason": {""}}} {
			if got := ask("set", bad); got != http.StatusUnprocessableEntity {
				t.Errorf("set %v: got %d", bad, got)
			}
		}
		if got := ask("cancel", nil); got != http.StatusUnprocessableEntity {
			t.Errorf("a cancellation that is not confirmed: got %d", got)
		}
		for _, step := range []struct {
			act  string
			form url.Values
			want int
			says []string
		}{
			{"resume", nil, http.StatusConflict, []string{"running"}},
			{"set", url.Values{"size": {"20"}, "rest": {"1s"}}, http.StatusSeeOther, []string{"to go on, batches of 20, a rest of 1s, by ada at ", "the disk is full (heard "}},
			{"pause", nil, http.StatusSeeOther, []string{"paused", "paused by ada: the disk is full", "to pause, batches of 20, a rest of 1s, by ada at "}},
			{"pause", nil, http.StatusConflict, []string{"paused"}},
			{"resume", nil, http.StatusSeeOther, []string{"running"}},
			{"cancel", url.Values{"final": {plans}}, http.StatusSeeOther, []string{"cancelled by ada: the disk is full"}},
			{"resume", nil, http.StatusConflict, []string{"cancelled"}},
		} {
			if got := ask(step.act, step.form); got != step.want {
				t.Errorf("%s: got %d, want %d", step.act, got, step.want)
			}
			time.Sleep(2 * time.Second)
			says(t, h, "/ops/"+plans, step.says...)
		}
		if got := post(h, "/ops/"+plans+"/pause", "cross-site", cookie, url.Values{"token": {cookie.Value}, "reason": {"x"}}).Code; got != http.StatusForbidden {
			t.Errorf("from another site: got %d", got)
		}
	})
}

// A button that is always refused is no help at night, and neither is a missing one.
func TestWhatIsOfferedInTheBackgroundIsWhatIsLegal(t *testing.T) {
	by, why := seq.By("ada"), seq.Because("why")
	for name, bring := range map[string]func(s *seq.Sequencer) error{
		"not begun": func(*seq.Sequencer) error { return nil },
		"paused":    func(s *seq.Sequencer) error { _, err := s.Pause(t.Context(), plans, by, why); return err },
		"cancelled": func(s *seq.Sequencer) error { _, err := s.Cancel(t.Context(), plans, by, why); return err },
		"waived":    func(s *seq.Sequencer) error { return s.Skip(t.Context(), plans, "why", by) },
	} {
		acts := []string{"run", "skip", "retry", "done", "not-done", "pause", "resume", "set", "cancel"}
		page := func() http.Handler {
			var open atomic.Bool
			open.Store(true)
			s := seq.New(store.NewMemory(), fillPlans(&open))
			if err := bring(s); err != nil {
				t.Fatal(err)
			}
			return console.Handler(s, as("ada"))
		}
		h := page()
		var offered []string
		for _, m := range action.FindAllStringSubmatch(get(h, "/ops/"+plans).Body.String(), -1) {
			offered = append(offered, m[1])
		}
		for _, act := range acts {
			h := page()
			cookie := session(t, h)
			w := post(h, "/ops/"+plans+"/"+act, "same-origin", cookie, url.Values{"token": {cookie.Value}, "reason": {"seen"}, "size": {"5"}, "final": {plans}})
			if legal := w.Code == http.StatusSeeOther; legal != slices.Contains(offered, act) {
				t.Errorf("%s: %s is offered %v, and answered %d", name, act, slices.Contains(offered, act), w.Code)
			}
		}
	}
}

func TestRunsAreStoppedAndReleasedFromThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Hour):
				return nil
			}
		}})
		h := console.Handler(s, as("ada"))
		cookie := session(t, h)
		ended := make(chan error, 1)
		go func() { _, err := s.Run(t.Context(), seq.By("bob")); ended <- err }()
		synctest.Wait()
		ask := func(path string, form url.Values) int {
			form.Set("token", cookie.Value)
			return post(h, path, "same-origin", cookie, form).Code
		}
		says(t, h, "/stop", "A run holds the ledger", "Stop and hold", "bob")
		for _, bad := range []url.Values{{"reason": {"x"}}, {"confirm": {"stop"}}, {"confirm": {"stop"}, "reason": {"x"}, "until": {"noon"}}, {"confirm": {"stop"}, "reason": {"x"}, "until": {"-1h"}}} {
			if got := ask("/stop", bad); got != http.StatusUnprocessableEntity {
				t.Errorf("stop %v: got %d", bad, got)
			}
		}
		if got := ask("/release", url.Values{"reason": {"x"}}); got != http.StatusConflict {
			t.Errorf("a release of what is not held: got %d", got)
		}
		if got := ask("/stop", url.Values{"confirm": {"stop"}, "reason": {"checkout is down"}, "until": {"4h"}}); got != http.StatusSeeOther {
			t.Fatalf("stop: got %d", got)
		}
		says(t, h, "/", "The run was asked to stop, and has not heard it yet", "checkout is down")
		time.Sleep(5 * time.Second)
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "told to stop by ada: checkout is down") {
			t.Errorf("the run ended with %v", err)
		}
		for _, path := range []string{"/", "/plan", "/ops/" + good, "/stop"} {
			says(t, h, path, "<b>ada</b> holds the ledger since ", "no other run begins", "checkout is down")
		}
		idle := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(context.Context) error { return nil }})
		if _, err := idle.Hold(t.Context(), seq.By("ada"), seq.Because("it moves tonight")); err != nil {
			t.Fatal(err)
		}
		says(t, console.Handler(idle), "/", "Runs are held", "; 1 to do")
		if got := ask("/release", url.Values{"reason": {"mended"}}); got != http.StatusSeeOther {
			t.Errorf("release: got %d", got)
		}
		if body := says(t, h, "/"); strings.Contains(body, "holds the ledger since") {
			t.Errorf("after the release:\n%s", body)
		}
		if got := ask("/hold", url.Values{"reason": {"it moves tonight"}}); got != http.StatusSeeOther {
			t.Errorf("hold: got %d", got)
		}
		says(t, h, "/stop", "Runs are held", "it moves tonight", "until it is released")
		if body := says(t, console.Handler(s), "/stop"); strings.Contains(body, "<form") {
			t.Error("a page for readers has a form")
		}
		for name, h := range map[string]http.Handler{"no authoriser": console.Handler(s), "one that refuses": console.Handler(s, as(""))} {
			for _, path := range []string{"/stop", "/hold", "/release"} {
				if w := post(h, path, "same-origin", cookie, url.Values{"token": {cookie.Value}, "reason": {"x"}, "confirm": {"stop"}}); w.Code != http.StatusForbidden {
					t.Errorf("%s: POST %s: got %d", name, path, w.Code)
				}
			}
		}
	})
}
