package cli

import (
	"context"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// A view shows a run while it happens.
type view interface {
	event(e middleware.Event)
	there(doings []seq.OpStatus, held *store.LeaseError) // what the process does that this one waits for
	stopping()                                           // it was interrupted, which may take a while
	close()                                              // nothing is shown any more
}

// watch makes a call that runs ops, and shows what happens and what came of it.
func (a *app) watch(cmd *cobra.Command, before *plan.Plan, opts []seq.RunOption, call func(context.Context, ...seq.RunOption) (*seq.Report, error)) error {
	out := cmd.OutOrStdout()
	v := a.view(cmd, before)
	n := &neighbour{s: a.s, tell: v.there}
	var planned atomic.Pointer[plan.Plan] // the watcher may outlive the call by what it has not heard yet
	planned.Store(before)
	watch := func(e middleware.Event) {
		if e.Kind == middleware.EventPlanned {
			planned.Store(e.Plan) // what was done meanwhile by others is not in it
		}
		n.event(cmd.Context(), e)
		v.event(e)
	}
	unhook := context.AfterFunc(cmd.Context(), v.stopping)
	report, err := call(cmd.Context(), append(opts, seq.Using(middleware.Middleware{Name: "cli", Watch: watch}))...)
	unhook()
	n.close()
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
		return tell(a.failure(report, err))
	}
	printReport(out, colours(out), report, causesOf(report, planned.Load()), err)
	return a.failure(report, err)
}
