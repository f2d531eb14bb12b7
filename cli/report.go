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
				fmt.Fprintf(out, "  %s %s  %s\n", p.state(s.State, 11), s.ID, p.dim(brief(s.Reason)))
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

// brieflyOf is the error of a run whose failures have been shown already: which ops failed, and
// where to read on.
func brieflyOf(r *seq.Report, err error) error {
	var failed *seq.RunError
	f := (*exitError)(nil)
	if !errors.As(err, &failed) || !errors.As(err, &f) {
		return err
	}
	if f.code == Interrupted {
		return &exitError{
			code: f.code, err: errors.New("interrupted; what was done is recorded"), told: f.told,
			hint: "legal now: run, which goes on with what is left; status shows what that is",
		}
	}
	if len(r.Failed()) == 0 && len(r.NotUndone) == 0 {
		return err
	}
	if ids := r.Failed(); len(ids) > 0 {
		return &exitError{
			code: f.code, err: fmt.Errorf("failed: %s", some(ids)), told: f.told,
			hint: "legal now: show OP tells why and what can be done; mend it and run again",
		}
	}
	return &exitError{
		code: f.code, err: fmt.Errorf("not undone: %s", some(r.NotUndone)), told: f.told,
		hint: "legal now: show OP tells why; mend it and rollback again, or resolve OP --done|--not-done --reason WHY",
	}
}

// some are the first of many.
func some(ids []string) string {
	const most = 5
	if len(ids) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
	}
	return strings.Join(ids, ", ")
}
