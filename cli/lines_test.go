package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// In a pipe nobody sees a clock run: when nothing was said for ten seconds, a line says why.

func TestAPipeHearsWhyNothingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, seq.Op{ID: "2024_01_15_110000_backfill", Run: func(ctx context.Context) error {
			_ = seq.Progress(ctx, 29, 100)
			err := clock.Sleep(ctx, clock.Wall(), 15*time.Second)
			_ = seq.Progress(ctx, 40, 100)
			return errors.Join(err, clock.Sleep(ctx, clock.Wall(), 10*time.Second))
		}})
		out := d.want(cli.OK, []string{
			"running 2024_01_15_110000_backfill for 10s, 29 of 100 (29 %), 4 wait for it\n",
			"running 2024_01_15_110000_backfill for 20s, 40 of 100 (40 %), 0.55/s, 1m49s left, 4 wait for it\n",
			"succeeded        2024_01_15_110000_backfill  in 25s\n",
		}, "run")
		if n := strings.Count(out, "…"); n != 2 {
			t.Errorf("%d heartbeats in 25 seconds, want 2:\n%s", n, out)
		}
	})
}

func TestAPipeHearsWhoHoldsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		lease, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "other", PID: 7, Actor: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		claim := store.Claim{ID: create, Token: store.NewToken(), Attempt: 1, Generation: 1}
		if _, err := d.store.Write(t.Context(), lease, store.Batch{
			Claims: []store.Claim{claim},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.store.Write(t.Context(), lease, store.Batch{Headway: []store.Headway{{ID: create, Token: claim.Token, Done: 3, Total: 10}}}); err != nil {
			t.Fatal(err)
		}
		go func() {
			for range 3 {
				_ = clock.Sleep(t.Context(), clock.Wall(), 4*time.Second)
				_ = d.store.Renew(t.Context(), lease)
			}
			_ = d.store.Release(t.Context(), lease)
		}()
		out := d.want(cli.OK, []string{
			"waiting          for the lease", "…                waiting for the lease, held by other[7] for bob since 2000-01-01T00:00:00Z; waited 10s\n",
			"…                there: running " + create + ", 3 of 10 (30 %)\n", "3 succeeded",
		}, "run")
		if strings.Contains(out, "which is dead or cut off") {
			t.Errorf("a holder that renews is called dead:\n%s", out)
		}
		if n := strings.Count(out, "…"); n != 2 {
			t.Errorf("%d heartbeat lines in 12 seconds, want 2:\n%s", n, out)
		}
	})
}

func TestAPipeHearsWhyARetryTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		d := newDesk(t, seq.Op{ID: "2024_01_15_110000_call", Run: func(context.Context) error {
			if tries++; tries < 2 {
				return errors.New("the API is down")
			}
			return nil
		}})
		d.s.Use(waiting(25 * time.Second))
		d.want(cli.OK, []string{
			"retrying         2024_01_15_110000_call  in 25s after: the API is down\n",
			"…                retrying 2024_01_15_110000_call in 15s after: the API is down, 4 wait for it\n",
		}, "run")
	})
}

// waiting tries once more after a pause.
func waiting(pause time.Duration) middleware.Middleware {
	return middleware.Middleware{Name: "again", Layer: middleware.LayerCall, Step: func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, call *middleware.Call) error {
			err := next(ctx, call)
			if err == nil {
				return nil
			}
			middleware.Retrying(ctx, err, pause)
			if err := clock.Sleep(ctx, clock.Wall(), pause); err != nil {
				return err
			}
			return next(ctx, call)
		}
	}}
}

func TestAPipeHearsWhatARunIsScheduledFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.s.Use(strategies.Sequential(strategies.Wait()))
		d.want(cli.OK, []string{later + " is scheduled for 2000-01-01T01:00:00Z, in 59m50s\n", "4 succeeded"}, "run")
	})
}

func TestServeIsQuietUntilSomethingIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.want(cli.OK, nil, "run")
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Hour)
		defer stop()
		var out strings.Builder
		if code := cli.Execute(ctx, d.s, []string{"serve"}, strings.NewReader(""), &out, &out); code != cli.OK {
			t.Errorf("exit code %d", code)
		}
		for _, want := range []string{"serving until stopped\n", later + "  due 2000-01-01T01:00:00Z, in 1h0m\n", "succeeded        " + later} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("it does not say %q:\n%s", want, &out)
			}
		}
		if n := strings.Count(out.String(), "\n"); n > 10 {
			t.Errorf("%d lines in two hours:\n%.2000s", n, &out)
		}
	})
}

func TestAHeartbeatIsNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var many []seq.Op
		for i := range 30 {
			many = append(many, seq.Op{ID: fmt.Sprintf("2024_01_15_1101%02d_slow", i), Run: func(ctx context.Context) error {
				return clock.Sleep(ctx, clock.Wall(), 15*time.Second)
			}})
		}
		d := newDesk(t)
		s := seq.New(d.store, many...).Use(strategies.Batch(strategies.Limit(30)))
		var out bytes.Buffer
		cli.Execute(t.Context(), s, []string{"run"}, strings.NewReader(""), &out, &out)
		if n := strings.Count(out.String(), "_slow for 10s"); n != 9 || !strings.Contains(out.String(), "…                and 21 more\n") {
			t.Errorf("a heartbeat has %d lines, want 9 and how many more:\n%s", n, &out)
		}
	})
}

// down is a store whose database is away for a while.
type down struct {
	store.Store
	until time.Time
}

func (d down) Load(ctx context.Context) ([]store.Entry, error) {
	if clock.Wall().Now().Before(d.until) {
		return nil, errors.New("connection refused")
	}
	return d.Store.Load(ctx)
}

func TestServeSaysThatTheLedgerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		now := clock.Wall().Now()
		s := seq.New(&down{d.store, now.Add(time.Minute)})
		ctx, cancel := context.WithDeadline(t.Context(), now.Add(time.Hour))
		defer cancel()
		var out bytes.Buffer
		if code := cli.Execute(ctx, s, []string{"serve"}, strings.NewReader(""), &out, &out); code != cli.OK {
			t.Errorf("exit code %d", code)
		}
		const line = "waiting          for the ledger, tried again in 30s  load the ledger: connection refused\n"
		if n := strings.Count(out.String(), line); n != 2 {
			t.Errorf("an outage of a minute makes %d lines, want 2:\n%s", n, &out)
		}
		if n := strings.Count(out.String(), "\n"); n > 4 {
			t.Errorf("an idle hour makes %d lines:\n%s", n, &out)
		}
	})
}

func TestADecisionSaysWhoItWaitsFor(t *testing.T) {
	d := newDesk(t)
	lease, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "other", PID: 7, Actor: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	var out bytes.Buffer
	code := make(chan int)
	go func() {
		code <- cli.Execute(t.Context(), d.s, []string{"skip", "fill_names", "--reason", "x", "--json"}, strings.NewReader(""), &out, w)
	}()
	said, _ := bufio.NewReader(r).ReadString('\n')
	if !strings.Contains(said, "other[7] for bob since ") {
		t.Errorf("a decision that waits for the lease says %q", said)
	}
	if err := d.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if c := <-code; c != cli.OK || !strings.HasPrefix(out.String(), "{") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("exit code %d, and the answer is no document: %s", c, &out)
	}
}

func TestFiguresAreWrittenForPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, seq.Op{ID: "2024_01_15_110000_backfill", Run: func(ctx context.Context) error {
			_ = seq.Progress(ctx, 0, 1_250_000)
			err := clock.Sleep(ctx, clock.Wall(), 5*time.Second)
			_ = seq.Progress(ctx, 98_500, 1_250_000)
			return errors.Join(err, clock.Sleep(ctx, clock.Wall(), 10*time.Second))
		}})
		d.want(cli.OK, []string{"98 500 of 1 250 000 (7 %), 9 850/s, 1m57s left"}, "run")
	})
}

func TestADeadHolderIsCalledDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		if _, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "gone", PID: 7}); err != nil {
			t.Fatal(err)
		}
		d.want(cli.OK, []string{"held by gone[7] since 2000-01-01T00:00:00Z, which is dead or cut off: it does not renew it; free in 5s; waited 10s\n"}, "run")
	})
}

func TestStatusSaysWhenAndHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, slow("2024_01_15_110000_backfill", nil))
		d.want(cli.OK, nil, "run")
		d.want(cli.OK, []string{"2024_01_15_110000_backfill  2000-01-01T00:00:15Z, in 15s\n"}, "status")
		d.want(cli.OK, []string{`"started":"2000-01-01T00:00:00Z","finished":"2000-01-01T00:00:15Z","seconds":15}`}, "status", "--json")
		d.dead(store.Claim{ID: fill, Token: store.NewToken(), Attempt: 2, Generation: 2})
		_ = clock.Sleep(t.Context(), clock.Wall(), 5*time.Second)
		d.want(cli.OK, []string{fill + "  since 2000-01-01T00:00:15Z, 5s\n"}, "status")
	})
}
