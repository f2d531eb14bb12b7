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
func (s *snapshot) headline(views []opView) headline {
	count := func(takes func(*opView) bool) (n int) {
		for i := range views {
			if takes(&views[i]) {
				n++
			}
		}
		return n
	}
	bad := count((*opView).attention)
	left := count(func(v *opView) bool { return v.Pending() && !v.timed() })
	timed := count((*opView).timed)
	if r := s.current(); r != nil {
		v := s.viewRun(r)
		h := headline{looks: v.looks, Run: &v}
		switch {
		case v.Dead:
			h.Text = "A run was interrupted"
			h.Why = "The process that ran it is gone, and nobody holds the ledger. The next run takes it up where it stands."
		case r.State == seq.RunRollingBack:
			h.Text, h.Why = "Rolling back", atWork(views)
		case r.State == seq.RunWaiting:
			h.Text = "Waiting for the schedule"
			h.Why = "Only scheduled operations are left."
		default:
			h.Text, h.Why = "A run is under way", atWork(views)
		}
		return h
	}
	switch {
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
	case len(views) == 0:
		return headline{looks: looks{"quiet", "check", ""}, Text: "No operations", Why: "The code registers none, and the ledger knows none."}
	default:
		return headline{looks: stateLooks[seq.Succeeded], Text: "All done"}
	}
}

// atWork says what moves, and how much waits for it.
func atWork(views []opView) string {
	var open []string
	waiting := 0
	for i := range views {
		switch v := &views[i]; {
		case v.State.Open() && v.Word == "retrying":
			open = append(open, v.Title+" (retrying "+v.Detail+")")
		case v.State.Open() && v.Percent >= 0:
			open = append(open, fmt.Sprintf("%s (%d %%)", v.Title, v.Percent))
		case v.State.Open():
			open = append(open, v.Title)
		case v.State == seq.Pending || v.State == seq.RollbackPending:
			waiting++
		}
	}
	const most = 3
	more := ifAny(len(open)-most, " and %d more")
	if len(open) == 0 {
		return "No operation is at work at this moment" + ifAny(waiting, "; %d wait") + "."
	}
	return "At work: " + strings.Join(open[:min(len(open), most)], ", ") + more + ifAny(waiting, "; %d wait") + "."
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
