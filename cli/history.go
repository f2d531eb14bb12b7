package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq/store"
)

func (a *app) history() *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use:   "history [OP]",
		Short: "List the runs, or every attempt at one operation",
		Example: `  {{name}} history                      # the last runs: what, who, when
  {{name}} history fill_names           # every attempt at one, with its error
  {{name}} history --json | jq -r '.runs[0].id'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeOp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if n < 1 {
				return usage("--limit %d: want at least 1", n)
			}
			out := cmd.OutOrStdout()
			if len(args) == 1 {
				id, err := a.find(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				list, err := a.s.Store().History(cmd.Context(), id, store.Page{Limit: n})
				if err != nil {
					return err
				}
				slices.Reverse(list)
				if a.json {
					return writeJSON(out, map[string]any{"id": id, "attempts": viewAttempts(list)})
				}
				if len(list) == 0 {
					fmt.Fprintf(out, "nobody has set out to do %s yet\n", id)
				}
				printAttempts(out, colours(out), list, false)
				return nil
			}
			runs, err := a.s.Store().Runs(cmd.Context(), store.Page{Limit: n})
			if err != nil {
				return err
			}
			if a.json {
				views := []runView{}
				for i := range runs {
					views = append(views, viewRun(&runs[i]))
				}
				return writeJSON(out, map[string]any{"runs": views})
			}
			if len(runs) == 0 {
				fmt.Fprintln(out, "nothing has run yet")
			}
			for i := range runs {
				printRun(out, &runs[i])
			}
			return nil
		},
	}
	cmd.Flags().IntVarP(&n, "limit", "n", 20, "at most `n`, the latest")
	return cmd
}

func viewAttempts(list []store.Attempt) []attemptView {
	views := []attemptView{}
	for i := range list {
		views = append(views, viewAttempt(&list[i]))
	}
	return views
}

func printRun(out io.Writer, r *store.Run) {
	took := "not over"
	if !r.Finished.IsZero() {
		took = "in " + span(r.Finished.Sub(r.Started))
	}
	why := ""
	if r.Reason != "" {
		why = ": " + brief(r.Reason)
	}
	fmt.Fprintf(out, "%s  %s  %-15s %s, %s, by %s%s\n", brief(r.ID), stamp(r.Started), r.State, brief(r.Strategy), took, brief(r.Owner.String()), why)
}

// printAttempts writes attempts, with the op's ID if they are of several.
func printAttempts(out io.Writer, p palette, list []store.Attempt, several bool) {
	for i := range list {
		t := &list[i]
		took := "open"
		if !t.Finished.IsZero() {
			took = "in " + span(t.Finished.Sub(t.Started))
		}
		if t.Lost {
			took = "its process died"
		}
		what := ""
		if several {
			what = brief(t.ID) + "  "
		}
		fmt.Fprintf(out, "  %d  %s  %s%-8s %s %s, by %s, run %.8s\n", t.Number, stamp(t.Started), what, t.Direction, p.state(t.State, 11), took, brief(t.Owner.String()), brief(t.Run))
		if t.Error != "" {
			fmt.Fprintf(out, "     %s\n", paragraph(t.Error, "     "))
		}
	}
}
