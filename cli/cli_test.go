package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/store"
)

// The ops of the tests.
const (
	create = "2024_01_15_120000_create_tables"
	fill   = "2024_01_15_120100_fill_names"
	warm   = "2024_01_15_120200_warm_cache"
	later  = "2024_01_15_120300_nightly"
)

// hostile is what an op may put into its error to fool whoever reads it.
const hostile = "bad\x1b[2J\x1b]0;owned\x07\r\nseq: all is well\u202e\x00\u009b31m"

// A desk is a ledger with ops, and a person at the command line.
type desk struct {
	t     *testing.T
	s     *seq.Sequencer
	store *store.Memory
	fails error // of fill
}

func newDesk(t *testing.T, more ...seq.Op) *desk {
	d := &desk{t: t, store: store.NewMemory()}
	ok := func(context.Context) error { return nil }
	d.s = seq.New(d.store, append(more,
		seq.Op{ID: create, Kind: seq.Migration, Run: ok, Rollback: ok},
		seq.Op{ID: fill, Run: func(context.Context) error { return d.fails }, Rollback: ok, DependsOn: []string{create}, Tags: []string{"names"}},
		seq.Op{ID: warm, Run: ok, Rollback: ok, AllowedToFail: true, DependsOn: []string{fill}},
		seq.Op{ID: later, Run: ok, ExecuteAt: func(now time.Time) time.Time { return now.Add(time.Hour) }},
	)...)
	return d
}

// do is a command line, and what it answers.
// dead claims an op for a process that will not report.
func (d *desk) dead(claim store.Claim) store.Lease {
	d.t.Helper()
	lease, err := d.store.Acquire(d.t.Context(), store.RunLease, store.Owner{Host: "dead"})
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.store.Write(d.t.Context(), lease, store.Batch{Claims: []store.Claim{claim}}); err != nil {
		d.t.Fatal(err)
	}
	return lease
}

func (d *desk) do(args ...string) (code int, out, errs string) {
	d.t.Helper()
	var o, e bytes.Buffer
	code = cli.Execute(d.t.Context(), d.s, args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// want is do for a command that must end with a code and say some words.
func (d *desk) want(code int, words []string, args ...string) string {
	d.t.Helper()
	got, out, errs := d.do(args...)
	if got != code {
		d.t.Errorf("%q: exit code %d, want %d\n%s%s", args, got, code, out, errs)
	}
	for _, w := range words {
		if !strings.Contains(out+errs, w) {
			d.t.Errorf("%q does not say %q:\n%s%s", args, w, out, errs)
		}
	}
	return out
}

func TestADeployFromPlanToRollback(t *testing.T) {
	d := newDesk(t)
	d.want(cli.OK, []string{"4 operations in 4 waves", "depends on " + create, "can be undone", "in 1h0m"}, "plan")
	d.want(cli.Waiting, []string{"4 pending"}, "pending")
	var plan struct{ Hash string }
	d.json(&plan, cli.OK, "plan", "--json")
	d.want(cli.Refused, []string{"the plan has changed", "legal now"}, "run", "--plan", "0123456789abcdef")
	d.want(cli.OK, []string{"3 succeeded", "1 scheduled"}, "run", "--plan", plan.Hash, "--by", "ann")
	d.want(cli.OK, []string{"nothing is pending"}, "pending")
	d.want(cli.OK, []string{"by", "ann", "sequential", "succeeded"}, "history")
	d.want(cli.OK, []string{later, "scheduled", "due"}, "status", "--scheduled")
	d.want(cli.OK, []string{warm, "the latest first"}, "rollback", "--dry-run", "--last", "1")
	d.want(cli.Usage, []string{"--yes", "undoes 1 operation and"}, "rollback", "--last", "1")
	d.want(cli.OK, []string{"undoing", "rolled back"}, "rollback", "--last", "1", "--yes", "--reason", "checkout is down")
	d.want(cli.OK, []string{"rolled-back", ": checkout is down\n"}, "history", "--limit", "1")
	d.want(cli.OK, []string{"rolled-back", "legal now: run; skip"}, "show", "warm_cache")
}

func TestExitCodes(t *testing.T) {
	busy := newDesk(t)
	if _, err := busy.store.Acquire(t.Context(), store.RunLease, store.Owner{Host: "other", PID: 7, Actor: "bob"}); err != nil {
		t.Fatal(err)
	}
	broken := newDesk(t)
	broken.fails = errors.New("no")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, test := range []struct {
		d    *desk
		code int
		args string
		says string
	}{
		{newDesk(t), cli.OK, "", "Usage"},
		{newDesk(t), cli.OK, "run --help", "Examples"},
		{newDesk(t), cli.OK, "run", "succeeded"},
		{broken, cli.Failed, "run", fill},
		{broken, cli.Failed, "run --json", `"exit":1`},
		{newDesk(t), cli.Usage, "runn", "did you mean run?"},
		{newDesk(t), cli.Usage, "run --nope", "unknown flag"},
		{newDesk(t), cli.Usage, "run now", `knows the operation "now"`},
		{newDesk(t), cli.Usage, "run fill_names --only fill_names", "either behind the command or with --only"},
		{newDesk(t), cli.OK, "run create_tables", "1 succeeded"},
		{newDesk(t), cli.Usage, "run --isolate=perhaps", "want wait, return or fail"},
		{newDesk(t), cli.Usage, "run --strategy dependencygrap", "did you mean dependency-graph?"},
		{newDesk(t), cli.Usage, "run --only fil_names", "did you mean " + fill},
		{newDesk(t), cli.Usage, "run --tags nams", "there are names"},
		{newDesk(t), cli.Usage, "run --from yesterday", "2024_01_15_120000"},
		{newDesk(t), cli.Usage, "show fil_names", "did you mean " + fill},
		{newDesk(t), cli.Usage, "skip fill_names", "--reason"},
		{newDesk(t), cli.Usage, "resolve fill_names --reason seen", "--done"},
		{newDesk(t), cli.Usage, "plan --format svg", "mermaid"},
		{newDesk(t), cli.Usage, "rollback --last 0", "at least 1"},
		{newDesk(t), cli.Waiting, "pending", "4 pending"},
		{newDesk(t), cli.Waiting, "pending --json", `"pending":4`},
		{busy, cli.Busy, "run --isolate=fail", "other[7] for bob"},
		{busy, cli.OK, "run --isolate=return", "another process"},
		{newDesk(t), cli.Refused, "run --plan 00", "legal now"},
		{newDesk(t), cli.Refused, "retry fill_names --reason mended", "legal now: run; skip"},
		{newDesk(t), cli.Refused, "retry fill_names --reason x", ": retry " + fill + ": it is pending, and the next run takes it up anyway"},
		{newDesk(t), cli.Refused, "resolve fill_names --done --reason seen", "legal now"},
		{newDesk(t), cli.OK, "due", "nothing is pending"},
		{newDesk(t), cli.OK, "rollback --yes", "nothing to undo"},
	} {
		t.Run(test.args, func(t *testing.T) {
			test.d.t = t
			test.d.want(test.code, []string{test.says}, strings.Fields(test.args)...)
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		var out bytes.Buffer
		if code := cli.Execute(stopped, busy.s, []string{"run"}, strings.NewReader(""), &out, &out); code != cli.Interrupted {
			t.Errorf("exit code %d, want %d\n%s", code, cli.Interrupted, &out)
		}
		if code := cli.Execute(stopped, newDesk(t).s, []string{"serve"}, strings.NewReader(""), &out, &out); code != cli.OK {
			t.Errorf("serve that was stopped: exit code %d\n%s", code, &out)
		}
	})
}

func TestDecisionsAreRecordedWithWhoAndWhy(t *testing.T) {
	d := newDesk(t)
	d.fails = errors.New("the API is down")
	d.want(cli.Failed, []string{"the API is down", "legal now"}, "run")
	d.want(cli.OK, []string{"is pending now"}, "retry", "fill_names", "--reason", "it is back", "--by", "ann")
	d.want(cli.OK, []string{"is waived now"}, "skip", fill, "--reason", "not needed", "--by", "bob")
	d.want(cli.OK, []string{"by hand", "retried: it is back", "for ann", "waived: not needed", "for bob", "the API is down"}, "history", "fill_names")
	var shown struct {
		Op struct {
			State string
			Legal []string `json:"legal_now"`
		}
	}
	d.json(&shown, cli.OK, "show", fill, "--json")
	if shown.Op.State != "waived" || len(shown.Op.Legal) != 1 || !strings.HasPrefix(shown.Op.Legal[0], "retry ") {
		t.Errorf("got %+v", shown)
	}
}

func TestADoubtIsResolved(t *testing.T) {
	d := newDesk(t)
	d.want(cli.OK, nil, "run")
	id := "2024_01_15_115900_charge_cards"
	claim := store.Claim{ID: id, Token: store.NewToken(), Delivery: seq.Once, Attempt: 1, Generation: 1}
	lease := d.dead(claim)
	if _, err := d.store.Write(t.Context(), lease, store.Batch{Outcomes: []store.Outcome{{ID: id, Token: claim.Token, State: seq.Indeterminate, Error: "its process died"}}}); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	d.want(cli.OK, []string{"indeterminate", "not in the code any more"}, "status", "--failed")
	d.want(cli.Refused, []string{"legal now: resolve " + id}, "skip", "charge_cards", "--reason", "x")
	d.want(cli.OK, []string{"is succeeded now"}, "resolve", "charge_cards", "--done", "--reason", "812 charges are there")
}

func TestHostileTextsSteerNoTerminal(t *testing.T) {
	d := newDesk(t, backfill(nil))
	d.fails = errors.New(hostile)
	check := func(args ...string) {
		_, out, errs := d.do(args...)
		for _, r := range out + errs {
			if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e') {
				t.Errorf("%q lets %q through:\n%q", args, r, out+errs)
				return
			}
		}
		for line := range strings.Lines(out + errs) {
			if strings.HasPrefix(line, "seq: all is well") {
				t.Errorf("%q lets a text forge a line:\n%s", args, out+errs)
			}
		}
	}
	check("run", "--by", hostile)
	for _, args := range [][]string{
		{"plan"},
		{"plan", "--format", "mermaid"},
		{"plan", "--format", "dot"},
		{"run"},
		{"status"},
		{"status", "--failed"},
		{"pending"},
		{"history"},
		{"history", fill},
		{"show", fill},
		{"show", hostile},
		{"run", "--only", hostile},
		{hostile},
		{"run", "--strategy", hostile},
		{"run", "--plan", hostile},
		{"run", "--tags", hostile},
		{"new", hostile},
		{"skip", fill, "--reason", hostile},
		{"show", fill},
		{"history", fill},
		{"retry", create, "--reason", hostile},
		{"pause", plans, "--reason", hostile, "--by", hostile},
		{"pause", plans, "--reason", hostile},
		{"status"},
		{"show", plans},
		{"pending", "--all"},
		{"plan"},
		{"cancel", plans, "--reason", hostile},
		{"stop", "--reason", hostile, "--by", hostile},
		{"stop", "--reason", hostile, "--by", hostile, "--yes"},
		{"status"},
		{"doctor"},
		{"run", "--isolate=fail"},
		{"release", "--reason", hostile},
	} {
		check(args...)
	}
}

// json reads the one document that a command writes.
func (d *desk) json(into any, code int, args ...string) {
	d.t.Helper()
	out := d.want(code, nil, args...)
	dec := json.NewDecoder(strings.NewReader(out))
	if err := dec.Decode(into); err != nil || dec.More() {
		d.t.Errorf("%q does not write one document (%v):\n%s", args, err, out)
	}
}

func TestEveryCommandAnswersInJSON(t *testing.T) {
	d := newDesk(t)
	var doc map[string]any
	for _, args := range []string{"plan", "status", "history", "run --dry-run", "history fill_names", "show fill_names", "status --failed"} {
		d.json(&doc, cli.OK, append(strings.Fields(args), "--json")...)
	}
	d.json(&doc, cli.Waiting, "pending", "--json")
	d.json(&doc, cli.Usage, "show", "nothing_like_that", "--json")
	if doc["exit"] != float64(cli.Usage) || doc["error"] == "" {
		t.Errorf("got %v", doc)
	}
	d.json(&doc, cli.Usage, "run", "--no-such-flag", "--json")
	lines := strings.Split(strings.TrimSpace(d.want(cli.OK, nil, "run", "--json")), "\n")
	for _, line := range lines {
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
	if doc["event"] != "report" || doc["state"] != "succeeded" {
		t.Errorf("the last line of run is no report: %s", lines[len(lines)-1])
	}
	d.fails = errors.New(hostile)
	if _, _, errs := d.do("run", "--repeat", "--json"); !strings.Contains(errs, ": failed: "+fill+": bad\\x1b[2J") || !strings.Contains(errs, "\nlegal now: ") {
		t.Errorf("beside the events a run that failed says %q", errs)
	}
	d.json(&doc, cli.OK, "plan", "--rollback", "--json")
	d.json(&doc, cli.OK, "skip", later, "--reason", "x", "--json")
}
