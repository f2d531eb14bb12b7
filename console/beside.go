package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// workStrategy is the strategy's name in a run that works on an op in the background.
const workStrategy = "work"

// paused, cancelled and waits are how an op in the background is drawn that nobody works on.
var (
	paused    = looks{"time", "clock", "paused"}
	cancelled = looks{"quiet", "skip", "cancelled"}
	waits     = looks{"idle", "pending", "not at work"}
)

// heldView says who keeps runs from beginning, why and until when.
type heldView struct {
	store.Control

	Now  time.Time
	Stop bool // a run was asked to stop, and is not over
}

// Acknowledged reports whether the run has heard it.
func (h *heldView) Acknowledged() bool { return h.Heard >= h.Number }

// held is nil if runs may begin.
func (s *snapshot) held() *heldView {
	c := s.Control
	if c == nil || !c.Holds(s.Now) {
		return nil
	}
	return &heldView{*c, s.Now, c.Wanted == store.WantStop && s.Holder != nil && !s.Holder.Since.After(c.Asked)}
}

// attended reports whether somebody works on an op that is under way: a run, or in the background a process.
func (s *snapshot) attended(o *seq.OpStatus) bool {
	if o.Background {
		return o.Worker != nil
	}
	return s.Holder != nil
}

// kept is how an op is drawn that works in the background and that a request keeps from going on; ok is false
// of any other.
func kept(o *seq.OpStatus) (l looks, ok bool) {
	if !o.Background || o.Control == nil || o.Worker != nil || o.State.Done() {
		return l, false
	}
	switch o.Control.Wanted {
	case store.WantCancel:
		return cancelled, true
	case store.WantPause, store.UnknownWanted:
		return paused, true
	default:
		return l, false
	}
}

// note is why an op in the background does not move, in the words of who works on it.
func note(o *seq.OpStatus) string {
	if o.Control == nil || o.Worker == nil {
		return ""
	}
	return o.Control.Note
}

// besideDetail is how far an op in the background is, how fast, how long it will take, and why it does not
// move, in a line.
func (s *snapshot) besideDetail(o *seq.OpStatus) string {
	if o.State.Done() {
		return deadLetters(o)
	}
	var parts []string
	add := func(text string) {
		if text != "" {
			parts = append(parts, text)
		}
	}
	add(far(o))
	if o.Worker != nil && note(o) == "" && o.Pace.Rate > 0 {
		add(pace(o))
	}
	if o.Kept == "" {
		add(timeLeft(o))
	}
	add(o.Kept)
	if why := note(o); why != "" {
		add("has not moved for " + span(max(s.Now.Sub(o.Control.NotedAt), 0).Truncate(time.Second)) + ": " + firstLine(why))
	}
	if o.State.Open() && o.Worker == nil {
		add("its process is gone")
	}
	if len(o.Waits) > 0 {
		add("waits for " + several(o.Waits))
	}
	add(deadLetters(o))
	return strings.Join(parts, ", ")
}

// far is how far an op in the background is.
func far(o *seq.OpStatus) string {
	switch {
	case o.Total > 0:
		return fmt.Sprintf("%s of %s, %d %%", many(o.Done), many(o.Total), int(float64(o.Done)*100/float64(o.Total)))
	case o.Done > 0:
		return many(o.Done) + " done"
	default:
		return "not begun"
	}
}

func pace(o *seq.OpStatus) string {
	if o.Pace.Rate >= 10 {
		return many(int64(o.Pace.Rate)) + " a second"
	}
	return fmt.Sprintf("%.2g a second", o.Pace.Rate)
}

func deadLetters(o *seq.OpStatus) string {
	if o.Pace.DeadLetters == 0 {
		return ""
	}
	return plural(int(o.Pace.DeadLetters), "dead letter", "dead letters")
}

// timeLeft is how long an op will take, as far as anybody knows.
func timeLeft(o *seq.OpStatus) string {
	switch {
	case o.Done == 0 && o.Total == 0:
		return ""
	case o.Pace.Estimate == seq.EstimateDone:
		return "nothing left"
	case o.Pace.Estimate == seq.EstimateMeasuring:
		return "time left: measuring"
	case o.Pace.Estimate != seq.EstimateGood:
		return "time left unknown"
	case o.Worker == nil || note(o) != "":
		return "about " + roughly(o.Pace.Remaining) + " left once it moves"
	default:
		return "about " + roughly(o.Pace.Remaining) + " left"
	}
}

// roughly is a long time in one unit, so that an estimate does not look like a measurement.
func roughly(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 90*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	default:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	}
}

// fact is a line about an op.
type fact struct{ Name, Text string }

// besideFacts are what there is to say of an op in the background, a line each.
func (s *snapshot) besideFacts(o *seq.OpStatus) []fact {
	if !o.Background {
		return nil
	}
	var facts []fact
	add := func(name, text string) {
		if text != "" {
			facts = append(facts, fact{name, text})
		}
	}
	add("Works", "in the background, beside deploys")
	if !o.State.Done() || o.Done > 0 {
		add("Progress", far(o))
	}
	if o.Pace.Rate > 0 && !o.State.Done() {
		add("Pace", pace(o)+" while it moves")
	}
	if !o.State.Done() {
		add("Time left", timeLeft(o))
	}
	if !o.Moved.IsZero() {
		add("Checkpoint", stamp(o.Moved)+", "+ago(s.Now, o.Moved))
	}
	if o.Pace.Size > 0 {
		add("Batches", "of "+many(o.Pace.Size))
	}
	if o.Pace.Parts > 0 {
		add("Parts", fmt.Sprintf("%d of %d done", o.Pace.PartsDone, o.Pace.Parts))
	}
	add("Dead letters", strings.TrimSuffix(strings.TrimSuffix(deadLetters(o), " dead letters"), " dead letter"))
	add("Does not move", o.Kept)
	if why := note(o); why != "" {
		add("Does not move", why+", since "+stamp(o.Control.NotedAt))
	}
	if c := o.Control; c != nil && c.Number > 0 {
		add("Request", requested(c))
	}
	switch h := o.Worker; {
	case h != nil:
		add("Worked on", "by "+h.Holder.String()+" since "+stamp(h.Since))
	case o.State.Open():
		add("Worked on", "by nobody: its process is gone, and another takes it up")
	}
	return facts
}

// requested is what was asked of an op, by whom and why, and whether it was heard.
func requested(c *store.Control) string {
	what := c.Wanted.String()
	switch {
	case c.Unknown != "":
		what = c.Unknown
	case c.Wanted == store.WantGo:
		what = "go on"
	}
	if c.Size > 0 {
		what += ", batches of " + many(c.Size)
	}
	if c.Rest > 0 {
		what += ", a rest of " + c.Rest.String()
	}
	heard := "not heard yet"
	if c.Heard >= c.Number {
		heard = "heard " + span(max(c.HeardAt.Sub(c.Asked), 0)) + " later"
	}
	return fmt.Sprintf("to %s, by %s at %s: %s (%s)", what, c.Actor, stamp(c.Asked), c.Reason, heard)
}

// worked is the op that a run works on in the background; nil if it is another kind of run, or the op has gone
// on to another run.
func (s *snapshot) worked(r *store.Run) *seq.OpStatus {
	if r.Strategy != workStrategy {
		return nil
	}
	for i := range s.Ops {
		if o := &s.Ops[i]; o.Run == r.ID {
			return o
		}
	}
	return nil
}
