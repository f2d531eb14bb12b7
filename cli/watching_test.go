package cli_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// watched runs ops in one process while another one watches, and returns its exit code and what it says.
func watched(t *testing.T, d *desk, args ...string) (int, string) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = d.s.Run(t.Context())
	}()
	synctest.Wait()
	var out bytes.Buffer
	code := cli.Execute(t.Context(), d.s, append([]string{"watch"}, args...), strings.NewReader(""), &out, &out)
	<-ended
	return code, out.String()
}

func slow(id string, err error) seq.Op {
	return seq.Op{ID: id, Run: func(ctx context.Context) error {
		_ = seq.Progress(ctx, 3000, 10_000)
		return errors.Join(clock.Sleep(ctx, clock.Wall(), 15*time.Second), err)
	}}
}

func TestWatchShowsTheRunOfAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, slow("2024_01_15_110000_backfill", nil))
		code, out := watched(t, d)
		if code != cli.OK {
			t.Errorf("exit code %d", code)
		}
		for _, want := range []string{
			"run              sequential, ", "running          2024_01_15_110000_backfill\n",
			"running 2024_01_15_110000_backfill for 10s, 3 000 of 10 000 (30 %)",
			"succeeded        2024_01_15_110000_backfill  in 15s\n", "succeeded        " + fill, "succeeded       sequential, in 15s",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("it does not say %q:\n%s", want, out)
			}
		}
		d.want(cli.OK, []string{"nothing is running\n", "the last run: "}, "watch")
		d.want(cli.OK, []string{`"running":false`}, "watch", "--json")
	})
}

func TestWatchEndsAsTheRunDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, slow("2024_01_15_110000_backfill", errors.New("the API is down")))
		code, out := watched(t, d, "--json")
		if code != cli.Failed || !strings.Contains(out, `"event":"settled"`) || !strings.Contains(out, `"failed":["2024_01_15_110000_backfill: the API is down"]`) {
			t.Errorf("exit code %d\n%s", code, out)
		}
	})
}

func TestWatchShowsARollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := slow("2024_01_15_110000_create", nil)
		made.Kind, made.Rollback = seq.Migration, made.Run
		d := newDesk(t, made)
		d.fails = errors.New("the API is down")
		d.s.Use(strategies.TransactionalBatch())
		code, out := watched(t, d)
		if code != cli.Failed {
			t.Errorf("exit code %d", code)
		}
		for _, want := range []string{"rolling back     2 operations\n", "undoing          2024_01_15_110000_create\n", "rolled-back      2024_01_15_110000_create  in 15s\n", "the run is rolled-back\n  " + fill + ": the API is down\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("it does not say %q:\n%s", want, out)
			}
		}
	})
}

func TestWatchSaysThatTheProcessDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		lease, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "gone", PID: 7})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.store.Write(t.Context(), lease, store.Batch{
			Run:    &store.Run{ID: "abcdef", Strategy: "sequential", Owner: store.Owner{Host: "gone", PID: 7}},
			Claims: []store.Claim{{ID: fill, Run: "abcdef", Token: store.NewToken(), Attempt: 1, Generation: 1}},
		}); err != nil {
			t.Fatal(err)
		}
		d.want(cli.Failed, []string{
			"running          " + fill, "the run is held by gone[7], which is dead or cut off: it does not renew it; free in 5s",
			"the process of the run has died: gone[7]", "legal now: cli.test ",
		}, "watch")
	})
}
