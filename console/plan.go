package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sequencer-go/seq"
	"github.com/sequencer-go/seq/plan"
	"github.com/sequencer-go/seq/store"
)

// planPage is what a run, or a rollback, would do now.
type planPage struct {
	page

	Plan  *plan.Plan
	Back  bool
	Waves []waveView
	Pages pager

	Findings     []findingView
	MoreFindings int
	Beside       []plan.Exclusion // left to the background
	MoreBeside   int
	Undo         []string
	MoreUndo     int

	Err    string // why there is no plan
	Reason string // as typed, when it was refused
	Now    time.Time
}

// stepView is a step of a plan as pages show it.
type stepView struct {
	*plan.Step

	AfterMore int

	Title string
	Took  string // how long its last attempt took, if there was one
	After []string
}

// waveView is the steps of one wave, as far as they are on the page.
type waveView struct {
	Number int // counted from 1
	Serial bool
	Steps  []stepView
}

const stepsShown = 200

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
	p.NoReload = p.MayRun || p.MayBack
	p.Reason = reasonOf(r)
	s, err := c.look(r.Context())
	if err != nil {
		c.broken(w, r, "", err)
		return
	}
	p.Held = s.held()
	plan, err := s.plan(r.Context(), back, preview)
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
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	var from, to int
	p.Pages, from, to = query{Page: max(page, 1), anchor: "main"}.pages(len(plan.Steps), stepsShown)
	found, more := cut(plan.Findings, firstShown)
	p.Findings, p.MoreFindings = viewFindings(found, p.Root), more
	p.Beside, p.MoreBeside = cut(plan.Background, firstShown)
	p.Undo, p.MoreUndo = cut(plan.Undo, firstShown)
	p.steps(plan.Steps, from, to, c.lastTook(r.Context(), s.among(plan.Steps[from:to]), plan.Direction))
	c.show(w, r, status, "plan", &p)
}

// steps shows a part of a plan, wave by wave; without waves if each holds one step.
func (p *planPage) steps(steps []plan.Step, from, to int, took map[string]time.Duration) {
	serial := len(steps) > 0 && steps[len(steps)-1].Wave == len(steps)-1
	wave := -1
	for i := from; i < to; i++ {
		step := &steps[i]
		v := stepView{Step: step, Title: title(step.ID)}
		for _, id := range step.DependsOn {
			v.After = append(v.After, title(id))
		}
		v.After, v.AfterMore = cut(v.After, firstShown)
		if d, known := took[step.ID]; known {
			v.Took = span(d)
		}
		if at := step.Wave; at != wave && !serial || wave < 0 {
			wave = at
			p.Waves = append(p.Waves, waveView{Number: at + 1, Serial: serial})
		}
		last := &p.Waves[len(p.Waves)-1]
		last.Steps = append(last.Steps, v)
	}
}

// among are the ops of steps, as far as the ledger knows them.
func (s *snapshot) among(steps []plan.Step) []*seq.OpStatus {
	wanted := make(map[string]bool, len(steps))
	for i := range steps {
		wanted[steps[i].ID] = true
	}
	var ops []*seq.OpStatus
	for i := range s.Ops {
		if wanted[s.Ops[i].ID] {
			ops = append(ops, &s.Ops[i])
		}
	}
	return ops
}

// plan is what a run, or a rollback, would do, asked once for each snapshot.
func (s *snapshot) plan(ctx context.Context, back bool, preview func(context.Context, ...seq.RunOption) (*plan.Plan, error)) (*plan.Plan, error) {
	slot := &s.plans[0]
	if back {
		slot = &s.plans[1]
	}
	select {
	case slot.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return shared(ctx, func(ctx context.Context) (*plan.Plan, error) {
		defer func() { <-slot.turn }()
		if slot.plan == nil && slot.err == nil {
			slot.plan, slot.err = preview(ctx)
		}
		return slot.plan, slot.err
	})
}

// planned is a plan that was asked for.
type planned struct {
	turn chan struct{} // holds something while one asks; others wait for it
	plan *plan.Plan
	err  error
}
