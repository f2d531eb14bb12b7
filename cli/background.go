package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// workStrategy is the strategy of a run that works on an op in the background.
const workStrategy = "work"

// atWork reports whether somebody works on an op that is open: a run, or in the background another process.
func atWork(o *seq.OpStatus, st *seq.Status) bool {
	if o.Background {
		return o.Worker != nil
	}
	return st.Holder != nil
}

// beside says of an op that works in the background how far it is, how fast, how long it will take, and why
// it does not move, the most important first.
func beside(o *seq.OpStatus, now time.Time) []string {
	var parts []string
	add := func(when bool, format string, args ...any) {
		if when {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	if o.State.Done() {
		add(o.Pace.DeadLetters > 0, "%s", number(o.Pace.DeadLetters, "dead letter"))
		return parts
	}
	begun := o.Done > 0 || o.Total > 0
	moves := o.Worker != nil && note(o) == ""
	add(begun, "%s", progressText(o.Done, o.Total))
	add(!begun, "not begun")
	add(moves && o.Pace.Rate > 0, "%s/s", rate(o.Pace.Rate))
	if o.Kept == "" && begun {
		add(true, "%s", timeLeft(o))
	}
	add(o.Kept != "" && (o.Worker == nil || !unheard(o.Control)), "%s", brief(firstLine(worded(o.Kept))))
	add(note(o) != "", "has not moved for %s: %s", roughly(since(notedAt(o), now)), brief(firstLine(note(o))))
	add(o.State.Open() && !o.Moved.IsZero(), "last checkpoint %s ago", span(since(o.Moved, now).Round(time.Second)))
	add(o.Pace.Size > 0, "batches of %s", amount(o.Pace.Size))
	add(o.Pace.Parts > 0, "%d of %s done", o.Pace.PartsDone, number(int64(o.Pace.Parts), "part"))
	add(o.Pace.DeadLetters > 0, "%s", number(o.Pace.DeadLetters, "dead letter"))
	if o.Worker != nil {
		add(true, "by %s", brief(o.Worker.Holder.String()))
	}
	add(o.State.Open() && o.Worker == nil, "%s", died)
	if o.Worker != nil && unheard(o.Control) {
		add(true, "%s, not heard yet", requested(o.Control, now))
	}
	return parts
}

// note is why an op does not move, in the words of who works on it.
func note(o *seq.OpStatus) string {
	if o.Control == nil || o.Worker == nil {
		return ""
	}
	return o.Control.Note
}

func notedAt(o *seq.OpStatus) time.Time {
	if o.Control == nil {
		return time.Time{}
	}
	return o.Control.NotedAt
}

// since is how long ago that is; never negative, because hosts have clocks of their own.
func since(at, now time.Time) time.Duration { return max(0, now.Sub(at)) }

// timeLeft is how long an op will take, as far as anybody knows.
func timeLeft(o *seq.OpStatus) string {
	switch o.Pace.Estimate {
	case seq.EstimateDone:
		return "nothing left"
	case seq.EstimateMeasuring:
		return "time left: measuring"
	case seq.EstimateGood:
		if o.Worker == nil || note(o) != "" {
			return "about " + roughly(o.Pace.Remaining) + " left once it moves"
		}
		return "about " + roughly(o.Pace.Remaining) + " left"
	default:
		return "time left unknown"
	}
}

// roughly is a long time in one unit.
func roughly(d time.Duration) string {
	in := func(unit time.Duration) int64 { return int64(math.Round(float64(d) / float64(unit))) }
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", in(time.Second))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", in(time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", in(time.Hour))
	default:
		return number(in(24*time.Hour), "day")
	}
}

// unheard reports whether a request was not acknowledged yet.
func unheard(c *seq.Control) bool { return c != nil && c.Heard < c.Number }

// requested is what was asked, by whom, when and why.
func requested(c *seq.Control, now time.Time) string {
	what := "asked to " + wanted(c)
	if c.Wanted == store.WantGo {
		what = "asked to go on"
	}
	if with := terms(c); with != "" {
		what += " with " + with
	}
	return fmt.Sprintf("%s by %s %s ago (%s)", what, brief(c.Actor), span(since(c.Asked, now).Round(time.Second)), brief(firstLine(c.Reason)))
}

// wanted is what a request asks for, in the ledger's word.
func wanted(c *seq.Control) string {
	if c.Unknown != "" {
		return brief(c.Unknown)
	}
	return c.Wanted.String()
}

// terms are the size and the rest that somebody set; "" if nobody did.
func terms(c *seq.Control) string {
	var parts []string
	if c.Size > 0 {
		parts = append(parts, "size "+amount(c.Size))
	}
	if c.Rest > 0 {
		parts = append(parts, "a rest of "+span(c.Rest))
	}
	return strings.Join(parts, " and ")
}

// held says that somebody keeps runs from beginning, who, why and until when; "" if nobody does.
func held(st *seq.Status) string {
	c := st.Control
	if c == nil || !c.Holds(st.Now) {
		return ""
	}
	text := fmt.Sprintf("the ledger is held for %s since %s, %s: %s", brief(c.Actor), stamp(c.Asked), untilText(c), brief(firstLine(c.Reason)))
	if c.Wanted == store.WantStop && st.Holder != nil {
		if unheard(c) {
			text += "; the run was asked to stop, and has not heard it yet"
		} else {
			text += "; the run has heard that it is to stop"
		}
	}
	return text
}

func untilText(c *seq.Control) string {
	if c.Until.IsZero() {
		return "until it is released"
	}
	return "until " + stamp(c.Until) + " or until it is released"
}

// nobody says that no process works in the background, and what to do.
func (a *app) nobody() string {
	return "no process works in the background; " + a.line("work") + " does"
}
