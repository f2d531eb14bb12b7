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

const opsSearched = 100

func (c *console) run(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, "../", err)
		return
	}
	run, known, err := c.seq.Store().LookupRun(r.Context(), id)
	if err != nil {
		c.broken(w, r, "../", err)
		return
	}
	if !known {
		c.fail(w, r, "../", http.StatusNotFound, "No such run", fmt.Sprintf("The ledger does not know the run %.200q.", id))
		return
	}
	p := runPage{page: c.page(w, r, "../", "Run "+shortRun(id)), Run: s.viewRun(&run)}
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
	}
	attempts, err := c.seq.Store().RunAttempts(r.Context(), id, store.Position{}, opsSearched)
	if err != nil {
		c.broken(w, r, "../", err)
		return
	}
	for i := range attempts {
		p.Attempts = append(p.Attempts, s.viewAttempt(&attempts[i]))
	}
	slices.SortStableFunc(p.Attempts, func(a, b attemptView) int { return a.Started.Compare(b.Started) })
	c.show(w, r, http.StatusOK, "run", &p)
}

// Title is the attempt's op for people.
func (v attemptView) Title() string { return title(v.ID) }

// ShortRun is enough of the run's ID to tell it from its neighbours.
func (v attemptView) ShortRun() string { return shortRun(v.Run) }
