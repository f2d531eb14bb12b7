package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

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
		return writeJSON(out, map[string]any{"op": v, "holder": viewHolder(st.Holder), "held": viewHeld(st), "no_worker": st.NoWorker, "attempts": viewAttempts(list)})
	}
	if text := held(st); text != "" && !o.State.Done() {
		fmt.Fprintln(out, text)
	}
	printOp(out, colours(out), o, st, list)
	if len(list) > 0 {
		fmt.Fprintln(out, "attempts")
		printAttempts(out, colours(out), list, false)
	}
	if o.Background && !o.State.Done() && st.NoWorker {
		fmt.Fprintln(out, a.nobody())
	}
	fmt.Fprintf(out, "legal now: %s\n", strings.Join(a.legal(cmd.Context(), o), "; "))
	return nil
}

// printBeside tells, a line each, how an op in the background does.
func printBeside(line func(name, text string), o *seq.OpStatus, st *seq.Status) {
	ago := func(at time.Time) string { return span(since(at, st.Now).Round(time.Second)) + " ago" }
	if o.Done > 0 || o.Total > 0 {
		line("progress", progressText(o.Done, o.Total))
	} else if !o.State.Done() {
		line("progress", "not begun")
	}
	if o.Pace.Rate > 0 && !o.State.Done() {
		line("pace", rate(o.Pace.Rate)+"/s while it moves")
	}
	if !o.State.Done() && (o.Done > 0 || o.Total > 0) {
		line("time left", strings.TrimPrefix(strings.TrimPrefix(timeLeft(o), "time left "), "time left: "))
	}
	if !o.Moved.IsZero() {
		line("checkpoint", stamp(o.Moved)+", "+ago(o.Moved))
	}
	if o.Pace.Size > 0 {
		line("batches", "of "+amount(o.Pace.Size))
	}
	if o.Pace.Parts > 0 {
		line("parts", fmt.Sprintf("%d of %d done", o.Pace.PartsDone, o.Pace.Parts))
	}
	if o.Pace.DeadLetters > 0 {
		line("dead letters", amount(o.Pace.DeadLetters))
	}
	line("does not move", brief(worded(o.Kept)))
	if why := note(o); why != "" {
		line("does not move", "since "+stamp(notedAt(o))+", "+ago(notedAt(o))+": "+brief(why))
	}
	if c := o.Control; c != nil && c.Number > 0 {
		heard := "not heard yet"
		switch {
		case !unheard(c):
			heard = "heard " + span(since(c.Asked, c.HeardAt)) + " later"
		case o.Worker == nil:
			heard = "while nobody worked on it"
		}
		line("request", requested(c, st.Now)+", "+heard)
	}
	switch h := o.Worker; {
	case h != nil:
		line("worked on", "by "+brief(h.Holder.String())+" since "+stamp(h.Since))
	case o.State.Open():
		line("worked on", "by nobody: "+died+"; another one takes it up")
	}
}

func printOp(out io.Writer, p palette, o *seq.OpStatus, st *seq.Status, list []store.Attempt) {
	fmt.Fprintf(out, "%s  %s\n", p.bold(brief(o.ID)), p.state(o.State, 0))
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(out, "  %-12s %s\n", name, text)
		}
	}
	what := o.Kind.String() + ", " + o.Delivery.String()
	if o.Background {
		what += ", in the background"
	}
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
	if o.Background {
		printBeside(line, o, st)
	} else if o.State.Open() && (o.Done > 0 || o.Total > 0) {
		line("progress", progressText(o.Done, o.Total))
	}
	if o.Kept == "" {
		line("refused", brief(worded(o.Refused)))
	}
	line("excluded", brief(o.Excluded))
	if o.State.Open() && !o.Background {
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
func mayRun(o *seq.OpStatus) bool {
	return o.Registered && o.Refused == "" && !o.State.Done() && !o.Background
}

// maySet reports whether anything may be asked of an op in the background.
func maySet(o *seq.OpStatus) bool {
	return o.Background && o.Registered && !o.State.Done() && (o.Control == nil || o.Control.Wanted != store.WantCancel)
}

// mayPause reports whether pause takes an op.
func mayPause(o *seq.OpStatus) bool {
	return maySet(o) && (o.Control == nil || o.Control.Wanted != store.WantPause)
}

// mayResume reports whether resume takes an op.
func mayResume(o *seq.OpStatus) bool {
	return maySet(o) && (o.State == seq.RolledBack || o.Control != nil && o.Control.Wanted == store.WantPause)
}

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
	callable := o.Registered && o.Refused == "" && !o.Background
	add(mayPause(o), "pause "+id+" --reason WHY")
	add(mayResume(o), "resume "+id+" --reason WHY")
	add(maySet(o), "set "+id+" [--size N] [--rest TIME] --reason WHY")
	add(maySet(o), "cancel "+id+" --reason WHY")
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
		add(!o.Background, "wait, and look again with show "+id)
		add(!o.Background, "run, which takes over once the holder is dead")
	}
	if len(acts) == 0 {
		acts = append(acts, "nothing")
	}
	return acts
}
