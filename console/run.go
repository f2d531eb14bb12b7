package console

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/sequencer-go/seq/store"
)

// runPage is the page of one run.
type runPage struct {
	page

	Run      runView
	Ops      []opView // those that this run moved last
	Attempts []attemptView
	More     int // ops that have no room
}

const (
	runsSearched = 500
	opsSearched  = 100
)

func (c *console) run(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, "../", err)
		return
	}
	found := func(x store.Run) bool { return x.ID == id }
	i, runs := slices.IndexFunc(s.Runs, found), s.Runs
	if i < 0 {
		if runs, err = c.seq.Store().Runs(r.Context(), runsSearched); err != nil {
			c.broken(w, r, "../", err)
			return
		}
		i = slices.IndexFunc(runs, found)
	}
	if i < 0 {
		c.fail(w, r, "../", http.StatusNotFound, "No such run", fmt.Sprintf("None of the latest %d runs is %.200q.", runsSearched, id))
		return
	}
	p := runPage{page: c.page(w, r, "../", "Run "+shortRun(id)), Run: s.viewRun(&runs[i])}
	for i := range s.Ops {
		o := &s.Ops[i]
		if o.Run != id {
			continue
		}
		if len(p.Ops) == opsSearched {
			p.More++
			continue
		}
		p.Ops = append(p.Ops, s.view(o))
		history, err := c.seq.Store().History(r.Context(), o.ID)
		if err != nil {
			c.broken(w, r, "../", err)
			return
		}
		for j := range history {
			if history[j].Run == id {
				p.Attempts = append(p.Attempts, s.viewAttempt(&history[j]))
			}
		}
	}
	slices.SortStableFunc(p.Attempts, func(a, b attemptView) int { return a.Started.Compare(b.Started) })
	c.show(w, r, http.StatusOK, "run", &p)
}

// Title is the attempt's op for people.
func (v attemptView) Title() string { return title(v.ID) }

// ShortRun is enough of the run's ID to tell it from its neighbours.
func (v attemptView) ShortRun() string { return shortRun(v.Run) }
