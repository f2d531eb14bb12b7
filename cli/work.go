package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
)

func (a *app) work() *cobra.Command {
	var c choice
	atATime := 1
	cmd := &cobra.Command{
		Use:   "work",
		Short: "Work on operations in the background, until stopped",
		Long: `Work on the operations that are made for the background, beside deploys, until a signal stops it, with exit
code 0: the batch that it is at is undone, and another process goes on from there. Start it on any number of
hosts: each operation is worked on by one process at a time. pause, resume, cancel and set
steer it from any host, status says how far it is.`,
		Example: `  {{name}} work
  {{name}} work --at-a-time 4           # as many operations side by side in this process
  {{name}} serve --work                 # and keep the schedule`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := c.options(cmd, a)
			if err != nil {
				return err
			}
			if atATime < 1 {
				return usage("--at-a-time %d: want at least 1", atATime)
			}
			if !a.json {
				fmt.Fprintln(cmd.OutOrStdout(), "working in the background until stopped")
			}
			a.left(cmd)
			call := func(ctx context.Context, opts ...seq.RunOption) (*seq.Report, error) {
				return nil, stopped(ctx, a.s.Work(ctx, append(opts, seq.AtATime(atATime))...))
			}
			return a.watch(cmd, nil, append(opts, seq.By(a.by())), call)
		},
	}
	c.flags(cmd, a, "leave out what is older than a `timestamp` or stands before an operation", mayPause)
	atATimeFlag(cmd, &atATime)
	return cmd
}

func atATimeFlag(cmd *cobra.Command, n *int) {
	cmd.Flags().IntVar(n, "at-a-time", 1, "how many `operations` to work on side by side")
}

// stopped is nil instead of an error that comes of the end of the context.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// left lists what is left to do in the background. If the ledger is away, the call that follows tells.
func (a *app) left(cmd *cobra.Command) {
	if a.json {
		return
	}
	st, err := a.s.Status(cmd.Context())
	if err != nil {
		return
	}
	st.Holder, st.NoWorker, st.Ops = nil, false, background(st)
	if len(st.Ops) > 0 {
		a.printStatus(cmd.OutOrStdout(), st, nil, false)
	}
}

// background are the ops that are left to do in the background.
func background(st *seq.Status) []seq.OpStatus {
	list := []seq.OpStatus{}
	for i := range st.Ops {
		if o := &st.Ops[i]; o.Background && !o.State.Done() && o.Excluded == "" {
			list = append(list, *o)
		}
	}
	return list
}

// together makes calls that last until ctx ends. When one returns before that, the others are ended.
func together(ctx context.Context, calls ...func(context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	errs := make(chan error)
	for _, call := range calls {
		go func() { errs <- call(ctx) }()
	}
	var all []error
	for range calls {
		err := stopped(ctx, <-errs)
		all = append(all, err)
		end()
	}
	return errors.Join(all...)
}
