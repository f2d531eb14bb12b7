package cli_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/internal/adoption"
)

func init() { // as package migrate does
	adoption.Register(adoption.Tool{Name: "goose", Table: "goose_db_version", Adopt: func(ctx context.Context, s *seq.Sequencer, table string, opts ...seq.RunOption) (adoption.Result, error) {
		if table == "missing" {
			return adoption.Result{NoTable: true, Text: "nothing adopted: there is no table missing\n"}, nil
		}
		ids, err := s.Import(ctx, seq.Import{Origin: "goose: table " + table, IDs: []string{create}}, opts...)
		return adoption.Result{Imported: ids, Unknown: []string{"9"}, Text: fmt.Sprintf("%d migrations adopted\n", len(ids))}, err
	}})
}

func TestAdopt(t *testing.T) {
	d := newDesk(t)
	d.want(cli.OK, []string{"nothing adopted"}, "adopt", "goose", "--table", "missing")
	d.want(cli.OK, []string{"dry run: 1 migrations adopted"}, "adopt", "goose", "--dry-run")
	d.want(cli.OK, []string{"4 operations"}, "plan")
	d.want(cli.OK, []string{"1 migrations adopted"}, "adopt", "goose", "--by", "ann")
	d.want(cli.OK, []string{`{"adopted":[],"dry_run":false,"no_table":false,"unknown":["9"]}`}, "adopt", "goose", "--json")
	d.want(cli.OK, []string{"import goose: table", "ann"}, "history")
	d.want(cli.OK, []string{"3 operations"}, "plan")
	d.want(cli.Usage, []string{"did you mean goose?"}, "adopt", "gooose")
	d.want(cli.Usage, []string{"want goose"}, "adopt", "flyway")
	d.want(cli.Usage, []string{"accepts 1 arg"}, "adopt")
	d.want(cli.OK, []string{"goose"}, "__complete", "adopt", "")
}

func TestBaseline(t *testing.T) {
	ok := func(context.Context) error { return nil }
	d := newDesk(t, seq.Op{ID: "2024_02_01_000000_last", Kind: seq.Migration, Run: ok})
	d.want(cli.OK, []string{"dry run: 2 migrations recorded"}, "baseline", "--dry-run")
	if out := d.want(cli.OK, []string{"1 migration recorded as done", create}, "baseline", "--to", "create_tables", "--reason", "from a dump", "--by", "ann"); strings.Contains(out, "last") {
		t.Errorf("it recorded too much:\n%s", out)
	}
	d.want(cli.OK, []string{"import baseline", "ann", "from a dump"}, "history")
	d.want(cli.OK, []string{`{"dry_run":false,"recorded":["2024_02_01_000000_last"]}`}, "baseline", "--json")
	d.want(cli.OK, []string{"3 operations"}, "plan") // no operation is recorded
	d.want(cli.OK, []string{"0 migrations recorded"}, "baseline")
	d.want(cli.Usage, []string{"did you mean"}, "baseline", "--to", "create_table")
}

func TestADatabaseThatIsNotReadyIsRefused(t *testing.T) {
	d := newDesk(t, seq.Op{ID: "2024_02_01_000000_x", Run: func(context.Context) error { return nil }, Inspect: func(context.Context, seq.Inspection) (seq.Details, error) {
		return seq.Details{}, context.DeadlineExceeded
	}})
	d.want(cli.Refused, []string{"not ready to run: 2024_02_01_000000_x"}, "run")
	d.want(cli.Refused, []string{"not ready to run: 2024_02_01_000000_x"}, "plan")
}
