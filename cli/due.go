package cli

import (
	"context"
	"fmt"
	"slices"

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
	var background bool
	atATime := 1
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Do what is due, when it is, until stopped",
		Long: `Do what is due, wait for the next time something is, and so on until a signal stops it, with exit
code 0. Any number of hosts may serve one ledger. What fails is left for the next run. With --work it works
on operations in the background, too, as work does.`,
		Example: `  {{name}} serve
  {{name}} serve --work                 # also what is made for the background
  {{name}} serve --json                 # an event a line, for a log collector`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if atATime < 1 || !background && cmd.Flags().Changed("at-a-time") {
				return usage("--at-a-time %d: want at least 1, together with --work", atATime)
			}
			a.announce(cmd)
			serve := func(ctx context.Context, opts ...seq.RunOption) (*seq.Report, error) {
				calls := []func(context.Context) error{func(ctx context.Context) error { return a.s.Serve(ctx, opts...) }}
				if background {
					calls = append(calls, func(ctx context.Context) error {
						return a.s.Work(ctx, append(slices.Clone(opts), seq.AtATime(atATime))...)
					})
				}
				return nil, together(ctx, calls...)
			}
			if background {
				a.left(cmd)
			}
			return a.watch(cmd, nil, []seq.RunOption{seq.By(a.by())}, serve)
		},
	}
	cmd.Flags().BoolVar(&background, "work", false, "work on operations in the background, too")
	atATimeFlag(cmd, &atATime)
	return cmd
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
