package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"

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

	MoreAlerts, MoreSchedule int // that have no room

	Runs   []runView
	Errand *errand
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

const (
	opsShown   = 200
	firstShown = 20 // of what stands above the list, which has them all
)

// first is what there is room for, and how much more there is.
func first(views []opView) (shown []opView, more int) {
	n := min(len(views), firstShown)
	return views[:n], len(views) - n
}

func (c *console) overview(w http.ResponseWriter, r *http.Request) {
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, "", err)
		return
	}
	p := overviewPage{page: c.page(w, r, "", "")}
	key := [2]string{chosen(r), p.Actor}
	once, _ := s.overviews.LoadOrStore(key, sync.OnceValues(func() ([]byte, error) { return c.renderOverview(s, &p, key[0]) }))
	body, err := once.(func() ([]byte, error))() //nolint:forcetypeassert // nothing else is stored
	if err != nil {
		http.Error(w, "cannot show this page", http.StatusInternalServerError)
		return
	}
	send(w, r, http.StatusOK, body)
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
	p.Alerts, p.MoreAlerts = first(p.Alerts)
	p.Schedule, p.MoreSchedule = first(p.Schedule)
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

// list chooses the ops to list, in the order in which they would run; if there are too many, those
// first that somebody looks for.
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
		slices.SortStableFunc(p.Ops, func(a, b opView) int { return cmp.Compare(settledRank(a), settledRank(b)) })
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

// Summary is the bar in words, for those who do not see it and for announcements.
func (p *overviewPage) Summary() string {
	words := make([]string, len(p.Segments))
	for i, s := range p.Segments {
		words[i] = s.Label
	}
	return strings.Join(words, ", ")
}
