package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/store"
)

func shop() *seq.Sequencer {
	ok := func(context.Context) error { return nil }
	return seq.New(store.NewMemory(),
		seq.Op{ID: "2024_01_15_120000_create_accounts", Kind: seq.Migration, Run: ok, Rollback: ok},
		seq.Op{ID: "2024_01_15_120100_fill_plans", Run: ok, DependsOn: []string{"2024_01_15_120000_create_accounts"}},
	)
}

// Any command of the tool, in a test or below a command line of another library. A program whose only
// command line it is calls Main or MainFunc.
func ExampleExecute() {
	sequencer, in := shop(), strings.NewReader("")
	code := cli.Execute(context.Background(), sequencer, []string{"pending"}, in, os.Stdout, os.Stderr)
	fmt.Println("exit code", code)
	cli.Execute(context.Background(), sequencer, []string{"skip", "fill_plans", "--reason", "done by hand"}, in, os.Stdout, os.Stderr)
	// Output:
	//   pending          2024_01_15_120000_create_accounts  migration
	//   pending          2024_01_15_120100_fill_plans  waits for 2024_01_15_120000_create_accounts
	// 2 pending
	// exit code 3
	// 2024_01_15_120100_fill_plans is waived now: it need not run; retry takes that back
}

// The tool below a cobra tree of one's own.
func ExampleCommand() {
	root := &cobra.Command{Use: "shop"}
	upgrade := cli.Command(shop())
	upgrade.Use = "upgrade"
	root.AddCommand(upgrade)
	root.SetArgs([]string{"upgrade", "pending"})
	root.SetOut(os.Stdout)
	fmt.Println("exit code", cli.ExitCode(root.ExecuteContext(context.Background()))) // os.Exit(…) in a program
	// Output:
	//   pending          2024_01_15_120000_create_accounts  migration
	//   pending          2024_01_15_120100_fill_plans  waits for 2024_01_15_120000_create_accounts
	// 2 pending
	// exit code 3
}

// A sequencer that is opened when a command needs it: help connects to nothing.
func ExampleExecuteFunc() {
	open := func(context.Context) (*seq.Sequencer, error) { return nil, errors.New("DATABASE_URL is not set") }
	in := strings.NewReader("")
	fmt.Println("exit code", cli.ExecuteFunc(context.Background(), open, []string{"exit-codes"}, in, io.Discard, os.Stderr))
	fmt.Println("exit code", cli.ExecuteFunc(context.Background(), open, []string{"status", "--json"}, in, os.Stdout, io.Discard))
	// Output:
	// exit code 0
	// {"error":"DATABASE_URL is not set","exit":1}
	// exit code 1
}
