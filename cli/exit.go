package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq"
)

// The exit codes.
const (
	OK          = 0   // done, or nothing to do
	Failed      = 1   // an op failed, or the ledger cannot be reached
	Usage       = 2   // the command line is wrong; nothing was touched
	Waiting     = 3   // of pending and wait: there is work for a run
	Busy        = 4   // another process holds the ledger, and --isolate=fail was given
	Refused     = 5   // it is not legal as things stand; nothing was touched
	Interrupted = 130 // a signal, or the end of the context, stopped it
)

const exitText = `Exit codes:
  0    done, or nothing to do; pending, wait: also if only work in the background is left
  1    an operation failed, or the ledger cannot be reached
  2    the command line is wrong; nothing was touched
  3    pending, wait: there is work for a run
  4    another process holds the ledger, or a person does, with --isolate=fail
  5    refused as things stand: the plan changed, code and ledger drifted apart, the code has no
       valid plan, the database is not ready for it, it cannot be undone, or the state of the operation
       forbids it; nothing was touched
  130  interrupted, or told to stop; what was done is recorded, and the next run goes on
`

// An exitError is an error with its exit code. Its text is safe to print.
type exitError struct {
	code int
	err  error
	hint string // what would be legal, or help, now
	told bool   // the JSON that was asked for says it already
}

func (f *exitError) Error() string {
	if f.err == nil {
		return ""
	}
	text := paragraph(reworded(f.err), "  ")
	if f.hint != "" {
		text += "\n" + f.hint
	}
	return text
}

// reworded is the text of an error in the words of the command line, where the library speaks of its
// functions.
func reworded(err error) string {
	text := err.Error()
	if !errors.Is(err, seq.ErrInvalidOption) {
		return worded(text)
	}
	text = strings.ReplaceAll(text, seq.ErrInvalidOption.Error()+": ", "")
	for _, word := range []string{"Skip", "Retry", "Resolve", "Import", "Pause", "Resume", "Cancel", "Set", "Stop", "Hold", "Release"} {
		if rest, is := strings.CutPrefix(text, word+" "); is {
			text = strings.ToLower(word) + " " + rest
		}
	}
	if rest, is := strings.CutPrefix(text, "Release: "); is {
		text = "release: " + rest
	}
	for _, word := range []string{"Only", "From", "Tags", "Last"} {
		if rest, is := strings.CutPrefix(text, word+": "); is {
			text = "--" + strings.ToLower(word) + ": " + rest
		}
	}
	return worded(text)
}

// worded replaces what the library advises to call by the command to type.
func worded(text string) string {
	return strings.NewReplacer(
		"say what happened with Resolve", "say what happened with resolve",
		"mend it, then call Resolve", "mend it, then retry",
		"mend it, then call Retry", "mend it, then retry", "or call Retry", "or retry",
		"Resume, Set and Cancel are possible", "resume, set and cancel are possible",
		"Pause, Set and Cancel are possible", "pause, set and cancel are possible",
		"to stop that, call Stop", "to stop that, stop",
		"which Work does and no run", "which work does and no run",
		"with By and Because", "with --by and --reason",
		"or add WithDependencies", "or add --with-dependencies",
		"call Rollback to try again, or Resolve", "rollback to try again, or resolve", "or call Resolve", "or resolve",
		"to do it again, run it with Repeat, or call Rollback first", "to do it again, run it with --repeat, or rollback first",
	).Replace(text)
}

func (f *exitError) Unwrap() error { return f.err }

// ExitCode is the exit code for an error of a command, [OK] for nil.
func ExitCode(err error) int {
	if err == nil {
		return OK
	}
	if f := (*exitError)(nil); errors.As(err, &f) {
		return f.code
	}
	var run *seq.RunError
	switch is := func(kind error) bool { return errors.Is(err, kind) }; {
	case errors.As(err, &run) && run.State == seq.RunInterrupted:
		return Interrupted
	case errors.As(err, &run):
		return Failed
	case is(seq.ErrLeaseHeld):
		return Busy
	case seq.IsMistake(err), slices.ContainsFunc(refusals, is):
		return Refused
	case strings.HasPrefix(err.Error(), "unknown command"): // from cobra, when below another tree
		return Usage
	}
	return Failed
}

// refusals are the errors, beside mistakes, that come before anything is touched, and that no waiting mends.
var refusals = []error{seq.ErrPlanChanged, seq.ErrDrift, seq.ErrNotReady, seq.ErrNotReversible, seq.ErrInvalidOption}

// usage is a mistake in the command line.
func usage(format string, args ...any) error {
	return &exitError{code: Usage, err: fmt.Errorf(format, args...)}
}

// refused adds what would be legal now to an error.
func refused(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &exitError{code: ExitCode(err), err: err, hint: hint}
}

// plain makes an exitError of any error.
func plain(ctx context.Context, err error) error {
	f := (*exitError)(nil)
	if err == nil {
		return nil
	}
	if !errors.As(err, &f) {
		f = &exitError{code: ExitCode(err), err: err}
	}
	if ctx.Err() != nil && (f.code == Failed || f.code == Busy) {
		f.code = Interrupted
	}
	switch {
	case f.hint != "":
	case f.code == Busy:
		f.hint = "legal now: status, plan, show; without --isolate=fail it waits for its turn"
	case errors.Is(err, seq.ErrPlanChanged):
		f.hint = "legal now: look at plan again, then run --plan with the hash that it shows"
	case errors.Is(err, seq.ErrDrift):
		f.hint = "legal now: plan shows the findings; mend the code, or relax the policy in it (seq.Drift)"
	case errors.Is(err, seq.ErrNotReversible):
		f.hint = "legal now: rollback --last N or --only OP for what can be undone; plan --rollback shows it without doing it"
	}
	return f
}

// told reports whether the output has the error already.
func told(err error) bool {
	f := (*exitError)(nil)
	return errors.As(err, &f) && f.told
}
