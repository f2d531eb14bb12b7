package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/store"
	"github.com/sequencer-go/seq/strategies"
)

// What somebody who deploys at night ran into.

func TestAnOpWhoseProcessDiedIsNotCalledRunning(t *testing.T) {
	d := newDesk(t)
	claim := store.Claim{ID: fill, Token: store.NewToken(), Attempt: 1, Generation: 1, Owner: store.Owner{Host: "dead"}}
	lease := d.dead(claim)
	if out := d.want(cli.OK, []string{"running"}, "status"); strings.Contains(out, "died") {
		t.Errorf("it lives, and status says otherwise:\n%s", out)
	}
	if err := d.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	d.want(cli.OK, []string{"its process has died: dead[0]; waits for "}, "status")
	d.want(cli.OK, []string{"nobody: its process has died (dead[0]), and the next run"}, "show", fill)
	d.want(cli.Waiting, []string{"its process has died"}, "pending")
	d.want(cli.OK, []string{"again: its process has died"}, "plan")
}

func TestNobodyIsToldToSkipWhatIsInDoubt(t *testing.T) {
	id := "2024_01_15_115900_charge_cards"
	d := newDesk(t, seq.Op{ID: id, Delivery: seq.Once, Run: func(context.Context) error { return nil }})
	claim := store.Claim{ID: id, Token: store.NewToken(), Delivery: seq.Once, Attempt: 1, Generation: 1}
	lease := d.dead(claim)
	if err := d.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	_, out, errs := d.do("run")
	if !strings.Contains(errs, "failed: "+id) || strings.Contains(errs, "skip") {
		t.Errorf("skip would be refused, and run says:\n%s%s", out, errs)
	}
	d.want(cli.Refused, []string{"legal now: resolve " + id}, "skip", "charge_cards", "--reason", "x")
}

func TestAFailureStaysOnTheScreen(t *testing.T) {
	var many []seq.Op
	for i := range 50 {
		many = append(many, seq.Op{ID: fmt.Sprintf("2024_01_15_1301%02d_later", i), Run: func(context.Context) error { return nil }})
	}
	d := newDesk(t, many...)
	d.fails = errors.New("no")
	out := d.want(cli.Failed, []string{"  … and 42 more that are pending; status --pending lists them\n"}, "run")
	if n := strings.Count(out, "not started: it depends on "+fill+", which failed") + strings.Count(out, "not started: the run started nothing more after "+fill+" failed"); n != 10 {
		t.Errorf("%d lines of what did not start, want 10:\n%s", n, out)
	}
}

func TestWhatIsToBeUndoneHasNotFailed(t *testing.T) {
	d := newDesk(t)
	d.want(cli.OK, nil, "run")
	lease, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "undoing"})
	if err != nil {
		t.Fatal(err)
	}
	mark := store.Mark{ID: fill, Attempt: 1, State: seq.RollbackPending}
	if _, err := d.store.Write(t.Context(), lease, store.Batch{Marks: []store.Mark{mark}}); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"status", "show fill_names", "pending"} {
		_, out, _ := d.do(strings.Fields(command)...)
		if !strings.Contains(out, "rollback-pending") || strings.Contains(out, "refused") || strings.Contains(out, "failed") {
			t.Errorf("%s, while another process undoes it:\n%s", command, out)
		}
	}
}

func TestCronNeedNotPileUp(t *testing.T) {
	d := newDesk(t)
	lease, err := d.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "busy"})
	if err != nil {
		t.Fatal(err)
	}
	mark := store.Mark{ID: later, State: seq.Scheduled, NotBefore: time.Now().Add(-time.Hour)}
	if _, err := d.store.Write(t.Context(), lease, store.Batch{Marks: []store.Mark{mark}}); err != nil {
		t.Fatal(err)
	}
	d.want(cli.OK, []string{"another process holds the ledger"}, "due", "--isolate=return")
	d.want(cli.Busy, []string{"legal now"}, "due", "--isolate=fail")
}

func TestWhatTheCodeHasWrongIsRefused(t *testing.T) {
	lost := seq.Op{ID: create, Run: func(context.Context) error { return nil }, DependsOn: []string{"2020_01_01_000000_gone"}}
	for args, op := range map[string]seq.Op{
		"run":        lost,
		"plan":       lost,
		"run --json": lost,
		"serve":      lost,
		"status":     {ID: "no_timestamp", Run: lost.Run},
	} {
		d := &desk{t: t, store: store.NewMemory()}
		d.s = seq.New(d.store, op)
		d.want(cli.Refused, nil, strings.Fields(args)...)
	}
}

func TestAnEmptyChoiceIsAMistake(t *testing.T) {
	d := newDesk(t)
	d.want(cli.Usage, []string{"--only names no operation"}, "run", "--only", "")
	d.want(cli.Usage, []string{"--tags names no tag"}, "rollback", "--yes", "--tags=")
}

func TestMisspeltArgumentsAreNotCalledCommands(t *testing.T) {
	d := newDesk(t)
	d.want(cli.Usage, []string{`run takes no "fail" beside its flags`, "--isolate=fail"}, "run", "--isolate", "fail")
	d.want(cli.Usage, []string{`status takes no "x" beside its flags`}, "status", "x")
	d.want(cli.Usage, []string{`there is no command "rollbak"; did you mean rollback?`}, "help", "rollbak")
	d.want(cli.OK, []string{"Undo what has run"}, "help", "rollback")
}

func TestAnInterruptSaysWhatIsLegal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
		defer interrupt()
		var out bytes.Buffer
		code := cli.Execute(ctx, d.s.Use(strategies.Sequential(strategies.Wait())), []string{"run"}, strings.NewReader(""), &out, &out)
		if code != cli.Interrupted || !strings.Contains(out.String(), "interrupted; what was done is recorded\nlegal now: cli.test run, which") {
			t.Errorf("exit code %d\n%s", code, &out)
		}
	})
}

func TestAFailureEndsWithWhatFailedAndWhatToTypeNext(t *testing.T) {
	d := newDesk(t, seq.Op{ID: "2024_01_15_115900_load", Run: func(context.Context) error { return errors.New("no such table: zones\nhint: create it") }})
	d.fails = errors.New("the API is down")
	_, out, errs := d.do("run", "--strategy", "allowed-to-fail-batch")
	want := "cli.test: failed: 2 operations\n" +
		"  2024_01_15_115900_load: no such table: zones …\n" +
		"  " + fill + ": the API is down\n" +
		"legal now: cli.test show 2024_01_15_115900_load tells why and what can be done; mend it, then cli.test run\n"
	if errs != want {
		t.Errorf("the last lines are\n%s\nwant\n%s", errs, want)
	}
	if !strings.Contains(out, "depends on "+fill+", which is failed") {
		t.Errorf("it does not say why %s did not run:\n%s", warm, out)
	}
	_, _, errs = d.do("run", "--only", "load")
	if want := "cli.test: failed: 2024_01_15_115900_load: no such table: zones\n  hint: create it\nlegal now: cli.test show 2024_01_15_115900_load "; !strings.HasPrefix(errs, want) {
		t.Errorf("the last lines are\n%s\nwant\n%s", errs, want)
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	d := newDesk(t)
	listed := d.want(cli.OK, nil, "help")
	found := 0
	for _, c := range cli.Command(d.s).Commands() {
		if !c.Runnable() || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		found++
		if !strings.Contains(c.Example, "{{name}} "+c.Name()) || c.Short == "" {
			t.Errorf("%s has no example of itself: %q", c.Name(), c.Example)
		}
		if out := d.want(cli.OK, []string{"Examples:"}, c.Name(), "--help"); strings.Contains(out, "{{") {
			t.Errorf("%s --help shows a template:\n%s", c.Name(), out)
		}
		if !strings.Contains(listed, "  "+c.Name()+" ") {
			t.Errorf("help does not list %s:\n%s", c.Name(), listed)
		}
	}
	if found < 15 {
		t.Errorf("%d commands", found)
	}
}

func TestNotStartedSaysBecauseOfWhat(t *testing.T) {
	last := "2024_01_15_120400_last"
	d := newDesk(t, seq.Op{ID: last, Run: func(context.Context) error { return nil }, DependsOn: []string{warm}})
	d.fails = errors.New("no")
	d.want(cli.Failed, []string{
		warm + "  not started: it depends on " + fill + ", which failed\n",
		last + "  not started: it depends on " + fill + ", which failed\n", // by way of another
		later + "  not started: the run started nothing more after " + fill + " failed\n",
	}, "run")
}

func TestWhatFailedForGoodIsTriedAgainIfAsked(t *testing.T) {
	d := newDesk(t)
	d.fails = seq.Permanent(errors.New("the key is revoked"))
	d.want(cli.Failed, nil, "run")
	d.fails = nil
	d.want(cli.OK, []string{"refused: ", "mend it and deploy that, or retry\n"}, "status", "--failed")
	d.want(cli.Failed, []string{"failed: " + fill}, "run")
	d.want(cli.OK, []string{"3 succeeded"}, "run", "--retry-failed", "--only", "create_tables,fill_names,warm_cache", "--repeat")
}
