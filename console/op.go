package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

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

	MoreNeeds, MoreNeededBy int // that have no room

	Attempts []attemptView // those of this page, the latest first
	Pages    pager
	Older    int // attempts that are not among the latest
	Trend    *trend
	Errand   *errand
	Beside   []fact // of one in the background
	Acts     []act
	Reason   string // as typed, when the act was refused
}

// linksShown is how many dependencies there is room for.
const linksShown = 100

// act is something that a person may do about an op.
type act struct{ Path, Label, Help, Class string }

// Sets reports whether the act wants figures.
func (a act) Sets() bool { return a.Path == "set" }

// Final reports whether nothing takes the act back, so that it is to be confirmed.
func (a act) Final() bool { return a.Path == "cancel" }

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
	history, err := shared(r.Context(), func(ctx context.Context) ([]store.Attempt, error) { return c.history(ctx, o, attemptsOfOp) })
	if err != nil {
		c.broken(w, r, root, err)
		return
	}
	p := opPage{page: c.page(w, r, root, title(id)), Op: s.view(o), Holder: s.Holder, Reason: reason}
	p.Problem, p.Held, p.Beside = problem, s.held(), s.besideFacts(o)
	if o.Background { // a run that holds the ledger is no hindrance
		p.Holder = nil
	}
	p.Trend = trendOf(history)
	if len(history) == attemptsOfOp {
		p.Older = history[0].Number - 1
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	var from, to int
	p.Pages, from, to = query{Page: max(page, 1), anchor: "h-history"}.pages(len(history), attemptsOfPage)
	for i := from; i < to; i++ {
		p.Attempts = append(p.Attempts, s.viewAttempt(&history[len(history)-1-i]))
	}
	if d, known := tookOf(history); known && !o.State.Open() {
		p.Op.Took = span(d)
	}
	for _, id := range o.DependsOn {
		if len(p.Needs)+len(p.Foreign) == linksShown {
			p.MoreNeeds++
		} else if d := s.find(id); d != nil {
			p.Needs = append(p.Needs, s.view(d))
		} else {
			p.Foreign = append(p.Foreign, id)
		}
	}
	for i := range s.Ops {
		if !slices.Contains(s.Ops[i].DependsOn, id) {
			continue
		}
		if len(p.NeededBy) == linksShown {
			p.MoreNeededBy++
			continue
		}
		p.NeededBy = append(p.NeededBy, s.view(&s.Ops[i]))
	}
	for _, a := range s.acts(o) {
		if actor := c.may(r, opActions[a.Path], id); actor != "" {
			p.Acts, p.Actor = append(p.Acts, a), actor
		}
	}
	if p.NoReload = len(p.Acts) > 0; p.NoReload && p.Token == "" {
		p.Token = c.token(w, r)
	}
	p.Errand = c.errands.latest(s.Now)
	c.show(w, r, status, "op", &p)
}

// acts are those that are legal in an op's state.
func (s *snapshot) acts(o *seq.OpStatus) []act {
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
	add(s.runnable(o), act{"run", "Run now", "Starts a run of this operation alone, by the same rules as any run. What depends on it waits for the next run.", "primary"})
	steers := o.Background && o.Registered && !o.State.Done()
	wanted := store.WantGo
	if o.Control != nil {
		wanted = o.Control.Wanted
	}
	steers = steers && wanted != store.WantCancel
	add(steers && wanted != store.WantPause, act{"pause", "Pause", "It ends with the batch that it is at, and nobody takes it up until it is resumed.", ""})
	add(steers && (wanted == store.WantPause || in(seq.RolledBack)), act{"resume", "Resume", "Whoever works in the background takes it up, where it stopped.", "primary"})
	add(steers, act{"set", "Set", "From the next batch on. What is left empty stays as it is; 0 leaves it to the operation.", ""})
	add(steers, act{"cancel", "Cancel", "Ends it for good: what its batches have done stays, and nothing takes this back.", "danger"})
	add(in(seq.Failed, seq.Tolerated, seq.Skipped, seq.Waived) || in(seq.Pending) && o.Crashes > 0,
		act{"retry", "Retry in the next run", "Calls nothing now. It records, under your name and with your reason, that the operation is pending again and that its crashes and failures no longer count; the next run takes it up.", ""})
	add(in(seq.Pending, seq.Scheduled, seq.Skipped, seq.Failed, seq.Tolerated, seq.RolledBack),
		act{"skip", "Skip", "Records that it need not run: from now on it counts as done, also for what depends on it.", "danger"})
	return out
}

// runnable reports whether a run of the op alone would call it.
func (s *snapshot) runnable(o *seq.OpStatus) bool {
	switch o.State {
	case seq.Pending, seq.Failed, seq.Tolerated, seq.Skipped, seq.RolledBack, seq.Scheduled:
	default:
		return false
	}
	return o.Registered && !o.Background && o.Refused == "" && len(o.Waits) == 0 && !o.Due.After(s.Now) && !s.sums().undoing
}
