package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
)

// headline is the one sentence that says what is going on, and what may be done about it.
type headline struct {
	looks

	Text, Why string
	Run       *runView
}

// headline sums it all up.
func (s *snapshot) headline() headline {
	u := s.sums()
	bad, left, timed := len(u.attention), u.todo, len(u.schedule)
	if r := s.current(); r != nil {
		v := s.viewRun(r)
		h := headline{looks: v.looks, Run: &v}
		switch {
		case v.Dead:
			h.Text = "A run was interrupted"
			h.Why = "Nobody works on it, and nobody holds the ledger. The next run takes it up where it stands."
		case r.State == seq.RunRollingBack:
			h.Text, h.Why = "Rolling back", s.atWork()
		case r.State == seq.RunWaiting:
			h.Text = "Waiting for the schedule"
			h.Why = "Only scheduled operations are left."
		default:
			h.Text, h.Why = "A run is under way", s.atWork()
		}
		return h
	}
	switch {
	case s.held() != nil && s.Holder == nil:
		return headline{looks: looks{"warn", "alert", ""}, Text: "Runs are held", Why: "No run begins until the ledger is released" + ifAny(left, "; %d to do") + "."}
	case s.Holder != nil:
		return headline{looks: stateLooks[seq.Running], Text: "The ledger is held", Why: "Somebody is about to run, or acts by hand; other runs wait for it. If its process is dead, the ledger is free by itself in " + span(s.Holder.Expires.Round(time.Second)) + "."}
	case bad > 0:
		return headline{
			looks: stateLooks[seq.Failed], Text: plural(bad, "operation needs", "operations need") + " attention",
			Why: "No run is under way" + ifAny(left-bad, ", and %d more wait") + ". Open what failed to see why, and what may be done.",
		}
	case left > 0:
		return headline{looks: stateLooks[seq.Pending], Text: plural(left, "operation", "operations") + " to do", Why: "The next run takes them up."}
	case timed > 0:
		return headline{looks: stateLooks[seq.Scheduled], Text: "All done but " + plural(timed, "scheduled operation", "scheduled operations")}
	case len(u.beside) > 0:
		return headline{looks: stateLooks[seq.Running], Text: "All done but " + plural(len(u.beside), "operation", "operations") + " in the background", Why: s.atWorkBeside()}
	case len(s.Ops) == 0:
		return headline{looks: looks{"quiet", "check", ""}, Text: "No operations", Why: "The code registers none, and the ledger knows none."}
	default:
		return headline{looks: stateLooks[seq.Succeeded], Text: "All done"}
	}
}

// atWork says what moves, how much waits for it, and how long that may take.
func (s *snapshot) atWork() string {
	u := s.sums()
	var open []string
	for _, i := range u.open[:min(len(u.open), 3)] {
		switch v := s.view(&s.Ops[i]); {
		case v.looks == retrying:
			open = append(open, v.Title+" (retrying "+v.Detail+")")
		case v.Percent >= 0:
			open = append(open, fmt.Sprintf("%s (%d %%)", v.Title, v.Percent))
		default:
			open = append(open, v.Title)
		}
	}
	waiting := ifAny(u.waiting, "; %d wait")
	if len(open) == 0 {
		return "No operation is at work at this moment" + waiting + "."
	}
	return "At work: " + strings.Join(open, ", ") + ifAny(len(u.open)-len(open), " and %d more") + waiting + "." + s.eta()
}

// atWorkBeside says how far the first of what is left to the background is.
func (s *snapshot) atWorkBeside() string {
	if s.NoWorker {
		return "No process works in the background."
	}
	u := s.sums()
	var list []string
	for _, i := range u.beside[:min(len(u.beside), 3)] {
		o := &s.Ops[i]
		list = append(list, title(o.ID)+" ("+far(o)+")")
	}
	return strings.Join(list, ", ") + ifAny(len(u.beside)-len(list), " and %d more") + "."
}

// ifAny is a text about a number, empty if there is none.
func ifAny(n int, format string) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
