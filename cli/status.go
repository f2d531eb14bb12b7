package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

func (a *app) status() *cobra.Command {
	var c choice
	var pending, failed, tolerated, scheduled, besides, times bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how every operation stands",
		Long: `Show how every operation stands, in the code and in the ledger, and who is running now.
Flags such as --failed narrow it down; several of them show what any of them would. Of up to 100
operations it says when the last attempt ended and how long it took, of more with --times. Of what works in
the background it says how far it is, how fast, how long it will take, and why it does not move.`,
		Example: `  {{name}} status
  {{name}} status --json | jq -r '.ops | sort_by(-.seconds)[] | "\(.seconds) \(.id)"'   # the slowest first
  {{name}} status --pending --failed
  {{name}} status --background          # what works beside deploys
  {{name}} status --json | jq -r '.ops[] | select(.state == "failed") | .id'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := c.status(cmd, a)
			if err != nil {
				return err
			}
			all := !pending && !failed && !tolerated && !scheduled && !besides
			var ops []seq.OpStatus
			for i := range st.Ops {
				o := &st.Ops[i]
				if all || pending && o.Pending() || failed && broken(o) || tolerated && o.State == seq.Tolerated || scheduled && o.State == seq.Scheduled || besides && o.Background {
					ops = append(ops, *o)
				}
			}
			last, err := a.lastAttempts(cmd.Context(), ops, times)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if a.json {
				views := []opView{}
				for i := range ops {
					v := viewOp(&ops[i])
					if t, known := last[ops[i].ID]; known {
						v.Started, v.Finished, v.Seconds = moment(t.Started), moment(t.Finished), max(0, t.Finished.Sub(t.Started)).Seconds()
					}
					views = append(views, v)
				}
				return writeJSON(out, map[string]any{
					"now": st.Now.UTC(), "holder": viewHolder(st.Holder), "held": viewHeld(st), "no_worker": st.NoWorker, "ops": views,
				})
			}
			st.Ops = ops
			a.printStatus(out, st, last, all)
			return nil
		},
	}
	c.flags(cmd, a, "leave out what is older than a `timestamp` or stands before an operation", nil)
	f := cmd.Flags()
	f.BoolVar(&pending, "pending", false, "what a run would take up, now or when it is due")
	f.BoolVar(&failed, "failed", false, "what failed, is in doubt, or could not be undone")
	f.BoolVar(&tolerated, "tolerated", false, "what failed and may")
	f.BoolVar(&scheduled, "scheduled", false, "what waits for its time")
	f.BoolVar(&besides, "background", false, "what works in the background, beside deploys")
	f.BoolVar(&times, "times", false, "times and durations, however many operations there are")
	return cmd
}

// broken reports whether an op needs somebody.
func broken(o *seq.OpStatus) bool {
	switch o.State {
	case seq.Failed, seq.Indeterminate, seq.RollbackFailed:
		return true
	}
	return o.Refused != ""
}

// lastAttempts reads the last attempt at each op that was ever called. It asks the ledger for each op, so
// it does so for a screenful, or if it must.
func (a *app) lastAttempts(ctx context.Context, ops []seq.OpStatus, must bool) (map[string]store.Attempt, error) {
	const screenful = 100
	if len(ops) > screenful && !must {
		return nil, nil
	}
	last := map[string]store.Attempt{}
	for i := range ops {
		if ops[i].Attempt == 0 {
			continue
		}
		list, err := a.s.Store().History(ctx, ops[i].ID, store.Page{Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			last[ops[i].ID] = list[0]
		}
	}
	return last, nil
}

// when says when an attempt was made and how long it took, or takes by now.
func when(t store.Attempt, now time.Time) string {
	if t.Finished.IsZero() {
		return "since " + stamp(t.Started) + ", " + span(max(0, now.Sub(t.Started)).Round(time.Second))
	}
	return stamp(t.Finished) + ", in " + span(t.Finished.Sub(t.Started))
}

func (a *app) printStatus(out io.Writer, st *seq.Status, last map[string]store.Attempt, all bool) {
	p := colours(out)
	if text := held(st); text != "" {
		fmt.Fprintln(out, p.wrap("33", text))
	}
	if h := st.Holder; h != nil {
		fmt.Fprintf(out, "the ledger is held by %s since %s (%s); if that is dead, it is free in %s\n",
			brief(h.Holder.String()), stamp(h.Since), span(max(0, st.Now.Sub(h.Since)).Round(time.Second)), span(h.Expires.Round(time.Second)))
	}
	switch {
	case len(st.Ops) == 0 && all:
		fmt.Fprintln(out, "no operations: none is registered, and the ledger knows none")
		return
	case len(st.Ops) == 0:
		fmt.Fprintln(out, "none")
		return
	}
	count := map[seq.State]int{}
	for i := range st.Ops {
		o := &st.Ops[i]
		count[o.State]++
		line := "  " + p.state(o.State, 16) + " " + brief(o.ID)
		note := remarks(o, st)
		if t, known := last[o.ID]; known {
			note = strings.TrimSuffix(when(t, st.Now)+"; "+note, "; ")
			if o.State.Open() && !atWork(o, st) {
				note = strings.Replace(note, died, died+": "+brief(t.Owner.String()), 1)
			}
		}
		if note != "" {
			line += "  " + p.dim(note)
		}
		fmt.Fprintln(out, line)
	}
	var parts []string
	for s := seq.Pending; s <= seq.Waived; s++ {
		if count[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[s], s))
		}
	}
	fmt.Fprintln(out, strings.Join(parts, ", "))
	if st.NoWorker {
		fmt.Fprintln(out, p.wrap("33", a.nobody()))
	}
}

// viewHeld is what keeps runs from beginning, nil if nothing does.
func viewHeld(st *seq.Status) *controlView {
	if st.Control == nil || !st.Control.Holds(st.Now) {
		return nil
	}
	return viewControl(st.Control)
}

// died is said of an op that is open, with nobody who could hold it.
const died = "its process has died"

// remarks is what is worth saying of an op beside its state.
func remarks(o *seq.OpStatus, st *seq.Status) string {
	var notes []string
	add := func(when bool, note string) {
		if when {
			notes = append(notes, note)
		}
	}
	add(o.Alias != "" && o.Alias != o.ID, brief(o.Alias))
	add(!o.Registered, "not in the code any more")
	add(o.Kind == seq.Migration, "migration")
	if o.Background {
		notes = append(notes, strings.Join(beside(o, st.Now), ", "))
	}
	add(o.State.Open() && o.Done > 0 && !o.Background, progressText(o.Done, o.Total))
	add(o.State == seq.Scheduled && !o.Due.IsZero(), due(o.Due, st.Now))
	add(o.State.Open() && !atWork(o, st) && !o.Background, died)
	add(len(o.Waits) > 0, "waits for "+strings.Join(o.Waits, ", "))
	add(o.Refused != "" && o.Kept == "", "refused: "+brief(worded(o.Refused)))
	add(o.Excluded != "", "excluded: "+brief(o.Excluded))
	add(o.Refused == "" && o.Kept == "" && (!o.Background || !o.State.Open()) && o.Error != "" && o.State != seq.Succeeded && o.State != seq.Scheduled, brief(firstLine(strings.TrimPrefix(o.Error, o.State.String()+": "))))
	return strings.Join(slices.DeleteFunc(notes, func(note string) bool { return note == "" }), "; ")
}

// due says when, and how long that is from now.
func due(at, now time.Time) string {
	if at.After(now) {
		return fmt.Sprintf("due %s, in %s", stamp(at), span(at.Sub(now)))
	}
	return fmt.Sprintf("due since %s", stamp(at))
}

func firstLine(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if more {
		line += " …"
	}
	return line
}

// status asks how the ops stand that the flags choose.
func (c *choice) status(cmd *cobra.Command, a *app) (*seq.Status, error) {
	opts, err := c.options(cmd, a)
	if err != nil {
		return nil, err
	}
	return a.s.Status(cmd.Context(), opts...)
}

func (a *app) pending() *cobra.Command {
	var c choice
	var all bool
	cmd := &cobra.Command{
		Use:   "pending",
		Short: "Say whether work is waiting, by exit code",
		Long: `List what has to be done before the deploy is done. The exit code tells a pipeline: 3 if there is
such work, 0 if there is none. What failed and may fail, what has a condition that is false or is for
another environment, and what is in the schedule and not due is no such work; --all lists it and counts
it, too. What no run will call, because the ledger is in doubt about it, is work for a person: it is
listed, and counts. Work in the background does not count: if nothing but that is left the exit code is 0,
and it is listed.`,
		Example: `  {{name}} pending; case $? in 0) echo nothing to do;; 3) {{name}} run;; esac
  {{name}} pending --all                # also what may wait`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := c.status(cmd, a)
			if err != nil {
				return err
			}
			ops, besides := []seq.OpStatus{}, []seq.OpStatus{}
			for i := range st.Ops {
				switch o := &st.Ops[i]; {
				case o.Need == seq.Required || o.Need == seq.NeedsPerson || all && o.Need != seq.NeedsNothing:
					ops = append(ops, *o)
				case o.Need == seq.InBackground:
					besides = append(besides, *o)
				}
			}
			out := cmd.OutOrStdout()
			switch {
			case a.json:
				err = writeJSON(out, map[string]any{
					"pending": len(ops), "holder": viewHolder(st.Holder), "held": viewHeld(st), "no_worker": st.NoWorker, "ops": viewOps(ops), "background": viewOps(besides),
				})
			case len(ops) == 0 && len(besides) == 0:
				fmt.Fprintln(out, "nothing is pending")
			case len(ops) == 0:
				fmt.Fprintln(out, "nothing is pending; this is left to the background:")
				st.Ops = besides
				a.printStatus(out, st, nil, false)
			default:
				st.Ops = ops
				a.printStatus(out, st, nil, false)
			}
			if err != nil || len(ops) == 0 {
				return err
			}
			cmd.SilenceErrors = true // it is the answer
			return &exitError{code: Waiting, told: true}
		},
	}
	c.flags(cmd, a, "leave out what is older than a `timestamp` or stands before an operation", nil)
	cmd.Flags().BoolVar(&all, "all", false, "also what is optional, excluded, due later or left to the background")
	return cmd
}

func (a *app) wait() *cobra.Command {
	var c choice
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Wait until nothing is required any more",
		Long: `Wait until the deploy's work is done: nothing is required any more. It calls no operation and takes
no lease, so that any number of processes may wait beside the one that runs it. What merely failed is
waited for, and so is a database, or tables, that are not there yet. What needs a person is told at once,
with exit code 1. When the time is up it says what is missing, with exit code 3. Work in the background is not
waited for: it says how far that is.`,
		Example: `  {{name}} wait --timeout 10m && exec /app/server   # an init container`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := c.options(cmd, a)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			err = a.s.Wait(ctx, opts...)
			if a.json {
				answer := map[string]any{"ready": err == nil, "background": viewOps(a.besides(ctx, opts, err))}
				if err != nil {
					answer["error"] = err.Error()
				}
				if wrong := writeJSON(cmd.OutOrStdout(), answer); wrong != nil {
					return wrong
				}
			}
			if err != nil && errors.Is(err, context.DeadlineExceeded) && cmd.Context().Err() == nil {
				return &exitError{code: Waiting, err: err}
			}
			if err == nil && !a.json {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing is required")
				for _, o := range a.besides(ctx, opts, err) {
					fmt.Fprintf(cmd.OutOrStdout(), "  in the background: %s  %s\n", brief(o.ID), strings.Join(beside(&o, wall.Now()), ", "))
				}
			}
			return err
		},
	}
	c.flags(cmd, a, "leave out what is older than a `timestamp` or stands before an operation", nil)
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this `time`; 0 waits for ever")
	return cmd
}

// besides are the ops that a wait which has ended did not wait for, because they work in the background. It is
// an extra: if the ledger cannot be read now, there are none.
func (a *app) besides(ctx context.Context, opts []seq.RunOption, err error) []seq.OpStatus {
	if err != nil {
		return nil
	}
	st, err := a.s.Status(ctx, opts...)
	if err != nil {
		return nil
	}
	return background(st)
}

func viewOps(ops []seq.OpStatus) []opView {
	views := []opView{}
	for i := range ops {
		views = append(views, viewOp(&ops[i]))
	}
	return views
}
