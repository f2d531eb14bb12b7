package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
)

// causes is what a step that did not start waited for, by its ID.
type causes map[string]string

// causesOf finds, for each step that was not started, the failed operation that it depends on, or the
// one after which the run started nothing more. A plan of nil knows of no dependencies.
func causesOf(r *seq.Report, p *plan.Plan) causes {
	failed := r.Failed()
	if len(failed) == 0 {
		return nil
	}
	behind := map[string]string{} // by step: the failed operation that it depends on, directly or not
	for _, id := range failed {
		behind[id] = id
	}
	if p != nil {
		for i := range p.Steps { // a plan is in an order in which nothing comes before what it depends on
			s := &p.Steps[i]
			for _, id := range s.DependsOn {
				if cause := behind[id]; cause != "" && behind[s.ID] == "" {
					behind[s.ID] = cause
				}
			}
		}
	}
	out := causes{}
	for i := range r.Steps {
		id := r.Steps[i].ID
		if cause := behind[id]; cause != "" {
			out[id] = "it depends on " + cause + ", which failed"
		} else {
			out[id] = "the run started nothing more after " + failed[0] + " failed"
		}
	}
	return out
}

// of is why a step did not start.
func (c causes) of(s *seq.StepReport) string {
	if because := c[s.ID]; because != "" && s.Reason == "not started" {
		return "not started: " + because
	}
	return s.Reason
}

// failure is the error of a run whose steps have been shown: the operations that failed, each with its
// error, and the command that comes next, ready to be copied. These are the last lines on the screen.
func (a *app) failure(r *seq.Report, err error) error {
	var failed *seq.RunError
	f := (*exitError)(nil)
	if !errors.As(err, &failed) || !errors.As(err, &f) {
		return err
	}
	again := "run"
	if r.Strategy == "rollback" {
		again = "rollback"
	}
	if stop := stoppedBy(err); stop != nil {
		return &exitError{
			code: f.code, err: fmt.Errorf("%w; what was done is recorded", stop), told: f.told,
			hint: fmt.Sprintf("legal now: %s, which lets everybody go on; until then nothing runs but for who asked", a.line("release", "--reason", "WHY")),
		}
	}
	if f.code == Interrupted {
		return &exitError{
			code: f.code, err: errors.New("interrupted; what was done is recorded"), told: f.told,
			hint: fmt.Sprintf("legal now: %s, which goes on with what is left; %s shows what that is", a.line("run"), a.line("status")),
		}
	}
	if ids := r.Failed(); len(ids) > 0 {
		return &exitError{code: f.code, err: a.list("failed", ids, r), told: f.told, hint: fmt.Sprintf(
			"legal now: %s tells why and what can be done; mend it, then %s", a.line("show", ids[0]), a.line(again))}
	}
	if ids := r.NotUndone; len(ids) > 0 {
		return &exitError{code: f.code, err: a.list("not undone", ids, r), told: f.told, hint: fmt.Sprintf(
			"legal now: %s tells why; mend it, then %s, or say what you found with %s",
			a.line("show", ids[0]), a.line("rollback"), a.line("resolve", ids[0], "--done|--not-done", "--reason WHY"))}
	}
	return err
}

// stoppedBy is the request because of which a run ended, without what is around it; nil if there was none.
func stoppedBy(err error) error {
	switch e := err.(type) { //nolint:errorlint // it looks at each of a tree
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			if found := stoppedBy(one); found != nil {
				return found
			}
		}
	case interface{ Unwrap() error }:
		if e.Unwrap() == seq.ErrStopped { //nolint:errorlint // the one that names who and why is just above it
			return err
		}
		return stoppedBy(e.Unwrap())
	}
	return nil
}

// list names operations with their errors: one on the line itself, several below it.
func (a *app) list(what string, ids []string, r *seq.Report) error {
	const most = 5
	if len(ids) == 1 {
		return fmt.Errorf("%s: %s", what, named(ids[0], r, 5))
	}
	lines := []string{fmt.Sprintf("%s: %d operations", what, len(ids))}
	for _, id := range ids[:min(most, len(ids))] {
		lines = append(lines, named(id, r, 1))
	}
	if more := len(ids) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more; %s lists them", more, a.line("status", "--failed")))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// named is an operation with the first lines of what it returned.
func named(id string, r *seq.Report, most int) string {
	s := r.Step(id)
	if s == nil || s.Err == nil {
		return id
	}
	lines := strings.SplitN(strings.TrimSpace(text(s.Err)), "\n", most+1)
	if len(lines) > most {
		lines[most-1], lines = lines[most-1]+" …", lines[:most]
	}
	return id + ": " + strings.Join(lines, "\n")
}

// line is a command line of this program, to be copied.
func (a *app) line(words ...string) string {
	return strings.Join(slices.Concat([]string{a.path}, words), " ")
}
