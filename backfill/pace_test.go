package backfill_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/backfill"
	"github.com/sequencer-go/seq/store"
)

// In these tests there is no database, and time is that of the bubble.

var million = backfill.Dense{First: 1, Last: 1_000_000}

// takes is a job whose batches take so long a row, and notes their sizes.
func takes(perRow *time.Duration, sizes *[]int64) func(context.Context, backfill.Range[int64]) error {
	return func(_ context.Context, r backfill.Range[int64]) error {
		*sizes = append(*sizes, r.Rows)
		time.Sleep(time.Duration(r.Rows) * *perRow)
		return nil
	}
}

func TestTheSizeFollowsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		perRow := 100 * time.Microsecond // a target of 200 ms is 2,000 rows
		var sizes []int64
		job := backfill.Job[int64]{From: million, Do: takes(&perRow, &sizes)}
		do := job.Do
		job.Do = func(ctx context.Context, r backfill.Range[int64]) error {
			if r.First > 300_000 {
				perRow = 10 * time.Millisecond // from one batch to the next, a hundred times as long
			}
			return do(ctx, r)
		}
		if err := run(t, store.NewMemory(), foreground(job)); err != nil {
			t.Fatal(err)
		}
		if want := []int64{500, 750, 1125, 1688, 2000, 2000}; !slices.Equal(sizes[:6], want) {
			t.Errorf("it grows as %v, want %v", sizes[:6], want)
		}
		slow := slices.IndexFunc(sizes, func(n int64) bool { return n == 1000 })
		if want := []int64{2000, 1000, 500, 250, 125}; slow < 1 || !slices.Equal(sizes[slow-1:slow+4], want) {
			t.Errorf("it shrinks as %v, want %v", sizes[slow-1:slow+4], want)
		}
		if last := sizes[len(sizes)-2]; last != 20 {
			t.Errorf("it ends at %d, want 20", last)
		}
	})
}

func TestOneSlowBatchIsNoTrend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		perRow := 100 * time.Microsecond
		var sizes []int64
		job := backfill.Job[int64]{From: million, Do: takes(&perRow, &sizes)}
		do := job.Do
		job.Do = func(ctx context.Context, r backfill.Range[int64]) error {
			if len(sizes) == 50 {
				time.Sleep(300 * time.Millisecond)
			}
			return do(ctx, r)
		}
		if err := run(t, store.NewMemory(), foreground(job)); err != nil {
			t.Fatal(err)
		}
		if got := sizes[51:55]; !slices.Equal(got, []int64{2000, 2000, 2000, 2000}) {
			t.Errorf("after one of 500 ms: %v", got)
		}
	})
}

func TestTheSizeHasBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var perRow time.Duration
		var sizes []int64
		job := backfill.Job[int64]{From: million, Do: takes(&perRow, &sizes), Size: 300, MinSize: 100, MaxSize: 400}
		do := job.Do
		job.Do = func(ctx context.Context, r backfill.Range[int64]) error {
			if r.First > 500_000 {
				perRow = time.Second
			}
			return do(ctx, r)
		}
		if err := run(t, store.NewMemory(), foreground(job)); err != nil {
			t.Fatal(err)
		}
		if got := slices.Max(sizes); got != 400 {
			t.Errorf("at most %d", got)
		}
		if got := sizes[len(sizes)-2]; got != 100 {
			t.Errorf("at least %d", got)
		}
	})
}

// A duty of a quarter rests three times as long as a batch takes.
func TestDuty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		perRow := 100 * time.Microsecond
		var sizes []int64
		began := time.Now()
		job := backfill.Job[int64]{From: backfill.Dense{First: 1, Last: 100_000}, Duty: 0.25, Do: takes(&perRow, &sizes)}
		if err := run(t, store.NewMemory(), foreground(job)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 39*time.Second || took > 41*time.Second {
			t.Errorf("10 s of work took %s, want 40 s", took)
		}
	})
}

// ask asks something of the op.
func ask(t *testing.T, ledger store.Store, change func(*store.Control)) {
	t.Helper()
	c, err := ledger.Control(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c.Number++
	c.Actor, c.Reason = "ada", "it is too much"
	change(&c)
	if err := ledger.Ask(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestAPersonsSizeAndRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		var sizes []int64
		var mu sync.Mutex
		op := foreground(backfill.Job[int64]{From: million, Do: func(_ context.Context, r backfill.Range[int64]) error {
			mu.Lock()
			defer mu.Unlock()
			sizes = append(sizes, r.Rows)
			time.Sleep(time.Millisecond)
			return nil
		}})
		ask(t, ledger, func(c *store.Control) { c.Size, c.Rest = 100_000, 30*time.Second })
		began := time.Now()
		if err := run(t, ledger, op); err != nil {
			t.Fatal(err)
		}
		// The first batch tells the op what is asked.
		if want := []int64{500, 100_000, 100_000}; !slices.Equal(sizes[:3], want) {
			t.Errorf("sizes %v, want %v", sizes, want)
		}
		if took := time.Since(began).Round(10 * time.Second); took != 11*30*time.Second {
			t.Errorf("it took %s, want 330 s", took)
		}
	})
}

func TestGates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		var mu sync.Mutex
		answer, failure := "", error(nil)
		set := func(a string, err error) {
			mu.Lock()
			defer mu.Unlock()
			answer, failure = a, err
		}
		gate := backfill.Gate{Name: "my gate", Ask: func(context.Context, time.Time) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			return answer, failure
		}}
		var done int64
		op := foreground(backfill.Job[int64]{From: backfill.Dense{First: 1, Last: 100_000_000}, MaxSize: 1000, Gates: []backfill.Gate{gate}, Parts: 4, Do: func(context.Context, backfill.Range[int64]) error {
			mu.Lock()
			done++
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			return nil
		}})
		moves := func(for_ time.Duration) bool {
			mu.Lock()
			before := done
			mu.Unlock()
			time.Sleep(for_)
			mu.Lock()
			defer mu.Unlock()
			return done > before
		}
		ended := make(chan error)
		go func() { ended <- run(t, ledger, op) }()
		if !moves(5 * time.Second) {
			t.Error("it does not begin")
		}
		set("the queue is long", nil)
		time.Sleep(2 * time.Second)
		if moves(time.Minute) {
			t.Error("it moves, and the gate is closed")
		}
		if c, err := ledger.Control(t.Context(), id); err != nil || c.Note != "my gate: the queue is long" {
			t.Errorf("the ledger says %q, %v", c.Note, err)
		}
		set("", nil)
		time.Sleep(2 * time.Second)
		if !moves(3 * time.Second) {
			t.Error("it does not go on")
		}
		if c, err := ledger.Control(t.Context(), id); err != nil || c.Note != "" {
			t.Errorf("the ledger says %q, %v", c.Note, err)
		}
		// What cannot tell is trusted for a while.
		set("", errors.New("no connection"))
		time.Sleep(10 * time.Second)
		if !moves(3 * time.Second) {
			t.Error("it has no patience")
		}
		time.Sleep(5 * time.Second)
		if moves(time.Minute) {
			t.Error("its patience has no end")
		}
		if c, err := ledger.Control(t.Context(), id); err != nil || !strings.HasPrefix(c.Note, "my gate cannot tell since ") {
			t.Errorf("the ledger says %q, %v", c.Note, err)
		}
		// A closed gate listens.
		asked := time.Now()
		ask(t, ledger, func(c *store.Control) { c.Wanted = store.WantPause })
		err := <-ended
		if !errors.Is(err, seq.ErrPaused) {
			t.Errorf("got %v", err)
		}
		if heard := time.Since(asked); heard > time.Second {
			t.Errorf("a pause was heard after %s", heard)
		}
		if e := entry(t, ledger); e.State != seq.Pending || e.Done == 0 {
			t.Errorf("%s, %d", e.State, e.Done)
		}
	})
}

// A question that is not answered is asked no longer than the gate's limit.
func TestAGateThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := backfill.Gate{Name: "hangs", Ask: func(ctx context.Context, _ time.Time) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}}
		began := time.Now()
		job := backfill.Job[int64]{From: backfill.Dense{First: 1, Last: 500}, Gates: []backfill.Gate{gate}, Do: nothing[int64]}
		if err := run(t, store.NewMemory(), foreground(job)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestWindow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	night := backfill.Window(22*time.Hour, 6*time.Hour, berlin)
	day := backfill.Window(9*time.Hour+30*time.Minute, 17*time.Hour, berlin)
	rest := backfill.Window(3*time.Hour, 24*time.Hour, nil)
	for _, tt := range []struct {
		gate backfill.Gate
		at   string
		want string
	}{
		{night, "2026-01-15T20:59:59Z", "opens at 22:00"}, // winter: one hour ahead of UTC
		{night, "2026-01-15T21:00:00Z", ""},
		{night, "2026-01-16T04:59:59.9Z", ""},
		{night, "2026-01-16T05:00:00Z", "opens at 22:00"},
		{night, "2026-07-15T19:59:59Z", "opens at 22:00"}, // summer: two
		{night, "2026-07-15T20:00:00Z", ""},
		{night, "2026-03-29T03:59:59Z", ""}, // in this night 02:00 is 03:00, so it ends an hour earlier
		{night, "2026-03-29T04:00:00Z", "opens at 22:00"},
		{night, "2026-10-25T04:59:59Z", ""}, // and in this one 03:00 is 02:00
		{night, "2026-10-25T05:00:00Z", "opens at 22:00"},
		{day, "2026-01-15T08:29:59Z", "opens at 09:30"},
		{day, "2026-01-15T08:30:00Z", ""},
		{day, "2026-01-15T16:00:00Z", "opens at 09:30"},
		{rest, "2026-01-15T23:59:59.999Z", ""},
		{rest, "2026-01-16T00:00:00Z", "opens at 03:00"},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tt.gate.Ask(t.Context(), at); err != nil || got != tt.want {
			t.Errorf("%s at %s: %q, %v; want %q", tt.gate.Name, tt.at, got, err, tt.want)
		}
	}
	if want := "window 22:00 to 06:00 Europe/Berlin"; night.Name != want {
		t.Errorf("it is called %q, want %q", night.Name, want)
	}
}

// The estimate leaves out the time that it was held.
func TestTheEstimate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		began := time.Now()
		closed := func(context.Context, time.Time) (string, error) {
			if at := time.Since(began); at > 20*time.Second && at < time.Hour {
				return "not now", nil
			}
			return "", nil
		}
		job := backfill.Job[int64]{
			From: backfill.Dense{First: 1, Last: 100_000}, Size: 1000, MinSize: 1000, MaxSize: 1000, Gates: []backfill.Gate{{Name: "g", Ask: closed}},
			Do: func(context.Context, backfill.Range[int64]) error { time.Sleep(time.Second); return nil },
		}
		ended := make(chan error)
		go func() { ended <- run(t, ledger, foreground(job)) }()
		pace := func(at time.Duration) seq.Pace {
			time.Sleep(time.Until(began.Add(at)))
			return entry(t, ledger).Pace
		}
		if p := pace(3500 * time.Millisecond); p.Estimate != seq.EstimateMeasuring || p.Remaining != 0 {
			t.Errorf("at first: %+v", p)
		}
		if p := pace(10500 * time.Millisecond); p.Estimate != seq.EstimateGood || p.Remaining != 90*time.Second || p.Rate != 1000 || p.Size != 1000 {
			t.Errorf("after 10 s: %+v", p)
		}
		if p := pace(time.Hour + 10500*time.Millisecond); p.Estimate != seq.EstimateGood || p.Rate < 990 || p.Rate > 1010 {
			t.Errorf("after it was held for an hour: %+v", p)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if p := entry(t, ledger).Pace; p.Estimate != seq.EstimateDone {
			t.Errorf("at the end: %+v", p)
		}
	})
}

func TestTheEstimateOfAnUnknownTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := store.NewMemory()
		from := chunks(5000)
		from.Total = 0
		last := seq.Pace{Estimate: "none"}
		job := backfill.Job[int64]{From: from, Do: func(context.Context, backfill.Range[int64]) error {
			time.Sleep(10 * time.Second)
			last = entry(t, ledger).Pace
			return nil
		}}
		if err := run(t, ledger, foreground(job)); err != nil {
			t.Fatal(err)
		}
		if last.Estimate != seq.EstimateUnknown || last.Rate == 0 {
			t.Errorf("%+v", last)
		}
	})
}

// A clock of the job's own is what its gates are asked by.
func TestTheJobsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, c := store.NewMemory(), mock(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC))
		job := backfill.Job[int64]{
			From: backfill.Dense{First: 1, Last: 5}, Clock: c, Do: nothing[int64],
			Gates: []backfill.Gate{backfill.Window(22*time.Hour, 6*time.Hour, nil)},
		}
		ended := make(chan error, 1)
		go func() { ended <- run(t, ledger, foreground(job)) }()
		time.Sleep(time.Hour)
		if len(ended) > 0 {
			t.Fatal("it did not wait for the window")
		}
		c.Add(10 * time.Hour)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}
