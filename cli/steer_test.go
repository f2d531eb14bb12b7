package cli_test

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/clock"
	"github.com/sequencer-go/seq/store"
)

const plans = "2024_01_15_110000_fill_plans"

// gate is what the op of backfill waits for before each batch; nil: nothing.
type gate func() (why string)

// backfill counts to 1 000 by tens, a batch a second.
func backfill(g gate) seq.Op {
	const total, size = 1000, 10
	return seq.Op{ID: plans, Delivery: seq.Resumable, Background: true, Run: func(ctx context.Context) error {
		var cursor int64
		if _, err := seq.Saved(ctx, &cursor); err != nil {
			return err
		}
		for cursor < total {
			for g != nil && g() != "" {
				if err := seq.Rest(ctx, g(), time.Second); err != nil {
					return err
				}
			}
			step := int64(size)
			if asked, _ := seq.Asked(ctx); asked > 0 {
				step = asked
			}
			next := min(cursor+step, total)
			err := seq.Checkpoint(ctx, func(ctx context.Context) (seq.Point, error) {
				pace := seq.Pace{Rate: float64(step), Estimate: seq.EstimateGood, Remaining: time.Duration((total-next)/step) * time.Second, Size: step, Parts: 4, PartsDone: 1, DeadLetters: 2}
				return seq.Point{Cursor: next, Done: next, Total: total, Pace: pace}, clock.Sleep(ctx, clock.Wall(), time.Second)
			})
			if err != nil {
				return err
			}
			cursor = next
		}
		return nil
	}}
}

// worker runs a command that lasts until stop, which returns its exit code and all that it said.
func (d *desk) worker(args ...string) (stop func() (int, string)) {
	d.t.Helper()
	ctx, end := context.WithCancel(d.t.Context())
	var out bytes.Buffer
	code := make(chan int, 1)
	go func() { code <- cli.Execute(ctx, d.s, args, strings.NewReader(""), &out, &out) }()
	var ended bool
	var last int
	return func() (int, string) {
		if !ended {
			end()
			last, ended = <-code, true
		}
		return last, out.String()
	}
}

func pass(d time.Duration) { _ = clock.Sleep(context.Background(), clock.Wall(), d) }

func TestWorkIsSeenFromAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, backfill(nil))
		d.want(cli.OK, []string{"in the background: " + plans + "  not begun; no process works in the background"}, "plan")
		d.want(cli.OK, []string{"4 operations", "3 succeeded", "  in the background: " + plans + "  not begun\n", "no process works in the background; cli.test work does\n"}, "run")
		stop := d.worker("work", "--by", "ann")
		defer stop()
		pass(20500 * time.Millisecond)
		says := "200 of 1 000 (20 %), 10.0/s, about 80 s left, last checkpoint 1s ago, batches of 10, 1 of 4 parts done, 2 dead letters, by "
		d.want(cli.OK, []string{"running          " + plans + "  since ", "; " + says}, "status")
		d.want(cli.OK, []string{says}, "status", "--background")
		d.want(cli.OK, []string{"nothing is pending; this is left to the background:\n", says}, "pending")
		d.want(cli.OK, []string{"nothing is required\n", "  in the background: " + plans + "  " + says}, "wait")
		d.want(cli.OK, []string{"nothing is running\n", says}, "watch")
		d.want(cli.OK, []string{"1 operation left, and a process that works"}, "doctor")
		d.want(cli.OK, []string{
			"operation, resumable, in the background, ", "progress     200 of 1 000 (20 %)\n", "pace         10.0/s while it moves\n", "time left    about 80 s left\n",
			"batches      of 10\n", "parts        1 of 4 done\n", "dead letters 2\n", "worked on    by ", "for ann since ",
			"legal now: pause " + plans + " --reason WHY; set ", "; cancel ",
		}, "show", "fill_plans")
		if out := d.want(cli.OK, nil, "status"); strings.Contains(out, "died") || strings.Contains(out, "no process works") {
			t.Errorf("the status takes the worker for dead:\n%s", out)
		}
		var status struct {
			NoWorker bool `json:"no_worker"`
			Ops      []struct {
				ID         string
				Background *struct {
					Percent   float64
					Estimate  string
					Remaining float64 `json:"remaining_seconds"`
					Worker    struct{ By string }
				}
			}
		}
		d.json(&status, cli.OK, "status", "--json", "--background")
		if b := status.Ops[0].Background; status.NoWorker || b == nil || b.Percent != 20 || b.Estimate != "estimate" || b.Remaining != 80 || b.Worker.By != "ann" {
			t.Errorf("the JSON is %+v", status)
		}
		pass(100 * time.Second)
		d.want(cli.OK, []string{"succeeded        " + plans + "  ", "; 2 dead letters\n"}, "status")
		code, out := stop()
		for _, want := range []string{
			"working in the background until stopped\n", "run              work, 1 operation, run ", "running          " + plans + "\n",
			"…                running " + plans + " for 10s, ", "10.0/s, about 2 min left, last checkpoint ", "succeeded        " + plans + "  in 1m40s\n",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("work does not say %q:\n%s", want, out)
			}
		}
		if code != cli.OK {
			t.Errorf("work that was stopped: exit code %d", code)
		}
		d.want(cli.OK, []string{"work, in 1m40s", "for ann"}, "history", "--limit", "1")
	})
}

func TestARequestIsHeardFromAnotherHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, backfill(nil))
		d.want(cli.OK, nil, "run")
		stop := d.worker("serve", "--work")
		defer stop()
		pass(5500 * time.Millisecond)
		d.want(cli.Refused, []string{"resume " + plans + ": it is not paused; pause, set and cancel are possible\nlegal now: pause "}, "resume", "fill_plans", "--reason", "x")
		d.want(cli.OK, []string{plans + " works with size 20 and a rest of 1s\n  heard by ", " later\n"}, "set", "fill_plans", "--size", "20", "--rest", "1s", "--reason", "it is slow")
		d.want(cli.OK, []string{plans + " is paused; resume takes that back\n  heard by "}, "pause", "fill_plans", "--reason", "the disk is full", "--by", "ann")
		d.want(cli.OK, []string{"paused by ann: the disk is full", "pending          " + plans}, "status")
		d.want(cli.OK, []string{"does not move paused by ann: the disk is full\n", "asked to pause with size 20 and a rest of 1s by ann ", ", heard ", "legal now: resume "}, "show", "fill_plans")
		d.want(cli.Refused, []string{"pause " + plans + ": it was paused by ann (the disk is full); resume, set and cancel are possible\nlegal now: resume "}, "pause", "fill_plans", "--reason", "x")
		var answer struct {
			ID, Wanted, By, Reason string
			Heard                  bool
			HeardBy                *struct{ PID int } `json:"heard_by"`
		}
		d.json(&answer, cli.OK, "resume", "fill_plans", "--reason", "there is room", "--by", "ann", "--json")
		if answer.ID != plans || answer.Wanted != "go" || !answer.Heard || answer.HeardBy == nil || answer.By != "ann" || answer.Reason != "there is room" {
			t.Errorf("resume answers %+v", answer)
		}
		d.want(cli.Usage, []string{"--yes does it", "for good, with "}, "cancel", "fill_plans", "--reason", "x")
		d.want(cli.OK, []string{"is cancelled, for good\n  heard by "}, "cancel", "fill_plans", "--yes", "--reason", "it was wrong", "--by", "ann")
		d.want(cli.Refused, []string{"resume " + plans + ": it was cancelled by ann (it was wrong), which is final; give new work a new ID\nlegal now: "}, "resume", "fill_plans", "--reason", "x")
		d.want(cli.OK, []string{"cancelled by ann: it was wrong"}, "status")
		if code, out := stop(); code != cli.OK || !strings.Contains(out, "suspended        run ") {
			t.Errorf("serve --work: exit code %d\n%s", code, out)
		}
	})
}

func TestARequestThatNobodyHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, backfill(nil))
		d.want(cli.OK, []string{"is paused; resume takes that back\n  nobody was at work on it\n"}, "pause", plans, "--reason", "x")
		began := time.Now()
		d.want(cli.OK, []string{"may go on\n  no process works in the background; cli.test work does\n"}, "resume", plans, "--reason", "x")
		if took := time.Since(began); took > 0 {
			t.Errorf("it waits %s for nobody", took)
		}
		// A process that holds its lane and does not answer.
		lease, err := d.store.Acquire(t.Context(), store.LanePrefix+plans, store.Owner{Host: "mute", PID: 7})
		if err != nil {
			t.Fatal(err)
		}
		claim := store.Claim{ID: plans, Token: store.NewToken(), Delivery: seq.Resumable, Attempt: 1, Generation: 1}
		if _, err := d.store.Write(t.Context(), lease, store.Batch{Claims: []store.Claim{claim}}); err != nil {
			t.Fatal(err)
		}
		d.want(cli.OK, []string{"is paused; resume takes that back\n  not heard yet by mute[7], who works on it: "}, "pause", plans, "--reason", "the disk is full", "--by", "ann", "--wait", "3s")
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it waited %s, want 3s", took)
		}
		d.want(cli.OK, []string{"not begun, by mute[7], asked to pause by ann 3s ago (the disk is full), not heard yet"}, "status")
		pass(20 * time.Second)
		d.want(cli.OK, []string{"its process has died"}, "status")
	})
}

func TestARequestIsChecked(t *testing.T) {
	d := newDesk(t, backfill(nil))
	for line, want := range map[string]struct {
		code int
		says string
	}{
		"pause fill_plans":                       {cli.Usage, "say why with --reason"},
		"pause fill_plans --reason x --wait=-1s": {cli.Usage, "--wait -1s"},
		"pause nobody --reason x":                {cli.Usage, "neither the code nor the ledger knows"},
		"pause fill_names --reason x":            {cli.Refused, "pause " + fill + ": it does not work in the background, but in a run; to stop that, stop\nlegal now: run; "},
		"set fill_plans --reason x":              {cli.Usage, "say what to set: --size, --rest, or both"},
		"set fill_plans --size -1 --reason x":    {cli.Usage, "--size -1"},
		"set fill_plans --rest=-1s --reason x":   {cli.Usage, "--rest -1s"},
		"cancel fill_plans --reason x --json":    {cli.Usage, "--yes"},
		"stop --reason x":                        {cli.Usage, "Nothing is running. Keep everybody but "},
		"stop --yes":                             {cli.Usage, "say why with --reason"},
		"stop --yes --reason x --force=-1s":      {cli.Usage, "--force -1s"},
		"stop --yes --reason x --until 0s":       {cli.Refused, "want a positive time"},
		"hold":                                   {cli.Usage, "say why with --reason"},
		"hold --until yesterday --reason x":      {cli.Usage, "want a time, as 90d or 12h"},
		"release --reason x":                     {cli.Refused, "release: nobody holds the ledger"},
		"work --at-a-time 0":                     {cli.Usage, "--at-a-time 0"},
		"serve --at-a-time 2":                    {cli.Usage, "together with --work"},
		"run fill_plans":                         {cli.Refused, "works in the background, which work does and no run"},
	} {
		t.Run(line, func(t *testing.T) {
			d.t = t
			d.want(want.code, []string{want.says}, strings.Fields(line)...)
		})
	}
}

func TestWhyItDoesNotMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed atomic.Bool
		d := newDesk(t, backfill(func() string {
			if closed.Load() {
				return "outside of 22:00 to 04:00"
			}
			return ""
		}))
		stop := d.worker("work")
		defer stop()
		pass(10500 * time.Millisecond)
		closed.Store(true)
		pass(5 * time.Minute)
		says := "about 89 s left once it moves, has not moved for 5 min: outside of 22:00 to 04:00, last checkpoint 5m ago"
		d.want(cli.OK, []string{says}, "status")
		d.want(cli.OK, []string{"does not move since ", ": outside of 22:00 to 04:00\n"}, "show", plans)
		pass(20 * time.Second)
		if _, out := stop(); !strings.Contains(out, "has not moved for 5 min: outside of 22:00 to 04:00") {
			t.Errorf("work does not say why it does not move:\n%s", out)
		}
	})
}
