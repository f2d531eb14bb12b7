package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// runPage is the page of one run. Its header says how the run stands now; what is below is what the
// run did, told from its own attempts, and stays the same whatever later runs do.
type runPage struct {
	page

	Run    runView
	Left   []opView // ops that this run settled without a call, and nobody touched since
	ETA    string
	Owed   []opView // what an unfinished rollback has to undo yet
	Beside *opView  // what it works on in the background, unless that has gone on to another run
	Saga   string   // why somebody has to end it, if it has no end

	Tally     []legend // attempts by what they led to
	Cause     []attemptView
	CauseMore int
	NotUndone []notUndone
	NotMore   int
	Undone    int // ops that were
	Timeline  *timeline
	Attempts  []attemptView // those of this page
	Views     []filter
	Query     query
	Pages     pager
	Total     int
	More      bool // there are attempts that have no room
}

// notUndone is an op that a rollback left as it was.
type notUndone struct{ ID, Title, Why string }

const (
	leftShown  = 8
	causeShown = 10
)

func (c *console) run(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, "../", err)
		return
	}
	run, err := c.lookupRun(r.Context(), s, id)
	if err != nil {
		c.broken(w, r, "../", err)
		return
	}
	if run == nil {
		c.fail(w, r, "../", http.StatusNotFound, "No such run", fmt.Sprintf("The ledger does not know the run %.200q. It may have been pruned.", id))
		return
	}
	record, err := c.runAttempts(r.Context(), s, run)
	if err != nil {
		c.broken(w, r, "../", err)
		return
	}
	p := runPage{page: c.page(w, r, "../", "Run "+shortRun(id)), Run: s.viewRun(run)}
	p.Total, p.More = len(record.Attempts), record.More
	s.header(&p, run)
	p.Held = s.held()
	if o := s.worked(run); o != nil {
		v := s.view(o)
		p.Beside = &v
	}
	p.tell(s, run, record.Attempts)
	critical := criticalPath(record.Attempts, s.end)
	show := r.URL.Query().Get("show")
	shown, views := s.choose(record.Attempts, critical, show)
	p.Views = views
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	var from, to int
	p.Query = query{Page: max(page, 1), Show: show, anchor: "h-time"}
	p.Pages, from, to = p.Query.pages(len(shown), attemptsOfPage)
	p.Timeline = s.timelineOf(record.Attempts, shown[from:to], critical, show != "")
	for _, i := range shown[from:to] {
		p.Attempts = append(p.Attempts, s.viewAttempt(&record.Attempts[i]))
	}
	c.show(w, r, http.StatusOK, "run", &p)
}

// choose lists the attempts that an address asks for, in the order in which they started unless it
// asks for the longest, and the choices that there are.
func (s *snapshot) choose(attempts []store.Attempt, critical map[int]bool, show string) (shown []int, views []filter) {
	all := make([]int, len(attempts))
	var failed, path []int
	for i := range attempts {
		all[i] = i
		if critical[i] {
			path = append(path, i)
		}
		switch a := &attempts[i]; a.State {
		case seq.Succeeded, seq.RolledBack, seq.Skipped:
		default:
			if !a.State.Open() {
				failed = append(failed, i)
			}
		}
	}
	shown = all
	switch show {
	case "failed":
		shown = failed
	case "critical":
		shown = path
	case "longest":
		took := func(i int) time.Duration { return s.end(&attempts[i]).Sub(attempts[i].Started) }
		slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(took(b), took(a)) })
	default:
		show = ""
	}
	for _, f := range []filter{
		{Key: "", Label: "As they started", Count: len(all)},
		{Key: "failed", Label: "Failed", Count: len(failed)},
		{Key: "critical", Label: "Critical path", Count: len(path)},
		{Key: "longest", Label: "Longest first", Count: len(all)},
	} {
		f.On = f.Key == show
		views = append(views, f)
	}
	return shown, views
}

// header says how the run stands now.
func (s *snapshot) header(p *runPage, run *store.Run) {
	for i := range s.Ops {
		o := &s.Ops[i]
		if o.Run != run.ID {
			continue
		}
		if o.State == seq.RollbackPending && len(p.Owed) < leftShown {
			p.Owed = append(p.Owed, s.view(o))
		}
		if (o.State == seq.Skipped || o.State == seq.Scheduled) && len(p.Left) < leftShown {
			p.Left = append(p.Left, s.view(o))
		}
	}
	for _, f := range s.unfinished() {
		if f.ID == run.ID {
			p.Saga = f.Detail
		}
	}
	if r := s.current(); r != nil && r.ID == run.ID {
		p.ETA = s.eta()
	}
}

// tell says what the attempts of a run amount to.
func (p *runPage) tell(s *snapshot, run *store.Run, attempts []store.Attempt) {
	count := map[looks]int{}
	type fate struct{ done, undone, tried bool }
	ops := map[string]*fate{}
	var order []string
	for i := range attempts {
		a := &attempts[i]
		v := s.viewAttempt(a)
		count[v.looks]++
		f := ops[a.ID]
		if f == nil {
			f = &fate{}
			ops[a.ID] = f
			order = append(order, a.ID)
		}
		switch {
		case a.Direction == store.Forward:
			f.done = a.State == seq.Succeeded || a.State == seq.Indeterminate
			if a.State == seq.Failed || a.State == seq.Indeterminate || a.Lost {
				p.Cause = append(p.Cause, v)
			}
		case a.State == seq.RolledBack:
			f.undone = true
			p.Undone++
		default:
			f.tried = true
			p.NotUndone = append(p.NotUndone, notUndone{a.ID, title(a.ID), v.Word + ": " + firstLine(a.Error)})
		}
	}
	if turnedBack(run.State) && run.Strategy != rollbackStrategy {
		for _, id := range order {
			if f := ops[id]; f.done && !f.undone && !f.tried {
				why := "it was not undone"
				if run.State == seq.RunRollingBack {
					why = "not undone yet"
				}
				if o := s.find(id); run.State != seq.RunRollingBack && (o == nil || !o.Reversible) {
					why = "it has no rollback"
				}
				p.NotUndone = append(p.NotUndone, notUndone{id, title(id), why})
			}
		}
	}
	p.NotUndone = slices.DeleteFunc(p.NotUndone, func(n notUndone) bool { return ops[n.ID].undone })
	p.Cause, p.CauseMore = cut(p.Cause, causeShown)
	p.NotUndone, p.NotMore = cut(p.NotUndone, causeShown*2)
	for l, n := range count {
		p.Tally = append(p.Tally, legend{looks: l, Count: n})
	}
	slices.SortFunc(p.Tally, func(a, b legend) int { return compareLooks(a.looks, b.looks) })
}

// rollbackStrategy is the strategy's name in a run that a person asked for to undo another.
const rollbackStrategy = "rollback"

func turnedBack(state seq.RunState) bool {
	return state == seq.RunRollingBack || state == seq.RunRolledBack || state == seq.RunRollbackFailed
}

// TurnedBack reports whether the run undid something, or set out to.
func (p *runPage) TurnedBack() bool { return turnedBack(p.Run.State) }

// Asked reports whether a person asked for the rollback.
func (p *runPage) Asked() bool { return p.Run.Strategy == rollbackStrategy }

// Unfinished reports whether the run has to be ended by another: its process died in the middle.
func (p *runPage) Unfinished() bool { return p.Run.Dead }

// cut is what there is room for, and how much more there is.
func cut[T any](list []T, n int) ([]T, int) {
	n = min(n, len(list))
	return list[:n], len(list) - n
}

// Title is the attempt's op for people.
func (v attemptView) Title() string { return title(v.ID) }

// ShortRun is enough of the run's ID to tell it from its neighbours.
func (v attemptView) ShortRun() string { return shortRun(v.Run) }
