package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
)

// drawTree draws a plan as text: waves, and below them what runs in them, with the reasons. Where all
// waves hold one step, a step is a line, with its reasons behind it.
func drawTree(out io.Writer, p palette, plan *plan.Plan, st *seq.Status) {
	for _, f := range plan.Findings {
		fmt.Fprintln(out, p.wrap("33", brief(f.String())))
	}
	for _, x := range plan.Excluded {
		fmt.Fprintf(out, "excluded: %s  %s\n", brief(x.ID), p.dim(brief(x.Reason)))
	}
	for _, x := range plan.Background {
		fmt.Fprintf(out, "in the background: %s  %s\n", brief(x.ID), p.dim(brief(x.Reason)))
	}
	undoing := plan.Direction == seq.Rollback
	switch {
	case plan.Empty() && undoing:
		fmt.Fprintln(out, "nothing to undo")
		return
	case plan.Empty():
		fmt.Fprintln(out, "nothing is pending")
		return
	case undoing:
		fmt.Fprintf(out, "rollback of %s, the latest first", number(len(plan.Steps), "operation"))
	default:
		fmt.Fprintf(out, "%s plan: %s in %s", brief(plan.Strategy), number(len(plan.Steps), "operation"), number(len(plan.Waves()), "wave"))
	}
	fmt.Fprintf(out, "; hash %s\n", p.bold(plan.Hash()))
	if h := st.Holder; h != nil {
		fmt.Fprintf(out, "the ledger is held by %s since %s; a run would wait for it\n", brief(h.Holder.String()), stamp(h.Since))
	}
	if text := held(st); text != "" {
		fmt.Fprintln(out, text)
	}
	if len(plan.Undo) > 0 {
		fmt.Fprintf(out, "first, an interrupted rollback goes on: %s\n", strings.Join(plan.Undo, ", "))
	}
	now := map[string]*seq.OpStatus{}
	for i := range st.Ops {
		now[st.Ops[i].ID] = &st.Ops[i]
	}
	if serial(plan) {
		for i := range plan.Steps {
			s := &plan.Steps[i]
			line := traits(s)
			if why := reasons(plan, s, st, now[s.ID]); len(why) > 0 {
				line += "  " + strings.Join(why, "; ")
			}
			fmt.Fprintf(out, "  %s%s\n", s.ID, p.dim(line))
		}
		return
	}
	for i := range plan.Steps {
		s := &plan.Steps[i]
		first := i == 0 || plan.Steps[i-1].Wave != s.Wave
		last := i == len(plan.Steps)-1 || plan.Steps[i+1].Wave != s.Wave
		if first && !undoing {
			fmt.Fprintf(out, "wave %d\n", s.Wave+1)
		}
		branch, stem := "├─ ", "│  "
		if last && !undoing || i == len(plan.Steps)-1 {
			branch, stem = "└─ ", "   "
		}
		fmt.Fprintf(out, "%s%s%s\n", branch, s.ID, p.dim(traits(s)))
		for _, why := range reasons(plan, s, st, now[s.ID]) {
			fmt.Fprintf(out, "%s   %s\n", stem, p.dim(why))
		}
	}
}

// serial reports whether the steps of a plan run one after another, each after the one before it. The
// plan of a rollback has no waves.
func serial(plan *plan.Plan) bool {
	n := len(plan.Steps)
	return n > 0 && plan.Direction == seq.Forward && plan.Steps[n-1].Wave == n-1
}

// traits are what an op is.
func traits(s *plan.Step) string {
	list := []string{}
	if s.Alias != "" && s.Alias != s.ID {
		list = append(list, brief(s.Alias))
	}
	if s.Kind == seq.Migration {
		list = append(list, "migration")
	}
	if promise := s.Promise(); promise != "" {
		list = append(list, promise)
	}
	if s.Retry.Attempts > 0 {
		list = append(list, fmt.Sprintf("up to %d calls", s.Retry.Attempts))
	}
	if s.Timeout > 0 {
		list = append(list, "time-out "+span(s.Timeout))
	}
	if s.AllowedToFail {
		list = append(list, "allowed to fail")
	}
	if !s.Reversible {
		list = append(list, "cannot be undone")
	} else {
		list = append(list, "can be undone")
	}
	return "  (" + strings.Join(list, ", ") + ")"
}

// reasons are why a step stands where it does, and what will keep it from running.
func reasons(plan *plan.Plan, s *plan.Step, st *seq.Status, o *seq.OpStatus) []string {
	var list []string
	add := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	undoing := plan.Direction == seq.Rollback
	add(s.Refused != "", "refused: %s", brief(worded(s.Refused)))
	add(s.Skip != "", "skipped: %s", brief(s.Skip))
	add(!undoing && len(s.DependsOn) > 0, "depends on %s", strings.Join(s.DependsOn, ", "))
	if !undoing && len(s.After) > 0 && len(s.DependsOn) == 0 && !serial(plan) {
		before := plan.Steps[s.After[len(s.After)-1]].ID
		more := ""
		if len(s.After) > 1 {
			more = fmt.Sprintf(" and %d more", len(s.After)-1)
		}
		add(true, "comes after %s%s, by the strategy", before, more)
	}
	add(!s.NotBefore.IsZero(), "%s", due(s.NotBefore, st.Now))
	add(!undoing && s.Conditional, "asks first whether it should run")
	for _, note := range s.Notes {
		add(true, "%s", brief(note))
	}
	add(s.Irreversible, "the strategy undoes a run that failed, and this one would stay")
	if o != nil && !undoing {
		switch o.State {
		case seq.Pending, seq.Scheduled:
		case seq.Running, seq.RollingBack:
			add(st.Holder == nil, "again: %s in the middle of it", died)
		case seq.Succeeded:
			add(true, "again: it has succeeded before")
		default:
			add(o.Error == "", "again: it is %s", o.State)
			add(o.Error != "" && s.Refused == "", "again: it is %s: %s", o.State, brief(firstLine(o.Error)))
		}
	}
	if o != nil && undoing && o.State != seq.Succeeded {
		add(true, "it is %s", o.State)
	}
	return list
}
