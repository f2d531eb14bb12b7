package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/strategies"
)

// A line is what the command line says: flags of the quickstart, then a command of package cli.
type line struct {
	dsn         string
	strategy    seq.Strategy
	fail        string
	reset, help bool
	command     []string // none: plan, run, and look at the tables
}

const intro = `quickstart upgrades a database with the countries and time zones of the IANA Time Zone Database.
Run it again, and nothing is pending.

Usage: go run ./examples/quickstart [flags] [command of package cli]

Without a command it plans, runs, and looks at the tables. With one, such as plan, run, status,
show, history or rollback, it is what any binary with cli.Main is; help lists them all.

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
  go run ./examples/quickstart -strategy dependency-graph plan
  go run ./examples/quickstart status
  go run ./examples/quickstart show warm_zone_counts
  go run ./examples/quickstart -reset -strategy transactional-batch -fail fill_country_names
  go run ./examples/quickstart -reset -fail warm_zone_counts
  go run ./examples/quickstart help
`

// parse reads the command line. Its errors are mistakes in it.
func parse(args []string) (*line, error) {
	var l line
	var name string
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&l.dsn, "dsn", "", "work on Postgres, `postgres://user@host/database`, instead of the file seq-quickstart.db")
	flags.StringVar(&name, "strategy", "", "`name` of the strategy; without it "+strategies.EnvVar+" of the environment counts")
	flags.StringVar(&l.fail, "fail", "", "make the operation of this `name` fail, with or without its timestamp")
	flags.BoolVar(&l.reset, "reset", false, "first drop the tables of an earlier run")
	err := flags.Parse(args)
	l.command = flags.Args()
	switch {
	case errors.Is(err, flag.ErrHelp):
		l.help = true
		fmt.Print(intro)
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		fmt.Print(outro)
		return &l, nil
	case err != nil:
	case l.dsn != "" && !strings.HasPrefix(l.dsn, "postgres://") && !strings.HasPrefix(l.dsn, "postgresql://"):
		err = errors.New("-dsn must begin with postgres://")
	case name != "":
		l.strategy, err = strategies.Named(name)
	default:
		l.strategy, err = strategies.FromEnv()
	}
	return &l, err
}

// looks reports whether the command only looks, and need not make a file.
func (l *line) looks() bool {
	return !l.reset && len(l.command) > 0 &&
		slices.Contains([]string{"plan", "pending", "status", "show", "history", "watch", "doctor", "version", "help", "exit-codes", "completion", "__complete"}, l.command[0])
}
