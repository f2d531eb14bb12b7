package plan

import (
	"fmt"
	"strings"
	"time"
)

// String draws the plan, a line per step under its wave; without waves if all hold one step.
func (p *Plan) String() string {
	var b strings.Builder
	for _, f := range p.Findings {
		fmt.Fprintf(&b, "%s\n", f)
	}
	if p.Empty() {
		b.WriteString("nothing is pending\n" + p.leftOut())
		return b.String()
	}
	if len(p.Undo) > 0 {
		fmt.Fprintf(&b, "first, an interrupted rollback goes on: %s\n", strings.Join(p.Undo, ", "))
	}
	serial := len(p.Steps) > 0 && p.Steps[len(p.Steps)-1].Wave == len(p.Steps)-1
	wave := -1
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Wave != wave && !serial {
			wave = s.Wave
			fmt.Fprintf(&b, "wave %d\n", wave+1)
		}
		fmt.Fprintf(&b, "  %s%s\n", s.ID, s.notes())
	}
	return b.String() + p.leftOut()
}

// leftOut is a line for each op that is no step: it works in the background, or is for another environment.
func (p *Plan) leftOut() string {
	var b strings.Builder
	for _, x := range p.Background {
		fmt.Fprintf(&b, "background: %s  (%s)\n", x.ID, x.Reason)
	}
	for _, x := range p.Excluded {
		fmt.Fprintf(&b, "excluded: %s  (%s)\n", x.ID, x.Reason)
	}
	return b.String()
}

// notes is what is worth saying of a step behind its ID.
func (s *Step) notes() string {
	var notes []string
	add := func(when bool, note string) {
		if when {
			notes = append(notes, note)
		}
	}
	add(s.Alias != "" && s.Alias != s.ID, s.Alias)
	add(s.Kind == Migration, "migration")
	promise := s.Promise()
	add(promise != "", promise)
	add(s.AllowedToFail, "allowed to fail")
	add(s.Conditional, "conditional")
	add(len(s.DependsOn) > 0, "after "+strings.Join(s.DependsOn, ", "))
	add(s.Retry.Attempts > 0, fmt.Sprintf("up to %d calls", s.Retry.Attempts))
	add(s.Timeout > 0, "time-out "+s.Timeout.String())
	add(!s.NotBefore.IsZero(), "not before "+s.NotBefore.UTC().Format(time.RFC3339))
	add(s.Irreversible, "cannot be undone")
	add(s.Skip != "", "skipped: "+s.Skip)
	add(s.Refused != "", "refused: "+s.Refused)
	notes = append(notes, s.Notes...)
	if len(notes) == 0 {
		return ""
	}
	return "  (" + strings.Join(notes, "; ") + ")"
}
