// Package demo is what the examples share, and what a service has anyway: flags, an open
// database, an exit code.
package demo

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/sequencer-go/seq/store/bunstore"
)

// Main is the main function of an example: it opens the database that the flags name, calls run,
// and exits with 1 if that fails. tables are models of the tables that -reset drops, in that order.
func Main(name string, run func(ctx context.Context, store *bunstore.Store) error, tables ...any) {
	MainWith(name, nil, run, tables...)
}

// MainWith is Main with options of the store.
func MainWith(name string, opts []bunstore.Option, run func(ctx context.Context, store *bunstore.Store) error, tables ...any) {
	dsn := flag.String("dsn", "", "`postgres://…` instead of the SQLite file seq-"+name+".db in this folder")
	reset := flag.Bool("reset", false, "first drop what an earlier run of this example left")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "%s: unexpected argument %q (see -help)\n", name, flag.Arg(0))
		os.Exit(2)
	}
	if err := main(name, *dsn, *reset, opts, run, tables); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func main(name, dsn string, reset bool, opts []bunstore.Option, run func(context.Context, *bunstore.Store) error, tables []any) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	store, err := Open(name, dsn, opts...)
	if err != nil {
		return err
	}
	defer store.Close()
	if reset {
		if err := Reset(ctx, store.DB(), name, tables...); err != nil {
			return err
		}
	}
	return run(ctx, store)
}
