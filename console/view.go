package console

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// opView is an op as pages show it.
type opView struct {
	*seq.OpStatus
	looks

	Title   string
	Detail  string // what is worth saying beside the state
	Alert   string // first line of an error or refusal
	Percent int    // of its progress, -1 if it has none to show
	Wave    int    // counted from 1; 0 if the code does not have the op
	Flags   []string
	Took    string // how long the last attempt took, "" if that is not known
	Now     time.Time
}

// took sets how long the last attempt took, of an op that nobody works on now.
func (v *opView) took(known map[string]time.Duration) {
	if d, ok := known[v.ID]; ok && !v.State.Open() {
		v.Took = span(d)
	}
}

func (s *snapshot) view(o *seq.OpStatus) opView {
	v := opView{OpStatus: o, looks: looksOfState(o.State), Title: title(o.ID), Percent: -1, Now: s.Now}
	v.Wave = s.waveOf(o)
	if o.Total > 0 && (o.State.Open() || o.State == seq.Failed || o.Background && !o.State.Done()) {
		v.Percent = int(min(max(float64(o.Done)*100/float64(o.Total), 0), 100))
	}
	v.Detail = s.detail(o)
	switch {
	case o.Refused != "":
		v.Alert = o.Refused
	case o.State != seq.Scheduled && o.State != seq.Succeeded && !o.State.Open():
		v.Alert = o.Error
	}
	if r, known := s.news.retry(o); known {
		r.tell(&v)
	}
	if s.left(o) {
		v.looks = interrupted
		if !o.Background {
			v.Detail = "its process is gone"
		}
	}
	if l, is := kept(o); is {
		v.looks = l
		if o.Kept != "" { // the detail says it
			v.Alert = ""
		}
	}
	v.Alert = firstLine(v.Alert)
	flag := func(when bool, text string) {
		if when {
			v.Flags = append(v.Flags, text)
		}
	}
	flag(!o.Registered, "not in the code")
	flag(o.Background, "in the background")
	flag(o.Kind == seq.Migration, "migration")
	flag(o.Delivery != seq.Repeatable, o.Delivery.String())
	flag(o.AllowedToFail, "may fail")
	flag(o.Registered && !o.Reversible, "no rollback")
	return v
}

// left reports whether the dead left it: it is under way, and nobody works on it.
func (s *snapshot) left(o *seq.OpStatus) bool { return o.State.Open() && !s.attended(o) }

// leftAttempt reports the same of an attempt.
func (s *snapshot) leftAttempt(a *store.Attempt) bool {
	if !a.State.Open() {
		return false
	}
	if o := s.find(a.ID); o != nil && o.Background {
		return o.Worker == nil
	}
	return s.Holder == nil
}

// detail says why an op is where it is, or how far it has come.
func (s *snapshot) detail(o *seq.OpStatus) string {
	switch {
	case o.Background:
		return s.besideDetail(o)
	case o.State.Open():
		return s.headway(o)
	case o.State.Done() || !o.Registered:
		return ""
	case len(o.Waits) > 0:
		return "waits for " + several(o.Waits)
	case !o.Due.IsZero() && o.Due.After(s.Now):
		return "due " + ago(s.Now, o.Due)
	case o.State == seq.Scheduled:
		return "due now"
	default:
		return ""
	}
}

// headway is for how long an op has been at it, how far it has come, and how long the rest takes if
// it goes on like this.
func (s *snapshot) headway(o *seq.OpStatus) string {
	var parts []string
	if a, known := s.open[o.ID]; known {
		parts = append(parts, "for "+span(max(s.Now.Sub(a.Started), 0).Truncate(time.Second)))
	}
	if o.Total > 0 {
		parts = append(parts, many(o.Done)+" of "+many(o.Total))
	} else if o.Done > 0 {
		parts = append(parts, many(o.Done)+" done")
	}
	if left := s.leftOf(o); left > 0 {
		parts = append(parts, "about "+span(left.Round(time.Second))+" left")
	}
	return strings.Join(parts, ", ")
}

// several names the first of a list, and how many more there are.
func several(ids []string) string {
	if len(ids) == 1 {
		return title(ids[0])
	}
	return fmt.Sprintf("%s and %d more", title(ids[0]), len(ids)-1)
}

// runView is a run as pages show it.
type runView struct {
	store.Run
	looks

	Took string
	Now  time.Time
	Dead bool // not over, and nobody holds the ledger
}

func (s *snapshot) viewRun(r *store.Run) runView {
	v := runView{Run: *r, looks: looksOfRun(r.State), Now: s.Now}
	if r.Unknown != "" {
		v.Word = r.Unknown // a later version of the library knows it
	}
	v.Dead = (r.State == seq.RunStarted || r.State == seq.RunRollingBack || r.State == store.RunInterrupted) && s.Holder == nil && r.Strategy != workStrategy
	if v.Dead {
		v.looks = interrupted
	}
	if o := s.worked(r); o != nil && (r.State == seq.RunStarted || r.State == seq.RunWaiting) && o.Worker == nil {
		v.looks = waits
		if l, is := kept(o); is {
			v.looks = l
		}
	}
	switch {
	case !r.Finished.IsZero():
		v.Took = span(r.Finished.Sub(r.Started))
	case !v.Dead:
		v.Took = "for " + span(max(s.Now.Sub(r.Started), 0).Truncate(time.Second))
	}
	return v
}

// attemptView is a line of an op's history as pages show it.
type attemptView struct {
	store.Attempt
	looks

	Took  string
	Tries int // calls of the op within this attempt, as far as this process heard of them; 0 or 1 if only one
	Now   time.Time

	Log []string // the last lines that it logged, as far as this process heard
}

func (s *snapshot) viewAttempt(a *store.Attempt) attemptView {
	v := attemptView{Attempt: *a, looks: looksOfState(a.State), Now: s.Now}
	if n := len(s.news.ticks(a)); n > 0 {
		v.Tries = n + 1
	}
	v.Log = s.news.logged(a)
	switch {
	case a.Lost:
		v.looks = looks{"warn", "doubt", "lost: its process died"}
	case a.Interrupted:
		v.looks = interrupted
	case a.Withdrawn:
		v.looks = looks{"quiet", "skip", "not called"}
	case a.Unknown != "":
		v.Word = a.Unknown // a later version of the library knows it
	}
	switch {
	case !a.Finished.IsZero():
		v.Took = span(a.Finished.Sub(a.Started))
	case s.leftAttempt(a):
		v.looks = interrupted
	default:
		v.Took = "for " + span(max(s.Now.Sub(a.Started), 0).Truncate(time.Second))
	}
	return v
}

// byStart orders attempts as they began.
func byStart(a, b store.Attempt) int {
	return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Number, b.Number))
}

// ShortID is enough of a run's ID to tell it from its neighbours.
func (r runView) ShortID() string { return shortRun(r.ID) }

func shortRun(id string) string { return id[:min(8, len(id))] }

// opLine is what the list's template needs to draw one op.
type opLine struct {
	Op   opView
	Root string
}

// With is the line of an op on this page.
func (p *page) With(o opView) opLine { return opLine{o, p.Root} }

// history is what the template of attempts needs.
type history struct {
	List  []attemptView
	Named bool // say of which op each is
	Root  string
}

// History is the attempts of the page's op.
func (p *opPage) History() history { return history{p.Attempts, false, p.Root} }

// History is the attempts of the page's run.
func (p *runPage) History() history { return history{p.Attempts, true, p.Root} }

// Among is the failed attempts of the page's run as the template of attempts takes them.
func (p *runPage) Among(list []attemptView) history { return history{list, true, p.Root} }

// AnyOps reports whether there is any op, listed or not.
func (p *overviewPage) AnyOps() bool { return len(p.Status.Ops) > 0 }

// Offers reports whether there is something to start.
func (p *planPage) Offers() bool { return !p.Plan.Empty() }

// Icon is what a step of a plan is drawn as.
func (s stepView) Icon(back bool) string {
	switch {
	case s.Refused != "":
		return "cross"
	case s.Skip != "":
		return "skip"
	case back:
		return "undo"
	case !s.NotBefore.IsZero():
		return "clock"
	default:
		return "pending"
	}
}
