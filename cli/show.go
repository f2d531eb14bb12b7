package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

func (a *app) show() *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN|OP",
		Short: "Tell all about an operation, or a run",
		Long: `Tell all about an operation: its state and what it waits for, every attempt with error, who, host and
revision, and what can be done about it now. Or about a run, whose ID may be cut short: what it did.`,
		Example: `  {{name}} show fill_names
  {{name}} show 8f03ac51                # the first characters of a run's ID, see history`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOp,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, unknown := a.find(cmd.Context(), args[0])
			if unknown == nil {
				return a.showOp(cmd, id)
			}
			if ExitCode(unknown) != Usage {
				return unknown
			}
			run, err := a.findRun(cmd.Context(), args[0])
			switch {
			case err != nil:
				return err
			case run == nil:
				return unknown
			}
			return a.showRun(cmd, run)
		},
	}
}

// maxRuns is how far back a run is looked for.
const maxRuns = 10_000

// maxAttempts is how many attempts are shown, of a run or of an op.
const maxAttempts = 1000

// findRun is the run whose ID begins with a prefix, nil if there is none.
func (a *app) findRun(ctx context.Context, prefix string) (*store.Run, error) {
	if len(prefix) < 4 {
		return nil, nil
	}
	runs, err := a.s.Store().Runs(ctx, store.Page{Limit: maxRuns})
	if err != nil {
		return nil, err
	}
	var found *store.Run
	for i := range runs {
		if !strings.HasPrefix(runs[i].ID, prefix) {
			continue
		}
		if found != nil {
			return nil, usage("%q could be run %s or %s", prefix, found.ID, runs[i].ID)
		}
		found = &runs[i]
	}
	return found, nil
}

func (a *app) showRun(cmd *cobra.Command, r *store.Run) error {
	list, err := a.s.Store().RunAttempts(cmd.Context(), r.ID, store.Position{}, maxAttempts)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if a.json {
		return writeJSON(out, map[string]any{"run": viewRun(r), "attempts": viewAttempts(list)})
	}
	printRun(out, r)
	printAttempts(out, colours(out), list, true)
	return nil
}

func (a *app) showOp(cmd *cobra.Command, id string) error {
	o, st, err := a.op(cmd.Context(), id)
	if err != nil {
		return err
	}
	list, err := a.s.Store().History(cmd.Context(), id, store.Page{Limit: maxAttempts})
	if err != nil {
		return err
	}
	slices.Reverse(list)
	out := cmd.OutOrStdout()
	if a.json {
		v := viewOp(o)
		v.Legal = a.legal(cmd.Context(), o)
		return writeJSON(out, map[string]any{"op": v, "holder": viewHolder(st.Holder), "attempts": viewAttempts(list)})
	}
	printOp(out, colours(out), o, st, list)
	if len(list) > 0 {
		fmt.Fprintln(out, "attempts")
		printAttempts(out, colours(out), list, false)
	}
	fmt.Fprintf(out, "legal now: %s\n", strings.Join(a.legal(cmd.Context(), o), "; "))
	return nil
}

func printOp(out io.Writer, p palette, o *seq.OpStatus, st *seq.Status, list []store.Attempt) {
	fmt.Fprintf(out, "%s  %s\n", p.bold(brief(o.ID)), p.state(o.State, 0))
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(out, "  %-12s %s\n", name, text)
		}
	}
	what := o.Kind.String() + ", " + o.Delivery.String()
	if o.AllowedToFail {
		what += ", allowed to fail"
	}
	switch {
	case !o.Registered:
		what += ", not in the code any more"
	case o.Reversible:
		what += ", can be undone"
	default:
		what += ", cannot be undone"
	}
	line("is", what)
	if o.Alias != o.ID {
		line("file", brief(o.Alias))
	}
	line("tags", strings.Join(o.Tags, ", "))
	line("depends on", strings.Join(o.DependsOn, ", "))
	line("waits for", strings.Join(o.Waits, ", "))
	if !o.Due.IsZero() && !o.State.Done() {
		line("schedule", due(o.Due, st.Now))
	}
	if o.State.Open() && (o.Done > 0 || o.Total > 0) {
		line("progress", progressText(o.Done, o.Total))
	}
	line("refused", brief(worded(o.Refused)))
	line("excluded", brief(o.Excluded))
	if o.State.Open() {
		if h := st.Holder; h != nil {
			line("held by", brief(h.Holder.String())+" since "+stamp(h.Since))
		} else {
			who := ""
			if len(list) > 0 {
				who = " (" + brief(list[len(list)-1].Owner.String()) + ")"
			}
			line("held by", "nobody: "+died+who+", and the next run clears that up")
		}
	}
}

// progressText is how far an op has come.
func progressText(done, total int64) string {
	if total > 0 {
		return fmt.Sprintf("%s of %s (%d %%)", amount(done), amount(total), int(float64(done)*100/float64(total)))
	}
	return amount(done) + " done"
}

// maySkip reports whether skip takes an op.
func maySkip(o *seq.OpStatus) bool {
	return slices.Contains([]seq.State{seq.Pending, seq.Scheduled, seq.Skipped, seq.Failed, seq.Tolerated, seq.RolledBack}, o.State)
}

// mayRetry reports whether retry takes an op.
func mayRetry(o *seq.OpStatus) bool {
	return slices.Contains([]seq.State{seq.Skipped, seq.Failed, seq.Tolerated, seq.Waived}, o.State) || o.State == seq.Pending && o.Crashes > 0
}

// mayResolve reports whether resolve takes an op.
func mayResolve(o *seq.OpStatus) bool {
	return slices.Contains([]seq.State{seq.Indeterminate, seq.RollbackPending, seq.RollbackFailed}, o.State) || o.Crashes > 0
}

// mayUndo reports whether rollback may take an op, by itself.
func mayUndo(o *seq.OpStatus) bool {
	return o.Reversible && slices.Contains([]seq.State{seq.Succeeded, seq.RollbackPending, seq.RollbackFailed}, o.State)
}

// mayRun reports whether run may take an op; done ones it takes with --repeat.
func mayRun(o *seq.OpStatus) bool { return o.Registered && o.Refused == "" && !o.State.Done() }

// legal is what can be done about an op in its state.
func (a *app) legal(ctx context.Context, o *seq.OpStatus) []string {
	var acts []string
	add := func(when bool, act string) {
		if when {
			acts = append(acts, act)
		}
	}
	id := o.ID
	skip := "skip " + id + " --reason WHY"
	doubt := "resolve " + id + " --done|--not-done --reason WHY"
	retry := "retry " + id + " --reason WHY"
	callable := o.Registered && o.Refused == ""
	switch o.State {
	case seq.Pending, seq.Scheduled, seq.Skipped, seq.Failed, seq.Tolerated, seq.RolledBack:
		add(callable, "run")
		add(mayRetry(o), retry)
		add(maySkip(o), skip)
		add(mayResolve(o), doubt)
	case seq.Succeeded:
		_, err := a.s.PreviewRollback(ctx, seq.Only(id))
		add(err == nil, "rollback --only "+id)
		add(o.Registered, "run --only "+id+" --repeat")
	case seq.Waived:
		add(true, retry)
	case seq.Indeterminate:
		add(callable, "run")
		add(true, doubt)
	case seq.RollbackPending, seq.RollbackFailed:
		add(o.Registered && o.Reversible, "rollback")
		add(true, doubt)
	default:
		add(true, "wait, and look again with show "+id)
		add(true, "run, which takes over once the holder is dead")
	}
	if len(acts) == 0 {
		acts = append(acts, "nothing")
	}
	return acts
}
