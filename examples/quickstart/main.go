// Quickstart upgrades a database in eight steps, with real data: the countries and time zones of
// the IANA Time Zone Database. Two migrations make tables and columns; operations load, join and
// compute; one may fail, all but one can be rolled back, one waits for the night.
//
//	go run ./examples/quickstart                       # plan, run, and look: on the SQLite file seq-quickstart.db
//	go run ./examples/quickstart -dsn postgres://…     # or on Postgres
//	go run ./examples/quickstart status                # any command of package cli
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
	"syscall"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/cli"
	"github.com/sequencer-go/seq/examples/internal/demo"
	_ "github.com/sequencer-go/seq/examples/quickstart/operations"
)

func main() { os.Exit(start(os.Args[1:])) }

// start returns the exit code, one of package cli's. This is all a service needs: cli.Main(seq.New(store)).
// The rest is for you to play with.
func start(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)   // a second interrupt kills
	signal.Ignore(syscall.SIGPIPE) // "run | head" does not
	line, err := parse(args)
	if err != nil {
		return complain(cli.Usage, fmt.Errorf("%w (see -help)", err))
	}
	if line.help {
		return cli.OK
	}
	open := demo.Open
	if line.looks() {
		open = demo.Peek
	}
	store, err := open("quickstart", line.dsn)
	if err != nil {
		return complain(cli.Failed, err)
	}
	defer store.Close()

	sequencer := seq.New(store).Use(line.strategy)
	toFail, err := find(sequencer, line.fail)
	if err != nil {
		return complain(cli.Usage, err)
	}
	sequencer.Use(failing(toFail))
	if line.reset {
		if err := demo.Reset(ctx, store.DB(), "quickstart", tables...); err != nil {
			return complain(cli.Failed, err)
		}
	}
	do := func(args ...string) int { return cli.Execute(ctx, sequencer, args, os.Stdin, os.Stdout, os.Stderr) }
	if len(line.command) > 0 {
		return do(line.command...)
	}
	code := do("plan")
	if code != cli.OK {
		return code
	}
	fmt.Println()
	code = do("run")
	fmt.Println("\nin the database")
	if err := figures(context.WithoutCancel(ctx), store.DB(), code == cli.OK); err != nil {
		return complain(cli.Failed, err)
	}
	return code
}

func complain(code int, err error) int {
	if !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "quickstart: %v\n", err)
	}
	return code
}
