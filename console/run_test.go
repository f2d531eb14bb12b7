package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
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

// below is a page without its header.
func below(t *testing.T, body string) string {
	t.Helper()
	_, main, _ := strings.Cut(body, `<section class="hero`)
	_, rest, found := strings.Cut(main, "</section>")
	if !found {
		t.Fatalf("the page has no header: %s", body)
	}
	return rest
}

// The link in last week's chat must show last week's run, not what became of its ops since.
func TestARunKeepsItsPage(t *testing.T) {
	broken := true
	s := seq.New(store.NewMemory(),
		seq.Op{ID: good, Run: func(context.Context) error { return nil }},
		seq.Op{ID: hostile, Run: func(context.Context) error {
			if broken {
				return errors.New("the disk is full")
			}
			return nil
		}},
	)
	h := console.Handler(s)
	first, err := s.Run(t.Context())
	if err == nil {
		t.Fatal("the run did not fail")
	}
	path := "/runs/" + first.Run
	then := below(t, get(h, path).Body.String())
	if !strings.Contains(then, "the disk is full") || !strings.Contains(then, ">good<") {
		t.Fatalf("the page does not say what happened: %s", then)
	}
	if strings.Contains(then, "just now") || strings.Contains(then, " ago") {
		t.Errorf("a time depends on when somebody looks: %s", then)
	}
	broken = false
	if _, err := s.Run(t.Context(), seq.Repeat()); err != nil {
		t.Fatal(err)
	}
	if err := s.Retry(t.Context(), hostile, "for the test"); err == nil {
		t.Error("what has succeeded can be retried")
	}
	for name, h := range map[string]http.Handler{"the same console": h, "another one": console.Handler(s)} {
		if now := below(t, get(h, path).Body.String()); now != then {
			t.Errorf("%s tells the run otherwise after a later one:\n%s\nbefore:\n%s", name, now, then)
		}
	}
}

// counted is a store that counts the attempts that are read, and the queries for them.
type counted struct {
	store.Store
	queries, attempts atomic.Int64
}

func (c *counted) count(list []store.Attempt, err error) ([]store.Attempt, error) {
	c.queries.Add(1)
	c.attempts.Add(int64(len(list)))
	return list, err
}

func (c *counted) History(ctx context.Context, id string, page store.Page) ([]store.Attempt, error) {
	return c.count(c.Store.History(ctx, id, page))
}

func (c *counted) RunAttempts(ctx context.Context, run string, after store.Position, limit int) ([]store.Attempt, error) {
	return c.count(c.Store.RunAttempts(ctx, run, after, limit))
}

// many is a sequencer of n ops that do nothing.
func many(st store.Store, n int) *seq.Sequencer {
	ops := make([]seq.Op, n)
	for i := range ops {
		ops[i] = seq.Op{
			ID:  time.Date(2024, 1, 15, 12, 0, i, 0, time.UTC).Format("2006_01_02_150405_") + fmt.Sprintf("op%d", i),
			Run: func(context.Context) error { return nil },
		}
	}
	return seq.New(st, ops...).Use(strategies.Batch())
}

func TestTwentyWhoLookAtARunReadItOnce(t *testing.T) {
	st := &counted{Store: store.NewMemory()}
	s := many(st, 100)
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := console.Handler(s)
	for range 20 {
		if body := get(h, "/runs/"+report.Run).Body.String(); !strings.Contains(body, "1–50 of 100") {
			t.Fatalf("got %s", body)
		}
	}
	if n, q := st.attempts.Load(), st.queries.Load(); n != 100 || q != 1 {
		t.Errorf("20 requests read %d attempts in %d queries, of a run that made 100", n, q)
	}
}

func TestALongRunIsReadInPartsAndWithinBounds(t *testing.T) {
	st := &counted{Store: store.NewMemory()}
	s := many(st, 6500)
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), seq.Repeat()); err != nil {
		t.Fatal(err)
	}
	h := console.Handler(s)
	path := "/runs/" + report.Run
	for page, want := range map[string]string{"": "1–50 of 5000", "?page=100": "4951–5000 of 5000"} {
		body := get(h, path+page).Body.String()
		if !strings.Contains(body, want) || !strings.Contains(body, "only the first 5000 are here") {
			t.Errorf("%s does not say %q", page, want)
		}
	}
	if n, q := st.attempts.Load(), st.queries.Load(); n > 6000 || q > 6 {
		t.Errorf("%d attempts are read in %d queries", n, q)
	}
}

func TestAnOpWithAThousandAttemptsShowsTheLatest(t *testing.T) {
	st := &counted{Store: store.NewMemory()}
	s := seq.New(st, seq.Op{ID: good, Run: func(context.Context) error { return nil }})
	for range 600 {
		if _, err := s.Run(t.Context(), seq.Repeat()); err != nil {
			t.Fatal(err)
		}
	}
	h := console.Handler(s)
	for page, want := range map[string]string{"": ">attempt 600<", "?page=10": ">attempt 101<"} {
		body := get(h, "/ops/"+good+page).Body.String()
		if !strings.Contains(body, want) || !strings.Contains(body, "100 older attempts are not listed") {
			t.Errorf("%q has no %q: %s", page, want, body)
		}
	}
	if n, q := st.attempts.Load(), st.queries.Load(); n != 500 || q != 1 {
		t.Errorf("%d attempts are read in %d queries", n, q)
	}
}

// sagas is a saga of three steps, of which the last fails.
func sagas(st store.Store, undo func(context.Context) error) *seq.Sequencer {
	nothing := func(context.Context) error { return nil }
	return seq.New(st,
		seq.Op{ID: "2024_01_15_120000_kept", Kind: seq.Migration, Run: nothing},
		seq.Op{ID: "2024_01_15_120001_undone", Kind: seq.Migration, Run: nothing, Rollback: nothing},
		seq.Op{ID: "2024_01_15_120002_stuck", Run: nothing, Rollback: undo},
		seq.Op{ID: "2024_01_15_120003_failing", Run: func(context.Context) error { return errors.New("the API answers 503") }},
	).Use(strategies.TransactionalBatch(strategies.Limit(1)))
}

func TestARollbackSaysWhyAndWhatIsLeft(t *testing.T) {
	s := sagas(store.NewMemory(), func(context.Context) error { return errors.New("the row is locked") })
	report, err := s.Run(t.Context())
	if err == nil {
		t.Fatal("the run did not fail")
	}
	body := below(t, get(console.Handler(s), "/runs/"+report.Run).Body.String())
	why, _, _ := strings.Cut(body, `id="h-time"`)
	for _, want := range []string{"Why it was rolled back", "the API answers 503", "1 operation was undone", "the row is locked", "it has no rollback"} {
		if !strings.Contains(why, want) {
			t.Errorf("it does not say %q: %s", want, why)
		}
	}
	if strings.Contains(why, ">undone</a>") {
		t.Errorf("it says that what was undone was not: %s", why)
	}
}

func TestARollbackThatAPersonAskedForNamesThem(t *testing.T) {
	s := deployed(t)
	report, err := s.Rollback(t.Context(), seq.By("grace"), seq.Because("release 7 is broken"))
	if err != nil {
		t.Fatal(err)
	}
	body := below(t, get(console.Handler(s), "/runs/"+report.Run).Body.String())
	if !strings.Contains(body, "<b>grace</b> asked for it: release 7 is broken") || !strings.Contains(body, "1 operation was undone, and nothing was left") {
		t.Errorf("got %s", body)
	}
}

func TestAnUnfinishedRollbackIsCalledSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := seqtest.NewStore()
		var crash func()
		s := sagas(ledger, func(context.Context) error { crash(); return nil })
		crash = func() { ledger.CrashAfter(ledger.Writes() + 1) }
		report, err := s.Run(t.Context())
		if err == nil {
			t.Fatal("the run did not crash")
		}
		ledger.Restart()
		time.Sleep(time.Minute) // its lease expires
		body := get(console.Handler(s), "/runs/"+report.Run).Body.String()
		for _, want := range []string{"Its rollback is unfinished", "Still to be undone", ">undone</a>", "not undone yet", "the API answers 503"} {
			if !strings.Contains(body, want) {
				t.Errorf("it does not say %q: %s", want, body)
			}
		}
	})
}

// timedAttempts is a store whose attempts began and ended at given seconds.
type timedAttempts struct {
	store.Store
	at map[string][2]int
}

func (d timedAttempts) RunAttempts(ctx context.Context, run string, after store.Position, limit int) ([]store.Attempt, error) {
	list, err := d.Store.RunAttempts(ctx, run, after, limit)
	begun := time.Date(2026, 3, 2, 21, 0, 0, 0, time.UTC)
	for i := range list {
		list[i].Started = begun.Add(time.Duration(d.at[list[i].ID][0]) * time.Second)
		list[i].Finished = begun.Add(time.Duration(d.at[list[i].ID][1]) * time.Second)
	}
	return list, err
}

func TestTheTimelineMarksWavesAndTheCriticalPath(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	const a, b, c, d = "2024_01_15_120000_a", "2024_01_15_120001_b", "2024_01_15_120002_c", "2024_01_15_120003_d"
	s := seq.New(timedAttempts{store.NewMemory(), map[string][2]int{a: {0, 30}, b: {0, 10}, c: {30, 40}, d: {31, 60}}},
		seq.Op{ID: a, Run: nothing},
		seq.Op{ID: b, Run: nothing},
		seq.Op{ID: c, Run: nothing, DependsOn: []string{a}},
		seq.Op{ID: d, Run: nothing, DependsOn: []string{b}},
	).Use(strategies.DependencyGraph())
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	body := get(console.Handler(s), "/runs/"+report.Run).Body.String()
	var rows []string
	for _, m := range regexp.MustCompile(`<li class="(row[^"]*)"[^>]*data-key="[^"]*_([a-d])/.*?class="span" x="(\d+)" y="6" width="(\d+)"`).FindAllStringSubmatch(strings.ReplaceAll(body, "\n", " "), -1) {
		rows = append(rows, strings.Join(m[1:], " "))
	}
	if got, want := strings.Join(rows, "; "), "row good critical a 0 500; row good b 0 166; row good c 500 166; row good critical d 516 484"; got != want {
		t.Errorf("the rows are\n%s, want\n%s", got, want)
	}
	for _, want := range []string{">Wave 1</li>", ">Wave 2</li>", "critical path: 2 of 4 attempts, 59 s of 1 min", `class="band" x="0" width="500"`, `class="band odd" x="500" width="500"`} {
		if !strings.Contains(body, want) {
			t.Errorf("it has no %q: %s", want, body)
		}
	}
}

func TestTheTimelineTicksWhereAnAttemptWasMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var news console.News
		tries := 0
		s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(context.Context) error {
			if tries++; tries < 3 {
				return errors.New("not yet")
			}
			return nil
		}}).Use(middleware.Retry(3, time.Minute), news.Middleware())
		report, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		body := get(console.Handler(s, console.Hear(&news)), "/runs/"+report.Run).Body.String()
		if n := strings.Count(body, `class="tick"`); n != 2 || !strings.Contains(body, "called 3 times") {
			t.Errorf("%d ticks: %s", n, body)
		}
	})
}

func TestARunSaysWhenItWillBeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := many(store.NewMemory(), 10).Use(strategies.Sequential())
		slow := make([]seq.Op, 0, 10)
		for _, o := range s.Ops() {
			o.Run = func(context.Context) error { time.Sleep(10 * time.Second); return nil }
			slow = append(slow, o)
		}
		s = seq.New(s.Store(), slow...)
		over := make(chan error, 1)
		var id string
		go func() {
			report, err := s.Run(t.Context())
			id = report.Run
			over <- err
		}()
		time.Sleep(52 * time.Second) // five are done
		h := console.Handler(s)
		body := get(h, "/").Body.String()
		if !strings.Contains(body, " left, until ") || !strings.Contains(body, "About 52 s left") {
			t.Errorf("got %s", body)
		}
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		if body := get(h, "/runs/"+id).Body.String(); strings.Contains(body, " left, until ") {
			t.Error("it says so when it is over")
		}
	})
}

func TestAnOpShowsHowItsDurationsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		s := seq.New(store.NewMemory(), seq.Op{ID: good, Run: func(context.Context) error { time.Sleep(took); return nil }})
		for _, took = range []time.Duration{time.Second, 3 * time.Second, 2 * time.Second} {
			if _, err := s.Run(t.Context(), seq.Repeat()); err != nil {
				t.Fatal(err)
			}
		}
		h := console.Handler(s)
		body := get(h, "/ops/"+good).Body.String()
		for _, want := range []string{"3 attempts, the latest on the right; the longest took 3 s, and half of those that succeeded no more than 2 s", `height="18"`, `height="56"`, `height="37"`, "the last attempt took 2 s"} {
			if !strings.Contains(body, want) {
				t.Errorf("it has no %q: %s", want, body)
			}
		}
		if body := get(h, "/").Body.String(); !strings.Contains(body, ">2 s</span>") {
			t.Errorf("the list does not say how long it took: %s", body)
		}
	})
}

func TestTheAttemptsOfARunAreChosenByTheAddress(t *testing.T) {
	s := deployed(t)
	report, err := s.Run(t.Context(), seq.Repeat())
	if err == nil {
		t.Fatal("the run did not fail")
	}
	h := console.Handler(s)
	for show, want := range map[string]string{"": "good hostile", "failed": "hostile", "critical": "good hostile", "nonsense": "good hostile"} {
		var got []string
		for _, m := range regexp.MustCompile(`<li class="row [^>]*data-key="[0-9_]*_([a-z]+)/`).FindAllStringSubmatch(get(h, "/runs/"+report.Run+"?show="+show).Body.String(), -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("?show=%s shows %v, want %s", show, got, want)
		}
	}
}

func TestASagaThatHasNoEndIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := seqtest.NewStore()
		nothing := func(context.Context) error { return nil }
		s := seq.New(ledger,
			seq.Op{ID: good, Kind: seq.Migration, Run: nothing, Rollback: nothing},
			seq.Op{ID: hostile, Run: func(context.Context) error { ledger.CrashAfter(ledger.Writes() + 1); return nil }},
		).Use(strategies.TransactionalBatch())
		report, err := s.Run(t.Context())
		if err == nil {
			t.Fatal("the run did not crash")
		}
		ledger.Restart()
		time.Sleep(time.Minute) // its lease expires
		h := console.Handler(s)
		for path, want := range map[string]string{"/": `href="./runs/` + report.Run + `">Run ` + report.Run[:8] + `</a> is unfinished: `, "/runs/" + report.Run: "Unfinished: a run of transactional-batch"} {
			if body := get(h, path).Body.String(); !strings.Contains(body, want) {
				t.Errorf("%s has no %q: %s", path, want, body)
			}
		}
	})
}
