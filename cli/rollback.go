package cli

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

func (a *app) rollback() *cobra.Command {
	var c choice
	var last int
	var dry, yes bool
	var reason string
	var run string
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Undo what has run, the latest first",
		Long: `Undo what has run, the latest first: what the last run did, or as the flags say. If one of the
operations cannot be undone, nothing is. It shows what it will undo and asks; --yes does not ask,
and is needed where nobody can answer. What was undone is pending again. Once it has begun it goes on to
its end: an interrupt does not stop it, and after a second one, which kills it, the next run goes on.`,
		Example: `  {{name}} rollback --dry-run
  {{name}} rollback                     # the last run
  {{name}} rollback --last 2 --yes --reason "checkout is down"
  {{name}} rollback --run 3f9c2d6a1b7e8f04    # what a run did, also one that was interrupted
  {{name}} rollback --from 2024_01_15_120000_fill_names   # down to this one, it included`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := c.options(cmd, a)
			if err != nil {
				return err
			}
			if opts, err = lastOf(cmd, last, opts); err != nil {
				return err
			}
			if run != "" {
				if len(opts) > 0 {
					return usage("--run chooses by itself; leave out --last, --from, --only and --tags")
				}
				opts = []seq.RunOption{seq.OfRun(run)}
			}
			plan, err := a.s.PreviewRollback(cmd.Context(), opts...)
			if err != nil {
				return err
			}
			if dry {
				return a.printPlan(cmd, plan, "text")
			}
			with := []seq.RunOption{seq.By(a.by()), seq.Because(reason), seq.Only(plan.IDs()...)}
			if run != "" { // also what is in doubt
				with[2] = seq.OfRun(run)
			}
			if plan.Empty() {
				return a.watch(cmd, plan, with, a.s.Rollback)
			}
			if !yes {
				if a.json || !terminal(cmd.InOrStdin()) {
					return usage("rollback undoes %s and nobody can be asked here; --dry-run shows what, --yes does it", number(len(plan.Steps), "operation"))
				}
				if err := a.printPlan(cmd, plan, "text"); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Undo %s? [y/N] ", number(len(plan.Steps), "operation"))
				if answer := ask(cmd); answer != "y" && answer != "yes" {
					code := Refused
					if cmd.Context().Err() != nil {
						code = Interrupted
					}
					return &exitError{code: code, err: errors.New("nothing was undone")}
				}
			}
			// Exactly what was shown: another run may have done something meanwhile.
			return a.watch(cmd, plan, with, a.s.Rollback)
		},
	}
	c.flags(cmd, a, "down to this `operation` or timestamp, it included", mayUndo)
	f := cmd.Flags()
	f.IntVar(&last, "last", 0, "the `n` operations that completed last, whatever run they belong to")
	f.StringVar(&run, "run", "", "what the `run` with this ID did")
	reasonFlag(cmd, &reason)
	f.BoolVar(&dry, "dry-run", false, "show what would be undone and do nothing")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// ask is the line that a person types, in lower case; "" if they interrupt instead.
func ask(cmd *cobra.Command) string {
	typed := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		typed <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case answer := <-typed:
		return answer
	case <-cmd.Context().Done():
		fmt.Fprintln(cmd.OutOrStdout())
		return ""
	}
}

// number is "1 operation" or "2 operations".
func number[N int | int64](n N, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
