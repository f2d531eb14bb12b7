package cli_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq/cli"
)

func TestCommandStandsBelowATreeOfOnesOwn(t *testing.T) {
	d := newDesk(t)
	d.fails = errors.New(hostile)
	own := func(args ...string) (string, error) {
		root := &cobra.Command{Use: "shop"}
		upgrade := cli.Command(d.s)
		upgrade.Use = "upgrade"
		root.AddCommand(upgrade)
		root.SetArgs(args)
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	for _, want := range []struct {
		args string
		code int
		says string
	}{
		{"upgrade plan", cli.OK, "4 operations"},
		{"upgrade run --help", cli.OK, "  shop upgrade run --dry-run "},
		{"upgrade --help", cli.OK, "  shop upgrade status "},
		{"upgrade show nothing_like_that --json", cli.Usage, `{"error":"neither the code nor the ledger knows`},
		{"upgrade run --plan 00 --json", cli.Refused, `"exit":5}` + "\n"},
		{"upgrade --json runn", cli.Usage, `"exit":2}` + "\n"},
		{"upgrade --json run --bogus", cli.Usage, `"exit":2}` + "\n"},
		{"upgrade runn", cli.Usage, "did you mean run?"},
		{"upgrade pending", cli.Waiting, "4 pending"},
		{"upgrade run", cli.Failed, "Error: failed: " + fill},
		{"upgrade show --json", cli.Usage, "accepts 1 arg"},
	} {
		args := want.args
		out, err := own(strings.Fields(args)...)
		if got := cli.ExitCode(err); got != want.code || !strings.Contains(out, want.says) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s", args, got, want.code, want.says, out)
		}
		if want.code == cli.Waiting && strings.Contains(out, "Error:") {
			t.Errorf("%s calls its answer an error:\n%s", args, out)
		}
		if strings.ContainsAny(out, "\x1b\x07\r") {
			t.Errorf("%s lets a text steer the terminal: %q", args, out)
		}
	}
	if cli.ExitCode(nil) != cli.OK || cli.ExitCode(context.Canceled) != cli.Failed {
		t.Error("ExitCode of nil, or of an error that is not of a command")
	}
}
