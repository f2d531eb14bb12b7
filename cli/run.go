package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

func (a *app) run() *cobra.Command {
	var c choice
	var isolate, strategyName, hash string
	var dry, repeat bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Do what is left to do",
		Long: `Do what is left to do: every operation that is registered and has not succeeded, in order.

One process runs at a time. The others wait for it and then do what is left, which is why every
host of a fleet can start with this command. --isolate says what to do instead of waiting.
On a terminal the run is shown live; in a pipe each event is a line, and when nothing moves for
10 seconds a line says why; with --json each event is a JSON document on a line.

An interrupt starts nothing more and asks what runs to end; a second one kills the process, and the
next run takes over.`,
		Example: `  {{name}} run                          # on every host; one works, the others wait
  {{name}} run --dry-run                # say what would happen
  {{name}} run --plan 3f9c2d6a1b7e8f04  # only if the plan is still the one you looked at
  {{name}} run --isolate=return         # somebody else is running: leave it to them, exit 0
  {{name}} run --isolate=fail           # somebody else is running: exit 4
  {{name}} run --only fill_names --repeat`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := c.options(cmd, a)
			if err != nil {
				return err
			}
			with, err := strategy(strategyName)
			if err != nil {
				return err
			}
			opts = append(opts, with...)
			if repeat {
				opts = append(opts, seq.Repeat())
			}
			if cmd.Flags().Changed("isolate") {
				i := slices.Index(isolations, isolate)
				if i < 0 {
					return usage("--isolate=%s: want wait, return or fail", isolate)
				}
				opts = append(opts, seq.Isolate(seq.Otherwise(i)))
			}
			plan, err := a.s.Preview(cmd.Context(), opts...)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("plan") {
				if plan.Hash() != hash {
					return fmt.Errorf("%w: it is %s now, not %s", seq.ErrPlanChanged, plan.Hash(), hash)
				}
				opts = append(opts, seq.Expect(hash))
			}
			if dry {
				return a.printPlan(cmd, plan, "text")
			}
			return a.watch(cmd, plan, opts, a.s.Run)
		},
	}
	c.flags(cmd, a, "leave out what is older than a `timestamp` or stands before an operation")
	strategyFlag(cmd, &strategyName)
	f := cmd.Flags()
	f.StringVar(&isolate, "isolate", "wait", "when another process holds the ledger: `wait`, return (exit 0) or fail (exit 4)")
	f.Lookup("isolate").NoOptDefVal = "wait"
	f.StringVar(&hash, "plan", "", "refuse unless the plan has this `hash`, as plan shows it")
	f.BoolVar(&dry, "dry-run", false, "show the plan and do nothing")
	f.BoolVar(&repeat, "repeat", false, "also what has succeeded before")
	_ = cmd.RegisterFlagCompletionFunc("isolate", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return isolations, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

var isolations = []string{"wait", "return", "fail"}

func (a *app) due() *cobra.Command {
	return &cobra.Command{
		Use:   "due",
		Short: "Do what the schedule holds and is due, for cron",
		Long: `Do what the schedule holds and is due, each operation once whichever host asks, and return.
Call it every minute from as many hosts as you like. run puts operations into the schedule.`,
		Example: `  * * * * *  {{name}} due               # a crontab line
  {{name}} status --scheduled           # what the schedule holds`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.watch(cmd, nil, []seq.RunOption{seq.By(a.by())}, a.s.RunDue)
		},
	}
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
