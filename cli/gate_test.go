package cli_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
)

// TestTheGateTurnsGreen: what may fail, or has a condition that is false, holds no pipeline up.
func TestTheGateTurnsGreen(t *testing.T) {
	bad := seq.Op{ID: "2024_01_15_130000_bad", AllowedToFail: true, Run: func(context.Context) error { return errors.New("no") }}
	no := seq.Op{
		ID: "2024_01_15_130100_no", Run: func(context.Context) error { return nil },
		ShouldRun: func(context.Context) (bool, error) { return false, nil },
	}
	d := newDesk(t, bad, no)
	d.want(cli.Waiting, []string{"create_tables"}, "pending")
	d.want(cli.Waiting, []string{"required"}, "wait", "--timeout", "1ms")
	d.want(cli.OK, nil, "run")
	d.want(cli.OK, []string{"nothing is pending"}, "pending")
	d.want(cli.Waiting, []string{"bad", "no"}, "pending", "--all")
	d.want(cli.OK, []string{"nothing is required"}, "wait")
	var answer struct{ Ready bool }
	if d.json(&answer, cli.OK, "wait", "--json"); !answer.Ready {
		t.Error("wait --json does not say that it is ready")
	}
}

// TestADependencyIsAskedFor: run OP of one whose dependency is not done says so, and takes it too if asked.
func TestADependencyIsAskedFor(t *testing.T) {
	d := newDesk(t)
	d.want(cli.Refused, []string{"create_tables", "with-dependencies"}, "run", "fill_names")
	d.want(cli.OK, []string{"succeeded"}, "run", "fill_names", "--with-dependencies")
}

// TestARunIsRolledBackByItsID and by nothing else beside it.
func TestARunIsRolledBackByItsID(t *testing.T) {
	d := newDesk(t)
	d.want(cli.OK, nil, "run", "create_tables")
	var history struct{ Runs []struct{ ID string } }
	d.json(&history, cli.OK, "history", "--json")
	if len(history.Runs) != 1 {
		t.Fatalf("history: %+v", history)
	}
	d.want(cli.OK, nil, "run", "fill_names")
	d.want(cli.Usage, nil, "rollback", "--run", history.Runs[0].ID, "--last", "1")
	d.want(cli.Refused, []string{"fill_names"}, "rollback", "--run", history.Runs[0].ID, "--yes") // it depends on it
}
