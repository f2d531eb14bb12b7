package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sequencer-go/seq"
)

// printReport says what became of a run, in one line and what a person must know besides. What
// failed comes last, in the error: see [app.failure].
func printReport(out io.Writer, p palette, r *seq.Report, cause causes, err error) {
	var failed *seq.RunError
	if err != nil && !errors.As(err, &failed) && len(r.Steps) == 0 {
		return // the error says it all
	}
	if r.Earlier != nil {
		fmt.Fprintln(out, "an interrupted rollback went on:")
		printReport(out, p, r.Earlier, nil, nil)
	}
	for _, f := range r.Findings {
		fmt.Fprintln(out, f)
	}
	scheduled := len(r.Scheduled())
	switch {
	case r.State == seq.RunBusy:
		fmt.Fprintln(out, "another process holds the ledger; left it to them")
		return
	case len(r.Steps) == 0 && r.Earlier == nil && r.Strategy == "rollback":
		fmt.Fprintln(out, "nothing to undo")
		return
	case len(r.Steps) == 0 && r.Earlier == nil:
		fmt.Fprintln(out, "nothing is pending")
		printExcluded(out, p, r)
		return
	case r.State == seq.RunSucceeded && len(r.Steps) == scheduled:
		fmt.Fprintf(out, "nothing is pending now, %d scheduled\n", scheduled)
	default:
		state := strings.ReplaceAll(r.State.String(), "-", " ")
		if err != nil {
			state = p.red(state)
		}
		fmt.Fprintf(out, "%s run %s in %s: %s\n", r.Strategy, state, span(r.Finished.Sub(r.Started)), counts(r))
	}
	const most = 10 // of what did not start: what failed should stay on the screen
	waiting := 0
	for i := range r.Steps {
		if s := &r.Steps[i]; s.State == seq.Pending && s.Reason != "" {
			if waiting++; waiting <= most {
				fmt.Fprintf(out, "  %s %s  %s\n", p.state(s.State, 11), s.ID, p.dim(brief(cause.of(s))))
			}
		}
	}
	if waiting > most {
		fmt.Fprintf(out, "  … and %d more that are pending; status --pending lists them\n", waiting-most)
	}
	if len(r.NotUndone) > 0 {
		fmt.Fprintf(out, "  %s %s\n", p.red("not undone:"), strings.Join(r.NotUndone, ", "))
	}
	printExcluded(out, p, r)
}

// printExcluded names what is for another environment.
func printExcluded(out io.Writer, p palette, r *seq.Report) {
	for _, x := range r.Excluded {
		fmt.Fprintf(out, "  excluded: %s  %s\n", x.ID, p.dim(brief(x.Reason)))
	}
}

// printBackground names what a run left to the background, with how far that is now; if the ledger cannot be
// read any more, as it was when the run was planned.
func (a *app) printBackground(ctx context.Context, out io.Writer, r *seq.Report) {
	if len(r.Background) == 0 {
		return
	}
	p := colours(out)
	st, err := a.s.Status(context.WithoutCancel(ctx))
	for _, x := range r.Background {
		text := brief(x.Reason)
		if err == nil && st.Op(x.ID) != nil {
			text = remarks(st.Op(x.ID), st)
		}
		fmt.Fprintf(out, "  in the background: %s  %s\n", brief(x.ID), p.dim(text))
	}
	if err == nil && st.NoWorker {
		fmt.Fprintln(out, p.wrap("33", a.nobody()))
	}
}

// counts is how many steps came to which state.
func counts(r *seq.Report) string {
	var parts []string
	for s := seq.Pending; s <= seq.Waived; s++ {
		if n := len(r.In(s)); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		return "nothing was left to do"
	}
	return strings.Join(parts, ", ")
}

// tell marks an error as shown.
func tell(err error) error {
	if f := (*exitError)(nil); errors.As(err, &f) {
		f.told = true
	}
	return err
}

// problem is an error as JSON has it.
func problem(err error) any {
	return map[string]any{"error": err.Error(), "exit": ExitCode(err)}
}
