package console

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// opPage is the page of one op: all that code and ledger know of it.
type opPage struct {
	page

	Op       opView
	Holder   *store.LeaseError
	Needs    []opView // what it depends on
	Foreign  []string // dependencies that neither code nor ledger has
	NeededBy []opView
	Attempts []attemptView // the latest first
	Acts     []act
	Reason   string // as typed, when the act was refused
}

// act is something that a person may do about an op.
type act struct{ Path, Label, Help, Class string }

func (c *console) op(w http.ResponseWriter, r *http.Request) {
	c.showOp(w, r, http.StatusOK, "", "")
}

// showOp answers with the page of the op in the path, and a problem to tell of, if there is one.
func (c *console) showOp(w http.ResponseWriter, r *http.Request, status int, problem, reason string) {
	root := "../"
	if r.Method == http.MethodPost {
		root = "../../"
	}
	id := r.PathValue("id")
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, root, err)
		return
	}
	o := s.find(id)
	if o == nil {
		c.fail(w, r, root, http.StatusNotFound, "No such operation", fmt.Sprintf("Neither the code nor the ledger knows %.200q.", id))
		return
	}
	history, err := c.seq.Store().History(r.Context(), id, store.Page{Limit: attemptsShown})
	if err != nil {
		c.broken(w, r, root, err)
		return
	}
	p := opPage{page: c.page(w, r, root, title(id)), Op: s.view(o), Holder: s.Holder, Reason: reason}
	p.Problem = problem
	for i := range history {
		p.Attempts = append(p.Attempts, s.viewAttempt(&history[i]))
	}
	for _, id := range o.DependsOn {
		if d := s.find(id); d != nil {
			p.Needs = append(p.Needs, s.view(d))
		} else {
			p.Foreign = append(p.Foreign, id)
		}
	}
	for i := range s.Ops {
		if slices.Contains(s.Ops[i].DependsOn, id) {
			p.NeededBy = append(p.NeededBy, s.view(&s.Ops[i]))
		}
	}
	if p.Actor != "" {
		p.Acts = acts(o)
		p.NoReload = len(p.Acts) > 0
	}
	c.show(w, r, status, "op", &p)
}

// acts are those that are legal in an op's state.
func acts(o *seq.OpStatus) []act {
	var out []act
	add := func(when bool, a act) {
		if when {
			out = append(out, a)
		}
	}
	in := func(states ...seq.State) bool { return slices.Contains(states, o.State) }
	doubt := in(seq.Indeterminate, seq.RollbackPending, seq.RollbackFailed) || o.Crashes > 0 && !o.State.Open() && !o.State.Done()
	add(doubt, act{"done", "Resolve: it is done", "You looked, and its effect is there.", "primary"})
	add(doubt, act{"not-done", "Resolve: it is not done", "You looked, and its effect is not there: the next run takes it up.", ""})
	add(in(seq.Failed, seq.Tolerated, seq.Skipped, seq.Waived) || in(seq.Pending) && o.Crashes > 0,
		act{"retry", "Retry", "What stood in its way is mended: the next run takes it up.", "primary"})
	add(in(seq.Pending, seq.Scheduled, seq.Skipped, seq.Failed, seq.Tolerated, seq.RolledBack),
		act{"skip", "Skip", "It need not run: from now on it counts as done.", "danger"})
	return out
}
