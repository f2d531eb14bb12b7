package cli_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/store/sqlite"
)

func TestPrune(t *testing.T) {
	d := newDesk(t)
	d.fails = errors.New("not yet")
	for range 3 {
		d.want(cli.Failed, nil, "run")
	}
	d.fails = nil
	d.want(cli.OK, nil, "run")
	d.want(cli.Usage, []string{"--older-than", "--keep-runs"}, "prune")
	d.want(cli.Usage, []string{"90d"}, "prune", "--older-than", "soon")
	d.want(cli.Usage, nil, "prune", "--keep-runs", "-1")
	d.want(cli.OK, []string{"removed 0 attempts and 0 runs"}, "prune", "--older-than", "90d")
	var done struct{ Attempts, Runs int }
	d.json(&done, cli.OK, "prune", "--keep-runs", "1", "--json")
	if done.Attempts != 3 || done.Runs != 3 {
		t.Errorf("removed %+v, want 3 attempts of what failed and 3 runs", done)
	}
	d.want(cli.OK, []string{"succeeded"}, "show", fill)
}

// TestSchemaIsWhatIsExecuted prints the statements without touching the file.
func TestSchemaIsWhatIsExecuted(t *testing.T) {
	d := newDesk(t)
	d.want(cli.Refused, []string{"no tables"}, "schema")
	ledger, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	d.s = seq.New(ledger)
	if out := d.want(cli.OK, nil, "schema"); out != ledger.DDL() || !strings.Contains(out, "CREATE TABLE") {
		t.Errorf("schema says\n%s", out)
	}
	d.want(cli.OK, []string{`"ddl":"`}, "schema", "--json")
}

func TestRenewIdentity(t *testing.T) {
	d := newDesk(t)
	d.want(cli.Usage, []string{"--yes", "copy"}, "renew-identity")
	d.want(cli.OK, []string{"identity of its own"}, "renew-identity", "--yes")
	d.want(cli.OK, []string{`"renewed":true`}, "renew-identity", "--yes", "--json")
}
