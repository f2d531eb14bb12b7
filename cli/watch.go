package cli

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/clock"
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
	var besides atomic.Int64 // runs in the background
	watch := func(e middleware.Event) {
		switch {
		case e.Strategy == workStrategy && e.Kind == middleware.EventRunStarted:
			besides.Add(1)
		case e.Strategy == workStrategy && e.Kind == middleware.EventRunFinished:
			besides.Add(-1)
		}
		if e.Kind == middleware.EventPlanned {
			planned.Store(e.Plan) // what was done meanwhile by others is not in it
		}
		n.event(cmd.Context(), e)
		v.event(e)
	}
	if lasts(cmd) && !a.json {
		defer a.glances(cmd.Context(), v, &besides)()
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
	a.printBackground(cmd.Context(), out, report)
	return a.failure(report, err)
}

// glances tells a view, as long as something works in the background here, what the ledger says of that: why
// it does not move, and how long it will take. It reads the ledger less often where that takes long.
func (a *app) glances(ctx context.Context, v view, busy *atomic.Int64) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		const pause, share = 5 * time.Second, 20
		for rest := pause; clock.Sleep(ctx, wall, rest) == nil; {
			if rest = pause; busy.Load() == 0 {
				continue
			}
			began := wall.Now()
			if st, err := a.s.Status(ctx); err == nil {
				v.there(background(st), nil)
			}
			rest = max(pause, share*wall.Now().Sub(began))
		}
	}()
	return func() { cancel(); <-done }
}
