// Quickstart upgrades a database in eight steps, with real data: the countries and time zones of
// the IANA Time Zone Database. Two migrations make tables and columns; operations load, join and
// compute; one may fail, all but one can be rolled back, one waits for the night.
//
//	go run ./examples/quickstart                       # the SQLite file seq-quickstart.db
//	go run ./examples/quickstart -dsn postgres://…     # or Postgres
//	go run ./examples/quickstart -help                 # strategies, and what to try
//
// The ops are in the folder operations, one file each, as a service would keep them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/examples/internal/demo"
	_ "github.com/sequencer-go/seq/examples/quickstart/operations"
)

func main() { os.Exit(start(os.Args[1:])) }

// start returns the exit code: 2 if the command line is wrong, 1 if the upgrade failed.
func start(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cmd, err := parse(args)
	if err == nil && !cmd.help {
		err = upgrade(ctx, cmd)
	}
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "quickstart: %v (see -help)\n", err)
		return 2
	default:
		fmt.Fprintf(os.Stderr, "quickstart: %v\n", err)
		return 1
	}
}

func upgrade(ctx context.Context, cmd *command) error {
	open := demo.Open
	if cmd.preview {
		open = demo.Peek
	}
	store, err := open("quickstart", cmd.dsn)
	if err != nil {
		return err
	}
	defer store.Close()

	// This is all a service needs: seq.New(store).Run(ctx). The rest is for you to watch.
	sequencer := seq.New(store).Use(cmd.strategy, progress())
	toFail, err := find(ctx, sequencer, cmd.fail)
	if err != nil {
		return err
	}
	sequencer.Use(failing(toFail))
	if cmd.reset {
		if err := demo.Reset(ctx, store.DB(), "quickstart", tables...); err != nil {
			return err
		}
	}

	plan, err := sequencer.Preview(ctx)
	if err != nil {
		return err
	}
	printPlan(plan)
	if toFail != "" && !willRun(plan, toFail) {
		fmt.Printf("%s does not run now, so it cannot fail. (With -reset, what is done runs again.)\n", toFail)
	}
	if cmd.preview {
		return nil
	}
	report, failure := sequencer.Run(ctx)
	fmt.Printf("\nReport\n%s\nIn the database\n", report)
	return errors.Join(failure, figures(context.WithoutCancel(ctx), store.DB(), failure == nil))
}
