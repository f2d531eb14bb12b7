package cli_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

func TestStopEndsTheRunOfAnotherHostAndHoldsTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, seq.Op{ID: "2024_01_15_110000_slow", Run: func(ctx context.Context) error {
			return clock.Sleep(ctx, clock.Wall(), time.Hour)
		}})
		run := d.worker("run", "--by", "bob")
		pass(time.Second)
		other := d.worker("run", "--by", "eve")
		pass(15 * time.Second)
		d.want(cli.OK, []string{
			"the ledger is held for ann since ", ", until it is released: checkout is down\n", " for bob heard it ", " later, and its run is over\n",
			"who acts for ann may run, roll back and decide; release lets everybody go on\n",
		}, "stop", "--yes", "--by", "ann", "--reason", "checkout is down")
		synctest.Wait()
		code, out := run()
		if code != cli.Interrupted || !strings.HasSuffix(out, "cli.test: told to stop by ann: checkout is down; what was done is recorded\nlegal now: cli.test release --reason WHY, which lets everybody go on; until then nothing runs but for who asked\n") {
			t.Errorf("the run that was stopped: exit code %d\n%s", code, out)
		}
		pass(time.Minute)
		d.want(cli.OK, []string{"the ledger is held for ann since "}, "status")
		d.want(cli.OK, []string{"the ledger is held for ann since "}, "plan")
		d.want(cli.OK, []string{"warning  lease", "held for ann", "cli.test release"}, "doctor")
		d.want(cli.Busy, []string{"the ledger is held: by ann since "}, "run", "--isolate=fail", "--by", "bob")
		d.want(cli.OK, []string{"nothing to undo"}, "rollback", "--yes", "--by", "ann")
		var status struct {
			Held struct {
				Wanted, By, Reason string
				Heard              bool
			}
		}
		d.json(&status, cli.OK, "status", "--json")
		if h := status.Held; h.Wanted != "stop" || h.By != "ann" || !h.Heard || h.Reason != "checkout is down" {
			t.Errorf("the JSON is %+v", status)
		}
		d.want(cli.OK, []string{"the ledger is free: whoever waits goes on\n"}, "release", "--reason", "mended", "--by", "ann")
		pass(20 * time.Second)
		_, out = other()
		for _, want := range []string{"waiting: the ledger is held: by ann since ", "until it is released: checkout is down; waited 27s\n", "running          2024_01_15_110000_slow"} {
			if !strings.Contains(out, want) {
				t.Errorf("the one that waits does not say %q:\n%s", want, out)
			}
		}
	})
}

func TestStopTakesTheLeaseOfWhoDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		if _, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "mute", PID: 7, Actor: "bob"}); err != nil {
			t.Fatal(err)
		}
		d.want(cli.OK, []string{"the ledger is held for ann, until it is released\n  mute[7] for bob has not heard it yet: "}, "stop", "--yes", "--by", "ann", "--reason", "x", "--wait", "2s")
		d.want(cli.OK, []string{"; the run was asked to stop, and has not heard it yet"}, "status")
		var answer struct {
			Held, Heard, Stopped bool
		}
		d.json(&answer, cli.OK, "stop", "--yes", "--by", "ann", "--reason", "x", "--force", "2s", "--wait", "0s", "--json")
		if !answer.Held || answer.Heard || !answer.Stopped {
			t.Errorf("stop --force answers %+v", answer)
		}
		d.want(cli.OK, []string{"nothing was running\n"}, "stop", "--yes", "--by", "ann", "--reason", "x", "--until", "1h")
		d.want(cli.OK, []string{"held for ann since ", ", until 2000-01-01T01:00:04Z or until it is released: x\n"}, "status")
		pass(time.Hour)
		if out := d.want(cli.OK, nil, "status"); strings.Contains(out, "is held") {
			t.Errorf("it is held beyond its time:\n%s", out)
		}
	})
}

func TestHoldLetsTheRunGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, slow("2024_01_15_110000_backfill", nil))
		run := d.worker("run", "--by", "bob")
		pass(time.Second)
		d.want(cli.OK, []string{"the ledger is held for ann since ", "until 2000-01-03T00:00:01Z or until it is released: it moves tonight\n", "goes on to its end\n"}, "hold", "--until", "2d", "--reason", "it moves tonight", "--by", "ann")
		pass(20 * time.Second)
		if code, out := run(); code != cli.OK || !strings.Contains(out, "4 succeeded") {
			t.Errorf("the run: exit code %d\n%s", code, out)
		}
		var answer struct{ Wanted string }
		d.json(&answer, cli.OK, "release", "--reason", "it has moved", "--by", "ann", "--json")
		if answer.Wanted != "go" {
			t.Errorf("release answers %+v", answer)
		}
	})
}
