package console

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/store"
)

// errand is a run or a rollback that somebody started from a page. It outlives the request; what it
// does is in the ledger, so only how it ended is kept here.
type errand struct {
	What  string // "run" or "rollback"
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
		c.showPlan(w, r, statusOf(err), false, refusal(err))
		return
	}
	c.start(w, r, false, &errand{What: "run", Actor: actor}, func(ctx context.Context) error {
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
	if err != nil {
		c.showPlan(w, r, statusOf(err), true, refusal(err))
		return
	}
	c.start(w, r, true, &errand{What: "rollback", Actor: actor}, func(ctx context.Context) error {
		_, err := c.seq.Rollback(ctx, c.as(r, actor, seq.Only(plan.IDs()...))...)
		return err
	})
}

// as are the options of what somebody starts from a page.
func (c *console) as(r *http.Request, actor string, opts ...seq.RunOption) []seq.RunOption {
	opts = append(opts, seq.By(actor), seq.Because(strings.TrimSpace(r.PostFormValue("reason"))), seq.Isolate(seq.OrFail))
	if !c.heard {
		opts = append(opts, seq.Using(c.news.Middleware()))
	}
	return opts
}

func (c *console) start(w http.ResponseWriter, r *http.Request, back bool, e *errand, do func(context.Context) error) {
	e.Since = c.clock.Now()
	if !c.errands.begin(e) {
		c.showPlan(w, r, http.StatusConflict, back, "What was started from this console before is not over yet.")
		return
	}
	go func() {
		err := fmt.Errorf("%w: the %s did not return", seq.ErrPanic, e.What)
		defer func() { c.errands.end(err); c.forget() }()
		err = do(c.ctx)
	}()
	c.forget()
	goTo(w, "", http.StatusSeeOther)
}

func refusal(err error) string {
	return store.ErrorText(err) + ". Nothing was started; look at it as it is now."
}
