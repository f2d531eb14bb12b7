package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sequencer-go/seq"
)

// overviewPage is the first page: how everything stands.
type overviewPage struct {
	page

	Status   *seq.Status
	Headline headline
	Segments []segment
	Alerts   []opView // what a person should look at
	Graph    *graph
	Filters  []filter
	Ops      []opView
	More     int // ops that the list left out
	Schedule []opView
	Runs     []runView
	Errand   *errand
}

// headline is the one sentence that says what is going on, and what may be done about it.
type headline struct {
	looks

	Text, Why string
	Run       *runView
}

// segment is a part of the bar that shows how many ops are in which state, of a width of 1000.
type segment struct {
	X, Width int
	Class    string
	Label    string
}

// filter is a choice of ops to list.
type filter struct {
	Key, Label string
	Count      int
	On         bool

	takes func(*opView) bool
}

const opsShown = 200

func (c *console) overview(w http.ResponseWriter, r *http.Request) {
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, "", err)
		return
	}
	p := overviewPage{page: c.page(w, r, "", "")}
	key := [2]string{chosen(r), p.Actor}
	body, known := s.overviews.Load(key)
	if !known {
		if body, err = c.renderOverview(s, &p, key[0]); err != nil {
			http.Error(w, "cannot show this page", http.StatusInternalServerError)
			return
		}
		s.overviews.Store(key, body)
	}
	send(w, r, http.StatusOK, body.([]byte)) //nolint:forcetypeassert // nothing else is stored
}

func (c *console) renderOverview(s *snapshot, p *overviewPage, show string) ([]byte, error) {
	views := make([]opView, len(s.Ops))
	for i := range s.Ops {
		views[i] = s.view(&s.Ops[i])
	}
	p.Errand = c.errands.latest(s.Now)
	p.Status, p.Headline = s.Status, s.headline(views)
	p.Segments = segments(views)
	p.Graph = draw(views)
	p.Filters = filters(views, show)
	for i := range views {
		if v := &views[i]; v.attention() {
			p.Alerts = append(p.Alerts, *v)
		}
		if v := &views[i]; v.timed() {
			p.Schedule = append(p.Schedule, *v)
		}
	}
	slices.SortStableFunc(p.Schedule, func(a, b opView) int { return a.Due.Compare(b.Due) })
	p.list(views)
	for i := range s.Runs {
		p.Runs = append(p.Runs, s.viewRun(&s.Runs[i]))
	}
	return render("overview", p)
}

// attention reports whether a person should look at the op.
func (v *opView) attention() bool {
	switch v.State {
	case seq.Failed, seq.RollbackFailed, seq.Indeterminate:
		return true
	default:
		return v.Refused != ""
	}
}

// timed reports whether the op waits for its time.
func (v *opView) timed() bool { return v.Pending() && !v.Due.IsZero() && !v.State.Open() }

// choices of ops to list.
var choices = []filter{
	{Key: "", Label: "All", takes: func(*opView) bool { return true }},
	{Key: "attention", Label: "Needs attention", takes: (*opView).attention},
	{Key: "open", Label: "At work", takes: func(v *opView) bool { return v.State.Open() }},
	{Key: "pending", Label: "To do", takes: func(v *opView) bool { return v.Pending() && !v.State.Open() }},
	{Key: "done", Label: "Done", takes: func(v *opView) bool { return v.State.Done() }},
}

// chosen is the key of the choice that the address makes.
func chosen(r *http.Request) string {
	key := r.URL.Query().Get("show")
	if !slices.ContainsFunc(choices, func(f filter) bool { return f.Key == key }) {
		return ""
	}
	return key
}

func filters(views []opView, chosen string) []filter {
	all := slices.Clone(choices)
	for i := range all {
		f := &all[i]
		f.On = f.Key == chosen
		for j := range views {
			if f.takes(&views[j]) {
				f.Count++
			}
		}
	}
	return all
}

// list chooses the ops to list, in the order in which they would run.
func (p *overviewPage) list(views []opView) {
	i := slices.IndexFunc(p.Filters, func(f filter) bool { return f.On })
	for j := range views {
		if p.Filters[i].takes(&views[j]) {
			p.Ops = append(p.Ops, views[j])
		}
	}
	slices.SortStableFunc(p.Ops, func(a, b opView) int {
		return cmp.Or(cmp.Compare(min(a.Wave, 1), min(b.Wave, 1)), byWave(a, b))
	})
	if len(p.Ops) > opsShown {
		p.More = len(p.Ops) - opsShown
		p.Ops = p.Ops[:opsShown]
	}
}

// segments is the bar: done on the left, what is left to do on the right.
func segments(views []opView) []segment {
	order := []string{"good", "quiet", "busy", "back", "warn", "bad", "time", "idle"}
	by := map[string][]opView{}
	for _, v := range views {
		by[v.Class] = append(by[v.Class], v)
	}
	var out []segment
	seen := 0
	for _, class := range order {
		if ops := by[class]; len(ops) > 0 {
			from := seen * 1000 / len(views)
			seen += len(ops)
			out = append(out, segment{X: from, Width: seen*1000/len(views) - from, Class: class, Label: tally(ops)})
		}
	}
	return out
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
			h.Text = "Rolling back"
		case r.State == seq.RunWaiting:
			h.Text = "Waiting for the schedule"
			h.Why = "Only scheduled operations are left."
		default:
			h.Text = "A run is under way"
		}
		return h
	}
	switch {
	case s.Holder != nil:
		return headline{looks: stateLooks[seq.Running], Text: "The ledger is held", Why: "Somebody is about to run, or acts by hand."}
	case bad > 0:
		return headline{looks: stateLooks[seq.Failed], Text: plural(bad, "operation needs", "operations need") + " attention"}
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

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Summary is the bar in words, for those who do not see it and for announcements.
func (p *overviewPage) Summary() string {
	words := make([]string, len(p.Segments))
	for i, s := range p.Segments {
		words[i] = s.Label
	}
	return strings.Join(words, ", ")
}
