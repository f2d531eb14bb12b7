package console

import (
	"context"
	"maps"
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
	Legend   []legend
	Findings []findingView // runs that have no end
	Alerts   []opView      // what a person should look at
	Graph    *graph
	Bars     *bars
	Filters  []filter
	Tags     []tagCount
	Query    query
	Pages    pager
	Ops      []opView
	Schedule []opView
	Beside   []opView // left to the background

	MoreAlerts, MoreSchedule, MoreBeside int // that have no room

	Runs   []runView
	Errand *errand
}

// segment is a part of the bar that shows how many ops are in which state, of a width of 1000.
type segment struct {
	X, Width int
	Class    string
	Label    string
}

// legend is one state, how many ops are in it, and what lists them.
type legend struct {
	looks

	Count int
	Show  string
}

// tagCount is a tag, and how many ops have it.
type tagCount struct {
	Name  string
	Count int
}

// filter is a choice of ops to list.
type filter struct {
	Key, Label string
	Count      int
	On         bool

	takes func(*seq.OpStatus) bool
}

const (
	opsShown      = 100
	firstShown    = 20 // of what stands above the list, which has them all
	tagsShown     = 200
	overviewsKept = 64
)

// choices of ops to list.
var choices = []filter{
	{Key: "", Label: "All", takes: func(*seq.OpStatus) bool { return true }},
	{Key: "attention", Label: "Needs attention", takes: attention},
	{Key: "open", Label: "At work", takes: func(o *seq.OpStatus) bool { return o.State.Open() }},
	{Key: "pending", Label: "To do", takes: func(o *seq.OpStatus) bool { return o.Pending() && !o.State.Open() }},
	{Key: "background", Label: "In the background", takes: func(o *seq.OpStatus) bool { return o.Background }},
	{Key: "done", Label: "Done", takes: func(o *seq.OpStatus) bool { return o.State.Done() }},
}

// overviews keeps rendered pages of one snapshot: many may look at once.
type overviews struct {
	mu   sync.Mutex
	made map[overviewKey]func() ([]byte, error)
}

type overviewKey struct {
	query

	actor string
	acts  int
}

// of is the page for a key, made once. Of very many keys the last are made each time.
func (o *overviews) of(key overviewKey, build func() ([]byte, error)) func() ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if made, known := o.made[key]; known {
		return made
	}
	if o.made == nil {
		o.made = map[overviewKey]func() ([]byte, error){}
	}
	once := sync.OnceValues(build)
	if len(o.made) < overviewsKept {
		o.made[key] = once
	}
	return once
}

func (c *console) overview(w http.ResponseWriter, r *http.Request) {
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, "", err)
		return
	}
	p := overviewPage{page: c.page(w, r, "", ""), Query: asked(r)}
	body, err := s.overviews.of(overviewKey{p.Query, p.Actor, p.mayStart()}, func() ([]byte, error) { return c.renderOverview(r.Context(), s, &p) })()
	if err != nil {
		http.Error(w, "cannot show this page", http.StatusInternalServerError)
		return
	}
	send(w, r, http.StatusOK, body)
}

func (c *console) renderOverview(ctx context.Context, s *snapshot, p *overviewPage) ([]byte, error) {
	u := s.sums()
	p.Errand = c.errands.latest(s.Now)
	p.Status, p.Headline = s.Status, s.headline()
	found, _ := cut(s.unfinished(), firstShown)
	p.Findings = viewFindings(found, p.Root)
	p.Segments, p.Legend = s.segments(), s.legend()
	p.Alerts, p.MoreAlerts = s.first(u.attention)
	p.Schedule, p.MoreSchedule = s.first(u.schedule)
	p.Beside, p.MoreBeside = s.first(u.beside)
	p.Held = s.held()
	p.Graph, p.Bars = s.picture()
	p.Filters = filters(u, p.Query.Show)
	p.Tags = tagsOf(u)
	list := s.match(p.Query)
	s.order(list, len(list) > opsShown)
	var from, to int
	p.Pages, from, to = p.Query.pages(len(list), opsShown)
	p.Ops = s.viewAll(list[from:to])
	took := c.lastTook(ctx, s.statuses(slices.Concat(list[from:to], u.attention[:len(p.Alerts)])))
	for _, views := range [][]opView{p.Ops, p.Alerts} {
		for i := range views {
			views[i].took(took)
		}
	}
	for i := range s.Runs {
		p.Runs = append(p.Runs, s.viewRun(&s.Runs[i]))
	}
	return render("overview", p)
}

// first is what there is room for above the list, and how much more there is.
func (s *snapshot) first(list []int) (shown []opView, more int) {
	n := min(len(list), firstShown)
	return s.viewAll(list[:n]), len(list) - n
}

func (s *snapshot) viewAll(list []int) []opView {
	views := make([]opView, len(list))
	for i, at := range list {
		views[i] = s.view(&s.Ops[at])
	}
	return views
}

func (s *snapshot) statuses(list []int) []*seq.OpStatus {
	ops := make([]*seq.OpStatus, len(list))
	for i, at := range list {
		ops[i] = &s.Ops[at]
	}
	return ops
}

func filters(u *sums, chosen string) []filter {
	all := slices.Clone(choices)
	for i := range all {
		all[i].On, all[i].Count = all[i].Key == chosen, u.shows[all[i].Key]
	}
	return slices.DeleteFunc(all, func(f filter) bool { return f.Key == "background" && f.Count == 0 && !f.On })
}

// tagsOf are the tags that there are, in alphabetical order.
func tagsOf(u *sums) []tagCount {
	var out []tagCount
	for _, name := range slices.Sorted(maps.Keys(u.tags)) {
		out = append(out, tagCount{name, u.tags[name]})
	}
	return out[:min(len(out), tagsShown)]
}

// classOrder is how classes stand in a bar: done on the left, what is left to do on the right.
var classOrder = []string{"good", "quiet", "busy", "back", "warn", "bad", "time", "idle"}

// segments is the bar of all ops.
func (s *snapshot) segments() []segment { return segmentsOf(s.sums().count) }

// segmentsOf is the bar of counted ops.
func segmentsOf(count map[looks]int) []segment {
	total := 0
	by := map[string]int{}
	for l, n := range count {
		by[l.Class] += n
		total += n
	}
	var out []segment
	seen := 0
	for _, class := range classOrder {
		if n := by[class]; n > 0 {
			from := seen * 1000 / total
			seen += n
			out = append(out, segment{X: from, Width: seen*1000/total - from, Class: class, Label: tally(count, class)})
		}
	}
	return out
}

// legend names each state that is there.
func (s *snapshot) legend() []legend {
	var out []legend
	shows := map[string]string{}
	for state, l := range stateLooks {
		shows[l.Word] = state.String()
	}
	shows[interrupted.Word], shows[retrying.Word] = "open", "open"
	shows[paused.Word], shows[cancelled.Word] = "background", "background"
	for l, n := range s.sums().count {
		out = append(out, legend{l, n, shows[l.Word]})
	}
	slices.SortFunc(out, func(a, b legend) int { return compareLooks(a.looks, b.looks) })
	return out
}

// Summary is the bar in words, for those who do not see it and for announcements.
func (p *overviewPage) Summary() string { return summary(p.Segments) }

func summary(segments []segment) string {
	words := make([]string, len(segments))
	for i, s := range segments {
		words[i] = s.Label
	}
	return strings.Join(words, ", ")
}
