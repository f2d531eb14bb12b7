package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

func (a *app) run() *cobra.Command {
	var c choice
	var isolate, strategyName, hash, reason string
	var dry, repeat, dependencies, retryFailed bool
	cmd := &cobra.Command{
		Use:   "run [OP]...",
		Short: "Do what is left to do",
		Long: `Do what is left to do: every operation that is registered and has not succeeded, in order; or only the
operations that are named.

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
  {{name}} run --retry-failed           # the cause is mended
  {{name}} run fill_names --repeat      # only this one, although it has succeeded before`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.offer(mayRun),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("isolate") && len(args) > 0 && slices.Contains(isolations, args[0]) {
				return misplaced(cmd, args[0])
			}
			c.ops = args
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
			if dependencies {
				opts = append(opts, seq.WithDependencies())
			}
			if retryFailed {
				opts = append(opts, seq.RetryFailed())
			}
			alone, err := isolation(isolate)
			if err != nil {
				return err
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
			return a.watch(cmd, plan, append(opts, alone, seq.By(a.by()), seq.Because(reason)), a.s.Run)
		},
	}
	c.flags(cmd, a, "leave out what is older than a `timestamp` or stands before an operation", mayRun)
	strategyFlag(cmd, &strategyName)
	f := cmd.Flags()
	isolateFlag(cmd, &isolate)
	reasonFlag(cmd, &reason)
	f.StringVar(&hash, "plan", "", "refuse unless the plan has this `hash`, as plan shows it")
	f.BoolVar(&dry, "dry-run", false, "show the plan and do nothing")
	f.BoolVar(&dependencies, "with-dependencies", false, "also what the chosen operations depend on")
	f.BoolVar(&repeat, "repeat", false, "also what has succeeded before")
	f.BoolVar(&retryFailed, "retry-failed", false, "also what failed too often, for good, or in another process just now")
	return cmd
}

func reasonFlag(cmd *cobra.Command, reason *string) {
	cmd.Flags().StringVar(reason, "reason", "", "`why` you want it, for the ledger")
}

var isolations = []string{"wait", "return", "fail"}

func isolateFlag(cmd *cobra.Command, isolate *string) {
	cmd.Flags().StringVar(isolate, "isolate", "wait", "when another process holds the ledger: `wait`, return (exit 0) or fail (exit 4)")
	cmd.Flags().Lookup("isolate").NoOptDefVal = "wait"
	_ = cmd.RegisterFlagCompletionFunc("isolate", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return isolations, cobra.ShellCompDirectiveNoFileComp
	})
}

// isolation is what that flag asks for.
func isolation(isolate string) (seq.RunOption, error) {
	i := slices.Index(isolations, isolate)
	if i < 0 {
		return seq.RunOption{}, usage("--isolate=%s: want wait, return or fail", isolate)
	}
	return seq.Isolate(seq.IfLeased(i)), nil
}
