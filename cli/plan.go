package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
)

func (a *app) plan() *cobra.Command {
	var c choice
	var strategyName, format string
	var rollback, repeat bool
	var last int
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what run would do now, and why",
		Long: `Show what run would do now, wave by wave, and why: what each operation waits for, when it is due,
why it would be skipped or refused, and whether it can be undone. It locks nothing and writes nothing.

The hash stands for the decision: run --plan HASH refuses when it is not the same any more.`,
		Example: `  {{name}} plan
  {{name}} plan --rollback --last 2          # what undoing the last two would undo
  {{name}} plan --format mermaid > plan.mmd  # for a merge request
  {{name}} plan --format dot | dot -Tsvg > plan.svg
  hash=$({{name}} plan --json | jq -r .hash) && {{name}} run --plan "$hash"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := c.options(cmd, a)
			if err != nil {
				return err
			}
			if rollback && (strategyName != "" || repeat) || !rollback && cmd.Flags().Changed("last") {
				return usage("--last goes with --rollback, --strategy and --repeat do not")
			}
			with, err := strategy(strategyName)
			if err != nil {
				return err
			}
			opts = append(opts, with...)
			if repeat {
				opts = append(opts, seq.Repeat())
			}
			preview := a.s.Preview
			if rollback {
				preview = a.s.PreviewRollback
				if opts, err = lastOf(cmd, last, opts); err != nil {
					return err
				}
			}
			plan, err := preview(cmd.Context(), opts...)
			if err != nil {
				return err
			}
			return a.printPlan(cmd, plan, format)
		},
	}
	c.flags(cmd, a, "leave out what is older than a `timestamp` or stands before an operation; with --rollback: down to this one", mayRun)
	strategyFlag(cmd, &strategyName)
	f := cmd.Flags()
	f.StringVar(&format, "format", "text", "`text`, json, mermaid or dot")
	f.BoolVar(&rollback, "rollback", false, "what rollback would undo")
	f.IntVar(&last, "last", 0, "with --rollback: the `n` that completed last")
	f.BoolVar(&repeat, "repeat", false, "also what has succeeded before")
	_ = cmd.RegisterFlagCompletionFunc("format", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"text", "json", "mermaid", "dot"}, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// printPlan draws a plan in a format.
func (a *app) printPlan(cmd *cobra.Command, plan *plan.Plan, format string) error {
	out := cmd.OutOrStdout()
	if a.json {
		if cmd.Flags().Changed("format") && format != "json" {
			return usage("--json and --format %s contradict each other", format)
		}
		return writeJSON(out, viewPlan(plan))
	}
	switch format {
	case "text":
		st, err := a.s.Status(cmd.Context())
		if err != nil {
			return err
		}
		drawTree(out, colours(out), plan, st)
	case "json":
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(viewPlan(plan))
	case "mermaid":
		drawMermaid(out, plan)
	case "dot":
		drawDot(out, plan)
	default:
		return usage("--format %s: want text, json, mermaid or dot", format)
	}
	return nil
}

// lastOf adds how many to undo.
func lastOf(cmd *cobra.Command, last int, opts []seq.RunOption) ([]seq.RunOption, error) {
	if !cmd.Flags().Changed("last") {
		return opts, nil
	}
	if last < 1 {
		return nil, usage("--last %d: want at least 1", last)
	}
	for _, other := range []string{"from", "only", "tags"} {
		if cmd.Flags().Changed(other) {
			return nil, usage("--last and --%s contradict each other", other)
		}
	}
	return append(opts, seq.Last(last)), nil
}
