package cli_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/store/sqlite"
)

func TestOnlyACommandThatNeedsTheLedgerOpensIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	open := func(context.Context) (*seq.Sequencer, error) {
		ledger, err := sqlite.Open(file)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = ledger.Close() })
		return seq.New(ledger, seq.Op{ID: create, Run: func(context.Context) error { return nil }}), nil
	}
	do := func(line string) (int, string) {
		var out bytes.Buffer
		code := cli.ExecuteFunc(t.Context(), open, strings.Fields(line), strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	for _, line := range []string{"", "help", "help run", "run --help", "--version", "version", "exit-codes", "completion bash", "runn", "run --nope", "__complete r"} {
		do(line)
		if _, err := os.Stat(file); err == nil {
			t.Fatalf("%q made a database file", line)
		}
	}
	if code, out := do("run"); code != cli.OK || !strings.Contains(out, "1 succeeded") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if _, out := do("__complete show cre"); !strings.Contains(out, "create_tables\tsucceeded") {
		t.Errorf("completion does not open the ledger:\n%s", out)
	}
	var out bytes.Buffer
	fails := func(context.Context) (*seq.Sequencer, error) { return nil, errors.New("no DATABASE_URL") }
	if code := cli.ExecuteFunc(t.Context(), fails, []string{"status", "--json"}, strings.NewReader(""), &out, &out); code != cli.Failed || !strings.Contains(out.String(), `{"error":"no DATABASE_URL","exit":1}`) {
		t.Errorf("exit code %d\n%s", code, &out)
	}
}

func TestVersionSaysWhatItWasBuiltFrom(t *testing.T) {
	d := newDesk(t)
	out := d.want(cli.OK, []string{"github.com/sequencer-go/seq ", "revision ", "ledger schema 3\n"}, "--version")
	if more := d.want(cli.OK, nil, "version"); more != out {
		t.Errorf("--version says\n%s\nand version\n%s", out, more)
	}
	var v struct {
		Go      string
		Schema  int
		Modules map[string]string
	}
	d.json(&v, cli.OK, "version", "--json")
	if len(v.Modules) == 0 || v.Go == "" || v.Schema != 3 { // a test binary tells of no dependencies
		t.Errorf("got %+v", v)
	}
}

func TestColourInAPipe(t *testing.T) {
	d := newDesk(t)
	for _, test := range []struct {
		force, no string
		want      bool
	}{{"", "", false}, {"1", "", true}, {"0", "", false}, {"1", "1", false}} {
		t.Setenv("FORCE_COLOR", test.force)
		t.Setenv("NO_COLOR", test.no)
		if out := d.want(cli.OK, nil, "status"); strings.Contains(out, "\x1b[") != test.want {
			t.Errorf("FORCE_COLOR=%s NO_COLOR=%s: %q", test.force, test.no, out)
		}
	}
}
