package seq

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sequencer-go/seq/internal/engine"
	"github.com/sequencer-go/seq/internal/errtext"
	"github.com/sequencer-go/seq/plan"
)

// A Report says what became of a run: an outcome for every step of the plan, in plan order.
type Report struct {
	Run      string // its ID in the ledger; "" if there was nothing to do, or nothing is recorded
	Strategy string
	State    RunState
	Started  time.Time // by the sequencer's clock
	Finished time.Time
	Steps    []StepReport
	// Earlier is the end of a rollback that another process began and this run went on with
	// before it did anything else; nil if there was none.
	Earlier *Report
	// NotUndone names the ops that the run should have undone and could not, because they have
	// no Rollback or it failed.
	NotUndone []string
	// Excluded names the ops that were left to do and are for another environment.
	Excluded []plan.Exclusion
	// Background names the ops that were left to do and work beside deploys (see [Sequencer.Work]), and says
	// how far they were when the run was planned.
	Background []plan.Exclusion `json:",omitempty"`
	// Findings are where code and ledger differ, as the plan has them.
	Findings []plan.Finding
}

// A StepReport says what became of one op.
type StepReport struct {
	ID       string
	Alias    string `json:",omitempty"` // see [Op]
	Kind     Kind
	State    State
	Attempt  int           // number of the forward attempt in the ledger; 0 if it was not called
	Retries  int           // how often the op was called again within the attempt
	Duration time.Duration // of the forward attempt
	Due      time.Time     // of one that is scheduled
	Reason   string        // why it was skipped, is scheduled, or was not started
	Log      []string      // the last lines of the forward attempt, see [Logger]
	Err      error         // an [OpError]; also if the failure was tolerated

	failed bool
}

// In lists the IDs of the ops in one of these states, in plan order.
func (r *Report) In(states ...State) []string {
	var ids []string
	for i := range r.Steps {
		for _, s := range states {
			if r.Steps[i].State == s {
				ids = append(ids, r.Steps[i].ID)
			}
		}
	}
	return ids
}

// Succeeded lists the ops that are done.
func (r *Report) Succeeded() []string { return r.In(Succeeded) }

// Failed lists the ops that failed and were not allowed to, also those whose outcome is unknown,
// whatever became of them afterwards.
func (r *Report) Failed() []string {
	var ids []string
	for i := range r.Steps {
		if r.Steps[i].failed {
			ids = append(ids, r.Steps[i].ID)
		}
	}
	return ids
}

// Tolerated lists the ops that failed and were allowed to.
func (r *Report) Tolerated() []string { return r.In(Tolerated) }

// Skipped lists the ops that did not run for a reason of their own.
func (r *Report) Skipped() []string { return r.In(Skipped) }

// Scheduled lists the ops that are not due, and those that wait for them.
func (r *Report) Scheduled() []string { return r.In(Scheduled) }

// RolledBack lists the ops that were undone.
func (r *Report) RolledBack() []string { return r.In(RolledBack) }

// Step is what became of one op, nil if it was not planned.
func (r *Report) Step(id string) *StepReport {
	for i := range r.Steps {
		if r.Steps[i].ID == id {
			return &r.Steps[i]
		}
	}
	return nil
}

// String is a line on the run and a line per step.
func (r *Report) String() string {
	var b strings.Builder
	if r.Earlier != nil {
		b.WriteString("an interrupted rollback went on:\n" + r.Earlier.String())
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s\n", f)
	}
	scheduled := len(r.Scheduled())
	switch {
	case r.State == RunBusy:
		return "another run holds the ledger\n"
	case r.State == RunSucceeded && len(r.Steps) == 0 && r.Strategy == engine.RollbackName:
		return b.String() + "nothing to undo\n"
	case r.State == RunSucceeded && len(r.Steps) == 0 && r.Earlier == nil:
		return b.String() + "nothing is pending\n" + r.leftOut()
	case r.State == RunSucceeded && len(r.Steps) == scheduled:
		fmt.Fprintf(&b, "nothing is pending now, %d scheduled\n", scheduled)
	default:
		fmt.Fprintf(&b, "%s run %s in %s\n", r.Strategy, r.State, r.Finished.Sub(r.Started).Round(time.Millisecond))
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		fmt.Fprintf(&b, "  %-16s %s", s.State, s.ID)
		if s.Alias != "" && s.Alias != s.ID {
			fmt.Fprintf(&b, "  (%s)", s.Alias)
		}
		switch {
		case s.Err != nil:
			fmt.Fprintf(&b, "  (%s)", cause(s.Err))
		case s.Reason != "":
			fmt.Fprintf(&b, "  (%s)", s.Reason)
		case s.Duration > 0:
			fmt.Fprintf(&b, "  (%s)", s.Duration.Round(time.Microsecond))
		}
		b.WriteByte('\n')
	}
	if len(r.NotUndone) > 0 {
		fmt.Fprintf(&b, "  not undone: %s\n", strings.Join(r.NotUndone, ", "))
	}
	return b.String() + r.leftOut()
}

// leftOut is a line for each op that is for another environment, or works in the background.
func (r *Report) leftOut() string {
	var b strings.Builder
	for _, x := range r.Background {
		fmt.Fprintf(&b, "  %-16s %s  (%s)\n", "background", x.ID, x.Reason)
	}
	for _, x := range r.Excluded {
		fmt.Fprintf(&b, "  %-16s %s  (%s)\n", "excluded", x.ID, x.Reason)
	}
	return b.String()
}

// cause is the text of an op's error without what its line says already.
func cause(err error) string {
	if op := (*OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	return errtext.Of(err)
}

// reported makes a report of what the engine answers, and a RunError of a failure of the run.
func reported(r *engine.Result, err error) (*Report, error) {
	report := reportOf(r)
	if failure, failed := errors.AsType[*engine.RunError](err); failed {
		slices.SortStableFunc(failure.Errs, func(a, b error) int { return cmp.Compare(phaseOf(a), phaseOf(b)) })
		err = &RunError{Run: report.Run, Strategy: report.Strategy, State: report.State, NotUndone: report.NotUndone, Errs: failure.Errs}
	}
	return report, err
}

// phaseOf orders the errors of a run: those of doing ops before those of undoing them before the rest.
func phaseOf(err error) int {
	if e, ok := err.(*OpError); ok { //nolint:errorlint // it is the run's own, never wrapped
		return int(e.Direction)
	}
	return int(Rollback) + 1
}

func reportOf(r *engine.Result) *Report {
	if r == nil {
		return nil
	}
	report := &Report{
		Run: r.Run, Strategy: r.Strategy, State: r.State, Started: r.Started, Finished: r.Finished,
		Earlier: reportOf(r.Earlier), NotUndone: r.NotUndone, Excluded: r.Excluded, Background: r.Background, Findings: r.Findings, Steps: make([]StepReport, 0, r.Len()),
	}
	for s := range r.Steps {
		report.Steps = append(report.Steps, StepReport{
			ID: s.ID, Alias: s.Alias, Kind: s.Kind, State: s.State, Attempt: s.Attempt, Retries: s.Retries, Duration: s.Duration,
			Due: s.Due, Reason: s.Reason, Log: s.Log, Err: s.Err, failed: s.Failed,
		})
	}
	return report
}
