package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

func (a *app) due() *cobra.Command {
	var isolate string
	cmd := &cobra.Command{
		Use:   "due",
		Short: "Do what the schedule holds and is due, for cron",
		Long: `Do what the schedule holds and is due, each operation once whichever host asks, and return.
Call it every minute from as many hosts as you like; with --isolate=return none waits behind a long
run. run puts operations into the schedule.`,
		Example: `  * * * * *  {{name}} due --isolate=return   # a crontab line
  {{name}} status --scheduled           # what the schedule holds`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			alone, err := isolation(isolate)
			if err != nil {
				return err
			}
			return a.watch(cmd, nil, []seq.RunOption{seq.By(a.by()), alone}, a.s.RunDue)
		},
	}
	isolateFlag(cmd, &isolate)
	return cmd
}

func (a *app) serve() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Do what is due, when it is, until stopped",
		Long: `Do what is due, wait for the next time something is, and so on until a signal stops it, with exit
code 0. Any number of hosts may serve one ledger. What fails is left for the next run.`,
		Example: `  {{name}} serve
  {{name}} serve --json                 # an event a line, for a log collector`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.announce(cmd)
			serve := func(ctx context.Context, opts ...seq.RunOption) (*seq.Report, error) {
				err := a.s.Serve(ctx, opts...)
				if ctx.Err() != nil {
					err = nil
				}
				return nil, err
			}
			return a.watch(cmd, nil, []seq.RunOption{seq.By(a.by())}, serve)
		},
	}
}

// announce says what the schedule holds before serve begins. If the ledger is away, serve tells.
func (a *app) announce(cmd *cobra.Command) {
	if a.json {
		return
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, "serving until stopped")
	st, err := a.s.Status(cmd.Context())
	if err != nil {
		return
	}
	for i := range st.Ops {
		if o := &st.Ops[i]; o.State == seq.Scheduled {
			fmt.Fprintf(out, "%-16s %s  %s\n", o.State, brief(o.ID), due(o.Due, st.Now))
		}
	}
}
