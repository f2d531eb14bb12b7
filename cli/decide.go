package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/middleware"
)

func (a *app) retry() *cobra.Command {
	return a.decision(&cobra.Command{
		Use:   "retry OP",
		Short: "Say that what made an operation fail is mended",
		Long:  `Say that what made an operation fail, or kill its process, is mended, or take back a skip: it is pending again.`,
		Example: `  {{name}} retry fill_names --reason "the API is back"
  {{name}} run`,
	}, mayRetry, "is taken up by the next run", func(ctx context.Context, id, reason string, opts ...seq.RunOption) error {
		return a.s.Retry(ctx, id, reason, opts...)
	})
}

func (a *app) skip() *cobra.Command {
	return a.decision(&cobra.Command{
		Use:   "skip OP",
		Short: "Decide that an operation need not run",
		Long: `Decide that an operation need not run: it counts as done, and what depends on it may run. Who and why
are recorded. retry takes it back.`,
		Example: `  {{name}} skip fill_names --reason "done by hand, ticket 4711"`,
	}, maySkip, "need not run; retry takes that back", func(ctx context.Context, id, reason string, opts ...seq.RunOption) error {
		return a.s.Skip(ctx, id, reason, opts...)
	})
}

func (a *app) resolve() *cobra.Command {
	var done, not bool
	cmd := a.decision(&cobra.Command{
		Use:   "resolve OP",
		Short: "Say what you found where the ledger cannot know",
		Long: `Say what became of an operation whose process died in the middle, or whose rollback failed: whether
its effect is there (--done) or not (--not-done). Look at the data first; the reason should say what
you saw.`,
		Example: `  {{name}} status --failed              # what is in doubt
  {{name}} resolve charge_cards --done --reason "all 812 charges are with the bank"`,
	}, mayResolve, "is settled", func(ctx context.Context, id, reason string, opts ...seq.RunOption) error {
		found := seq.NotDone
		if done {
			found = seq.Done
		}
		return a.s.Resolve(ctx, id, found, reason, opts...)
	})
	cmd.Flags().BoolVar(&done, "done", false, "its effect is there")
	cmd.Flags().BoolVar(&not, "not-done", false, "its effect is not there")
	act := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if done == not {
			return usage("say one of --done and --not-done")
		}
		return act(cmd, args)
	}
	return cmd
}

// decision makes a command of what a person may say about an op.
func (a *app) decision(cmd *cobra.Command, may filter, then string, act func(ctx context.Context, id, reason string, opts ...seq.RunOption) error) *cobra.Command {
	var reason string
	cmd.Use += " --reason WHY"
	cmd.Args = cobra.ExactArgs(1)
	cmd.ValidArgsFunction = a.offerOne(may)
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the history")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(reason) == "" {
			return usage("say why with --reason; it goes into the history of the operation")
		}
		id, err := a.find(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		waits := func(e middleware.Event) {
			if e.Kind == middleware.EventWaiting { // not where the answer goes, which may be JSON
				fmt.Fprintln(cmd.ErrOrStderr(), describe(e, false, nil, brief))
			}
		}
		if err := act(cmd.Context(), id, reason, seq.By(a.by()), seq.Using(middleware.Middleware{Name: "cli", Watch: waits})); err != nil {
			if !errors.Is(err, seq.ErrInvalidOption) {
				return err
			}
			hint := ""
			if o, _, look := a.op(cmd.Context(), id); look == nil {
				hint = "legal now: " + strings.Join(a.legal(cmd.Context(), o), "; ")
			}
			return refused(err, hint)
		}
		o, _, err := a.op(cmd.Context(), id)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if a.json {
			return writeJSON(out, map[string]any{"id": id, "state": o.State.String(), "by": a.by(), "reason": reason})
		}
		fmt.Fprintf(out, "%s is %s now: it %s\n", id, o.State, then)
		return nil
	}
	return cmd
}
