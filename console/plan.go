package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// planPage is what a run, or a rollback, would do now.
type planPage struct {
	page

	Plan  *plan.Plan
	Back  bool
	Waves [][]stepView
	Err   string // why there is no plan
	Now   time.Time
}

// stepView is a step of a plan as pages show it.
type stepView struct {
	*plan.Step

	Title string
	After []string
}

func (c *console) plan(w http.ResponseWriter, r *http.Request) {
	c.showPlan(w, r, http.StatusOK, false, "")
}

func (c *console) rollback(w http.ResponseWriter, r *http.Request) {
	c.showPlan(w, r, http.StatusOK, true, "")
}

func (c *console) showPlan(w http.ResponseWriter, r *http.Request, status int, back bool, problem string) {
	name, preview := "Next run", c.seq.Preview
	if back {
		name, preview = "Rollback", c.seq.PreviewRollback
	}
	p := planPage{page: c.page(w, r, "", name), Back: back, Now: c.clock.Now()}
	p.Problem = problem
	p.NoReload = p.Actor != ""
	plan, err := preview(r.Context())
	if errors.Is(err, context.DeadlineExceeded) {
		c.broken(w, r, "", err)
		return
	}
	if err != nil {
		p.Err = store.ErrorText(err)
		c.show(w, r, status, "plan", &p)
		return
	}
	p.Plan = plan
	serial := len(plan.Steps) > 0 && plan.Steps[len(plan.Steps)-1].Wave == len(plan.Steps)-1
	for i := range plan.Steps {
		step := &plan.Steps[i]
		v := stepView{Step: step, Title: title(step.ID)}
		for _, id := range step.DependsOn {
			v.After = append(v.After, title(id))
		}
		at := step.Wave
		if serial {
			at = 0
		}
		for len(p.Waves) <= at {
			p.Waves = append(p.Waves, nil)
		}
		p.Waves[at] = append(p.Waves[at], v)
	}
	c.show(w, r, status, "plan", &p)
}
