package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

// A view shows a run while it happens.
type view interface {
	event(e seq.Event)
	close() // nothing is shown any more
}

// watch makes a call that runs ops, and shows what happens and what came of it.
func (a *app) watch(cmd *cobra.Command, plan *seq.Plan, opts []seq.RunOption, call func(context.Context, ...seq.RunOption) (*seq.Report, error)) error {
	out := cmd.OutOrStdout()
	v := a.view(cmd, plan)
	report, err := call(cmd.Context(), append(opts, seq.Using(seq.Middleware{Name: "cli", Watch: v.event}))...)
	v.close()
	if report == nil {
		return err
	}
	err = plain(cmd.Context(), err)
	if a.json {
		answer := viewReport(report)
		answer.Event, answer.Exit = "report", ExitCode(err)
		if err != nil {
			answer.Error = err.Error()
		}
		if wrong := writeJSON(out, answer); wrong != nil {
			return wrong
		}
		return tell(err)
	}
	printReport(out, colours(out), report, err)
	return brieflyOf(report, err)
}
