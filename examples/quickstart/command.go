package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/strategies"
)

// command is what the command line says.
type command struct {
	dsn                  string
	strategy             seq.Strategy
	fail                 string
	preview, reset, help bool
}

// A usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

const intro = `quickstart upgrades a database with the countries and time zones of the IANA Time Zone Database.
Run it again, and nothing is pending.

Usage: go run ./examples/quickstart [flags]

`

const outro = `
Strategies
  sequential             by timestamp, one after another; a failure stops the run (default)
  batch                  migrations, then operations side by side; a failure stops the run
  transactional-batch    as batch; a failure undoes the run
  allowed-to-fail-batch  as batch; every operation gets its turn whatever fails
  dependency-graph       waves of what is independent; a failure stops the run
  scheduled              by time, what is due

Try
  go run ./examples/quickstart -preview -strategy dependency-graph
  go run ./examples/quickstart -reset -strategy transactional-batch -fail fill_country_names
  go run ./examples/quickstart -reset -fail warm_zone_counts
`

// parse reads the command line. Its errors are usage errors.
func parse(args []string) (*command, error) {
	var cmd command
	var name string
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&cmd.dsn, "dsn", "", "work on Postgres, `postgres://user@host/database`, instead of the file seq-quickstart.db")
	flags.StringVar(&name, "strategy", "", "`name` of the strategy; without it "+strategies.EnvVar+" of the environment counts")
	flags.StringVar(&cmd.fail, "fail", "", "make the operation of this `name` fail, with or without its timestamp")
	flags.BoolVar(&cmd.preview, "preview", false, "print the plan, write nothing")
	flags.BoolVar(&cmd.reset, "reset", false, "first drop the tables of an earlier run")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		cmd.help = true
		fmt.Print(intro)
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		fmt.Print(outro)
		return &cmd, nil
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case cmd.dsn != "" && !strings.HasPrefix(cmd.dsn, "postgres://") && !strings.HasPrefix(cmd.dsn, "postgresql://"):
		err = errors.New("-dsn must begin with postgres://")
	case cmd.preview && cmd.reset:
		err = errors.New("-preview writes nothing and -reset does; choose one")
	case name != "":
		cmd.strategy, err = strategies.Named(name)
	default:
		cmd.strategy, err = strategies.FromEnv()
	}
	if err != nil {
		return nil, &usageError{err}
	}
	return &cmd, nil
}
