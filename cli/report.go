package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sequencer-go/seq"
)

// printReport says what became of a run, in one line and what a person must know besides.
func printReport(out io.Writer, p palette, r *seq.Report, err error) {
	var failed *seq.RunError
	if err != nil && !errors.As(err, &failed) && len(r.Steps) == 0 {
		return // the error says it all
	}
	if r.Earlier != nil {
		fmt.Fprintln(out, "an interrupted rollback went on:")
		printReport(out, p, r.Earlier, nil)
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
		return
	case r.State == seq.RunSucceeded && len(r.Steps) == scheduled:
		fmt.Fprintf(out, "nothing is pending now, %d scheduled\n", scheduled)
	default:
		state := strings.ReplaceAll(r.State.String(), "-", " ")
		if r.State != seq.RunSucceeded {
			state = p.red(state)
		}
		fmt.Fprintf(out, "%s run %s in %s: %s\n", r.Strategy, state, span(r.Finished.Sub(r.Started)), counts(r))
	}
	for i := range r.Steps {
		if s := &r.Steps[i]; s.State == seq.Pending && s.Reason != "" {
			fmt.Fprintf(out, "  %s %s  %s\n", p.state(s.State, 11), s.ID, p.dim(brief(s.Reason)))
		}
	}
	if len(r.NotUndone) > 0 {
		fmt.Fprintf(out, "  %s %s\n", p.red("not undone:"), strings.Join(r.NotUndone, ", "))
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
	if f := (*failure)(nil); errors.As(err, &f) {
		f.told = true
	}
	return err
}

// brieflyOf is the error of a run whose failures have been shown already: which ops failed, and
// where to read on.
func brieflyOf(r *seq.Report, err error) error {
	var failed *seq.RunError
	f := (*failure)(nil)
	if !errors.As(err, &failed) || !errors.As(err, &f) || len(r.Failed()) == 0 && len(r.NotUndone) == 0 {
		return err
	}
	if ids := r.Failed(); len(ids) > 0 {
		return &failure{
			code: f.code, err: fmt.Errorf("failed: %s", strings.Join(ids, ", ")), told: f.told,
			hint: "legal now: show OP tells why; mend it and run again, or skip OP --reason WHY",
		}
	}
	return &failure{
		code: f.code, err: fmt.Errorf("not undone: %s", strings.Join(r.NotUndone, ", ")), told: f.told,
		hint: "legal now: show OP tells why; mend it and rollback again, or resolve OP --done|--not-done --reason WHY",
	}
}
