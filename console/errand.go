package console

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// errand is a run or a rollback that somebody started from a page. It outlives the request; what it
// does is in the ledger, so only how it ended is kept here.
type errand struct {
	What  string // "run", "rollback", "run of" an op
	Actor string
	Since time.Time
	Over  bool
	Err   string
}

// errands holds the latest.
type errands struct {
	mu   sync.Mutex
	last *errand
}

// begin reports whether it may start: one at a time.
func (e *errands) begin(next *errand) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last != nil && !e.last.Over {
		return false
	}
	e.last = next
	return true
}

func (e *errands) end(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last.Over, e.last.Err = true, store.ErrorText(err)
}

// latest is the one to tell of: it is under way, or it failed within the last hour.
func (e *errands) latest(now time.Time) *errand {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last == nil || e.last.Over && (e.last.Err == "" || now.Sub(e.last.Since) > time.Hour) {
		return nil
	}
	copied := *e.last
	return &copied
}

// startRun runs the plan that the page showed, and no other.
func (c *console) startRun(w http.ResponseWriter, r *http.Request, actor string) {
	hash := r.PostFormValue("plan")
	plan, err := c.seq.Preview(r.Context())
	if err == nil && plan.Hash() != hash {
		err = seq.ErrPlanChanged
	}
	if err != nil {
		c.forget()
		c.showPlan(w, r, statusOf(err), false, refusal(err))
		return
	}
	back := func(problem string) { c.showPlan(w, r, http.StatusConflict, false, problem) }
	c.start(w, "", back, &errand{What: "run", Actor: actor}, func(ctx context.Context) error {
		_, err := c.seq.Run(ctx, c.as(r, actor, seq.Expect(hash))...)
		return err
	})
}

// startRollback undoes the ops that the page showed, and no others.
func (c *console) startRollback(w http.ResponseWriter, r *http.Request, actor string) {
	plan, err := c.seq.PreviewRollback(r.Context())
	if err == nil && plan.Hash() != r.PostFormValue("plan") {
		err = seq.ErrPlanChanged
	}
	if err == nil {
		switch {
		case reasonOf(r) == "":
			c.showPlan(w, r, http.StatusUnprocessableEntity, true, noReason)
			return
		case r.PostFormValue("confirm") != plan.Hash():
			c.showPlan(w, r, http.StatusUnprocessableEntity, true, "Confirm that you have read what will be undone.")
			return
		}
	}
	if err != nil {
		c.forget()
		c.showPlan(w, r, statusOf(err), true, refusal(err))
		return
	}
	back := func(problem string) { c.showPlan(w, r, http.StatusConflict, true, problem) }
	c.start(w, "", back, &errand{What: "rollback", Actor: actor}, func(ctx context.Context) error {
		_, err := c.seq.Rollback(ctx, c.as(r, actor, seq.Only(plan.IDs()...))...)
		return err
	})
}

// as are the options of what somebody starts from a page.
func (c *console) as(r *http.Request, actor string, opts ...seq.RunOption) []seq.RunOption {
	opts = append(opts, seq.By(actor), seq.Because(reasonOf(r)), seq.Isolate(seq.OrFail))
	if !c.heard {
		opts = append(opts, seq.Using(c.news.Middleware()))
	}
	return opts
}

// start does something that outlives the request, and sends the browser to a page; if it may not
// begin, back says why.
func (c *console) start(w http.ResponseWriter, to string, back func(problem string), e *errand, do func(context.Context) error) {
	e.Since = c.clock.Now()
	if !c.errands.begin(e) {
		back("What was started from this console before is not over yet.")
		return
	}
	go func() {
		err := fmt.Errorf("%w: the %s did not return", seq.ErrPanic, e.What)
		defer func() { c.errands.end(err); c.forget() }()
		err = do(c.ctx)
	}()
	c.forget()
	goTo(w, to, http.StatusSeeOther)
}

// runOne runs one op, and nothing else: what a run of it alone would do is asked first.
func (c *console) runOne(w http.ResponseWriter, r *http.Request, actor, reason string) {
	id := r.PathValue("id")
	refuse := func(problem string) { c.showOp(w, r, http.StatusConflict, problem, reason) }
	plan, err := c.seq.Preview(r.Context(), seq.Only(id))
	switch {
	case err != nil:
		c.showOp(w, r, statusOf(err), refusal(err), reason)
		return
	case len(plan.Undo) > 0:
		refuse("A rollback was interrupted, and goes on first: start a whole run, or say what happened.")
		return
	case len(plan.Steps) != 1 || plan.Steps[0].ID != id:
		refuse("A run of it alone would do nothing.")
		return
	}
	switch step := &plan.Steps[0]; {
	case step.Refused != "":
		refuse("No run will call it: " + step.Refused)
	case step.Skip != "":
		refuse("A run would skip it: " + step.Skip)
	case step.NotBefore.After(c.clock.Now()):
		refuse("It is not due before " + stamp(step.NotBefore) + ", and a run does not call it earlier.")
	default:
		hash := plan.Hash()
		c.start(w, "../"+escapedID(id), refuse, &errand{What: "run of " + title(id), Actor: actor}, func(ctx context.Context) error {
			_, err := c.seq.Run(ctx, c.as(r, actor, seq.Only(id), seq.Expect(hash))...)
			return err
		})
	}
}

func refusal(err error) string {
	return store.ErrorText(err) + ". Nothing was started; look at it as it is now."
}
